// Every rung of a ladder, bought for real: the machines and the links that the ladder says it would
// use are added to the fleet, and the public plan of that fleet is worth what the ladder promised.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "planner/inventory/inventory.h"
#include "planner/plan.h"
#include "tests/support/shipped.h"

namespace capacity {
namespace {

using capacity::testing::Fitted;
using capacity::testing::Shipped;

fleet::Scenario Inventory(const std::string& name, double demand) {
  fleet::Scenario scenario =
      *inventory::LoadScenario(Shipped(), "inventories/" + name + ".yaml", {}).value;
  for (fleet::Workload& workload : scenario.workloads) {
    if (workload.input_tokens_per_day) *workload.input_tokens_per_day *= demand;
    if (workload.output_tokens_per_day) *workload.output_tokens_per_day *= demand;
  }
  return scenario;
}

// The fleet with a purchase in it.
struct Bought {
  std::vector<fleet::Node> nodes;
  std::vector<fleet::LinkGroup> links;
  double standby = 0;  // electricity of what is bought, idle, US dollars a month

  int Find(const std::string& name) const {
    const auto node = std::find_if(nodes.begin(), nodes.end(),
                                   [&](const auto& other) { return other.name == name; });
    return node == nodes.end() ? -1 : static_cast<int>(node - nodes.begin());
  }
};

double IdleCost(const fleet::Scenario& scenario, std::optional<Watts> idle) {
  constexpr double kHours = 720;
  return idle.value_or(Watts{0}).value / 1000 * kHours *
         scenario.assumptions.electricity_usd_per_kwh;
}

void AddMachines(const fleet::Scenario& scenario, const purchase::Rung& rung, Bought& bought) {
  for (const purchase::BoughtItem& item : rung.items) {
    if (const auto* cable = Shipped().FindItem(item.item)) {
      bought.standby += item.count * IdleCost(scenario, cable->power);
      continue;
    }
    fleet::Node node;
    node.machine = Shipped().FindMachine(item.item);
    node.chip = Shipped().FindChip(node.machine->chip);
    for (int i = 0; i < item.count; ++i) {
      int number = 1;
      do {
        node.name = "new " + item.item + " #" + std::to_string(number++);
      } while (bought.Find(node.name) >= 0);
      bought.nodes.push_back(node);
      bought.standby += IdleCost(scenario, node.idle_power());
    }
  }
}

// The links of every cluster at work that has something new in it.
void AddLinks(const purchase::FleetValue& value, int owned, Bought& bought) {
  for (const purchase::Assignment& assignment : value.assignments) {
    const std::size_t size = assignment.placement.nodes.size();
    const catalog::Link* link = assignment.placement.link;
    if (size < 2 || link == nullptr) continue;
    for (std::size_t first = 0; first < assignment.node_names.size(); first += size) {
      std::vector<int> members;
      bool fresh = false;
      for (std::size_t i = 0; i < size; ++i) {
        members.push_back(bought.Find(assignment.node_names[first + i]));
        ASSERT_GE(members.back(), 0) << assignment.node_names[first + i];
        fresh = fresh || members.back() >= owned;
      }
      std::sort(members.begin(), members.end());
      const bool linked = std::any_of(bought.links.begin(), bought.links.end(), [&](auto& group) {
        return group.link == link && group.members == members;
      });
      if (!linked && (fresh || link->medium != "ethernet")) {
        bought.links.push_back(fleet::FullMesh(*link, members));
      }
    }
  }
}

TEST(ResimulationTest, TheFleetWithARungIsWorthWhatTheRungPromised) {
  struct Case {
    const char* inventory;
    double demand;
    double budget;
  };
  int rungs = 0;
  for (const Case& c :
       {Case{"one-m4-max", 8, 12'000}, Case{"one-m4-max", 60, 20'000}, Case{"home-lab", 5, 10'000},
        Case{"home-lab", 20, 20'000}, Case{"two-sparks", 1, 10'000}, Case{"example", 1, 10'000}}) {
    const fleet::Scenario scenario = Inventory(c.inventory, c.demand);
    for (fleet::Baseline baseline :
         {fleet::Baseline::kFrontierEquivalent, fleet::Baseline::kSameModelHosted}) {
      SCOPED_TRACE(std::string(c.inventory) + " x " + std::to_string(c.demand) + " " +
                   Name(baseline));
      PlanOptions options;
      options.budget = Usd::FromDollars(c.budget);
      options.baseline = baseline;
      options.compare = false;
      const Plan plan = *MakePlan(Shipped(), Fitted(), scenario, options);
      Bought bought{scenario.fleet.nodes(), scenario.fleet.links(), 0};
      const auto owned = static_cast<int>(bought.nodes.size());
      for (const purchase::Rung& rung : plan.ladder().rungs) {
        ++rungs;
        AddMachines(scenario, rung, bought);
        Bought now = bought;
        AddLinks(rung.after, owned, now);
        auto fleet = fleet::Fleet::Create(now.nodes, now.links, scenario.fleet.measurements());
        ASSERT_TRUE(fleet.ok()) << fleet.status();
        fleet::Scenario after = scenario;
        after.fleet = *std::move(fleet);
        after.offers.clear();
        PlanOptions nothing = options;
        nothing.budget = Usd{0};
        const Plan again = *MakePlan(Shipped(), Fitted(), after, nothing);
        // Idle electricity of what one owns is paid either way, and so not in the value of a fleet.
        EXPECT_NEAR(again.ladder().today.value.value - now.standby, rung.after.value.value,
                    1e-6 * std::max(1.0, rung.after.value.value));
      }
    }
  }
  EXPECT_GE(rungs, 6);
}

}  // namespace
}  // namespace capacity
