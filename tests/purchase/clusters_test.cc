#include "planner/purchase/clusters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>

#include "planner/economics/economics.h"
#include "planner/inventory/inventory.h"
#include "tests/support/shipped.h"

namespace capacity::purchase {
namespace {

using capacity::testing::Shipped;

using ::testing::Contains;
using ::testing::HasSubstr;

fleet::Node NodeOf(const std::string& name, const std::string& machine) {
  fleet::Node node;
  node.name = name;
  node.machine = Shipped().FindMachine(machine);
  node.chip = Shipped().FindChip(node.machine->chip);
  return node;
}

fleet::Offer OfferOf(const std::string& item, double usd) {
  fleet::Offer offer;
  offer.id = item;
  offer.item = item;
  offer.price = offer.price_low = offer.price_high = Usd::FromDollars(usd);
  return offer;
}

// 355 billion parameters: about 200 GB at 4 bits, more than any machine below has.
fleet::Workload LargeModel() {
  fleet::Workload workload;
  workload.name = "large";
  workload.models = {"glm-4.5"};
  return workload;
}

fleet::Scenario ScenarioOf(std::vector<fleet::Node> nodes, std::vector<fleet::LinkGroup> links,
                           std::vector<fleet::Offer> offers) {
  fleet::Scenario scenario;
  scenario.fleet = *fleet::Fleet::Create(std::move(nodes), std::move(links), {});
  scenario.offers = std::move(offers);
  scenario.workloads = {LargeModel()};
  return scenario;
}

Candidates Find(const fleet::Scenario& scenario) {
  return FindCandidates(Shipped(), throughput::Calibration{}, scenario,
                        {.budget = Usd::FromDollars(100'000)});
}

int Total(const std::vector<int>& counts) {
  return std::accumulate(counts.begin(), counts.end(), 0);
}

// "2 over rdma-cx7-200g: 1 qsfp56-dac-200g", sorted and distinct.
std::vector<std::string> Described(const Candidates& found) {
  std::vector<std::string> lines;
  for (const Candidate& candidate : found.clusters) {
    if (Total(candidate.kinds) < 2) continue;
    std::string line = std::to_string(Total(candidate.kinds)) + " over " +
                       candidate.services.front().placement.link->id + ":";
    for (std::size_t i = 0; i < candidate.items.size(); ++i) {
      if (candidate.items[i] == 0) continue;
      line += " " + std::to_string(candidate.items[i]) + " " + found.items[i].item->id;
    }
    lines.push_back(std::move(line));
  }
  std::sort(lines.begin(), lines.end());
  lines.erase(std::unique(lines.begin(), lines.end()), lines.end());
  return lines;
}

TEST(FindCandidatesTest, TwoSparksTakeOneCableAndThreeASwitch) {
  const Candidates found = Find(ScenarioOf(
      {NodeOf("spark", "dgx-spark")}, {},
      {OfferOf("dgx-spark", 4699), OfferOf("qsfp56-dac-200g", 150), OfferOf("crs812", 1295)}));
  const std::vector<std::string> lines = Described(found);
  EXPECT_THAT(lines, Contains("2 over rdma-cx7-200g: 1 qsfp56-dac-200g"));
  EXPECT_THAT(lines, ::testing::Not(Contains(HasSubstr("2 over rdma-cx7-200g: 2"))));
  for (const std::string& line : lines) {
    if (line.rfind("3 over rdma-cx7", 0) == 0) {
      EXPECT_EQ(line, "3 over rdma-cx7-200g: 3 qsfp56-dac-200g 1 crs812");
    }
  }
}

TEST(FindCandidatesTest, AClusterWhoseCableHasNoPriceIsLeftOutWithANote) {
  const Candidates found =
      Find(ScenarioOf({NodeOf("spark", "dgx-spark")}, {}, {OfferOf("dgx-spark", 4699)}));
  EXPECT_THAT(Described(found), ::testing::Not(Contains(HasSubstr("cx7"))));
  EXPECT_THAT(found.notes, Contains(HasSubstr("qsfp56-dac-200g has no price")));
}

TEST(FindCandidatesTest, AListPriceFromBeforeTheMakerStoppedSellingIsWarnedOf) {
  constexpr const char* kWarning = "its maker stopped selling it on 2026-08-25";
  fleet::Offer offer = OfferOf("mac-studio-m3-ultra-96gb", 5299);
  const std::vector<fleet::Node> nodes = {NodeOf("spark", "dgx-spark")};
  offer.as_of = "2026-06-25";
  EXPECT_THAT(Find(ScenarioOf(nodes, {}, {offer})).notes, Contains(HasSubstr(kWarning)));
  offer.condition = catalog::Condition::kUsed;
  EXPECT_THAT(Find(ScenarioOf(nodes, {}, {offer})).notes,
              ::testing::Not(Contains(HasSubstr(kWarning))));
  offer.condition = catalog::Condition::kNew;
  offer.as_of = "2026-11";  // of somebody who has one left
  EXPECT_THAT(Find(ScenarioOf(nodes, {}, {offer})).notes,
              ::testing::Not(Contains(HasSubstr(kWarning))));
}

TEST(FindCandidatesTest, AMeshNeedsACableForEveryPairThatHasNone) {
  std::vector<fleet::Node> nodes = {NodeOf("a", "mac-studio-m3-ultra-96gb"),
                                    NodeOf("b", "mac-studio-m3-ultra-96gb")};
  const std::vector<fleet::Offer> offers = {OfferOf("mac-studio-m3-ultra-96gb", 5299),
                                            OfferOf("thunderbolt5-cable", 69)};
  const fleet::LinkGroup joined{
      .link = Shipped().FindLink("rdma-tb5"), .members = {0, 1}, .pairs = {{0, 1}}};
  bool three_apart = false;
  const Candidates apart = Find(ScenarioOf(nodes, {}, offers));
  const Candidates linked = Find(ScenarioOf(nodes, {joined}, offers));
  auto cables = [](const Candidates& found, const std::vector<int>& kinds) {
    for (const Candidate& candidate : found.clusters) {
      if (candidate.kinds == kinds && candidate.services.front().placement.link->id == "rdma-tb5") {
        return Total(candidate.items);
      }
    }
    return -1;
  };
  // Kinds: the two owned, the new one. A third node joins both.
  if (cables(apart, {2, 2}) >= 0) {
    three_apart = true;
    EXPECT_EQ(cables(apart, {2, 2}), 6);
    EXPECT_EQ(cables(linked, {2, 2}), 5);
  }
  EXPECT_TRUE(three_apart) << "four 96 GB Ultras hold the model";
}

TEST(FindCandidatesTest, TheSameMachineForLessReplacesTheDearerOne) {
  const Candidates found =
      Find(ScenarioOf({NodeOf("spark", "dgx-spark")}, {},
                      {OfferOf("dgx-spark", 4699), OfferOf("asus-ascent-gx10", 3494)}));
  EXPECT_THAT(found.notes, Contains(HasSubstr("dgx-spark left out: asus-ascent-gx10 is the same")));
  fleet::Scenario limited =
      ScenarioOf({NodeOf("spark", "dgx-spark")}, {},
                 {OfferOf("dgx-spark", 4699), OfferOf("asus-ascent-gx10", 3494)});
  limited.offers[1].max_count = 1;  // runs out
  EXPECT_THAT(Find(limited).notes, ::testing::Not(Contains(HasSubstr("is the same for less"))));
}

// ---------------------------------------------------------------- bounds

// Output and dollars per token of everything that runs on these nodes, worked out one by one.
struct Outcome {
  std::string what;
  std::size_t workload = 0;
  std::map<fleet::Baseline, double> saved;
  double mtok = 0;
};

std::vector<Outcome> EveryOutcome(const fleet::Scenario& scenario, const std::vector<int>& nodes) {
  const throughput::Calibration calibration;
  const placement::Placer placer(Shipped(), calibration, scenario.fleet, {});
  std::vector<Outcome> outcomes;
  for (std::size_t w = 0; w < scenario.workloads.size(); ++w) {
    const fleet::Workload& workload = scenario.workloads[w];
    const placement::Load load{workload.context_tokens, workload.prompt_tokens,
                               workload.concurrency};
    for (const catalog::Model& model : Shipped().models) {
      if (!economics::Accepts(Shipped(), workload, model)) continue;
      for (const catalog::Quantization& quant : Shipped().quantizations) {
        if (!placement::Proposable(quant, model, 4)) continue;
        for (const placement::Placement& placed : placer.EnumerateOn(nodes, model, quant, load)) {
          if (!placed.speed || placed.verdict == fit::Verdict::kDoesNotFit) continue;
          if (nodes.size() > 1 && placed.strategy == throughput::Strategy::kReplicas) continue;
          const double per_stream = placed.speed->decode_tps.mid / workload.concurrency;
          if (per_stream < workload.min_decode_tps.value_or(0)) continue;
          Outcome outcome{model.id + " " + quant.id + " " + Name(placed.engine), w, {}, 0};
          outcome.mtok = MtokPerMonth(workload, {placed.speed->decode_tps.mid},
                                      {placed.speed->prefill_tps.mid});
          for (fleet::Baseline baseline : fleet::kBaselines) {
            const auto price = economics::PriceFor(Shipped(), workload, model, baseline);
            if (!price.ok()) continue;
            outcome.saved[baseline] = economics::SavedPerOutputMtok(workload, *price).value;
          }
          if (!outcome.saved.empty()) outcomes.push_back(std::move(outcome));
        }
      }
    }
  }
  return outcomes;
}

// The first node runs a model at 200 tokens/s, far more than the catalogue says of it: everything
// on nodes like it is then taken to be faster.
fleet::Fleet MeasuredTwiceAsFast(const fleet::Fleet& fleet) {
  fleet::SpeedMeasurement run;
  run.nodes = {0};
  run.model = Shipped().FindModel("gpt-oss-120b");
  run.quant = Shipped().FindQuantization("mlx-mxfp4-q4");
  run.engine = catalog::Engine::kMlx;
  run.context_tokens = 1024;
  run.decode = TokensPerSecond{200};
  return *fleet::Fleet::Create(fleet.nodes(), fleet.links(), {run});
}

double FastestAtLeast(const Candidate& candidate, const Outcome& outcome,
                      fleet::Baseline baseline) {
  double fastest = 0;
  for (const Service& service : candidate.services) {
    const auto saved = service.saved.find(baseline);
    if (service.workload != static_cast<int>(outcome.workload)) continue;
    if (saved == service.saved.end()) continue;
    if (saved->second.value < outcome.saved.at(baseline)) continue;
    fastest = std::max(fastest, service.mtok_per_month);
  }
  return fastest;
}

// Nothing that was left out before its speed was worked out would have been of use: a service that
// was kept, or the nodes by themselves, makes as many tokens at no less saved for each.
TEST(FindCandidatesTest, NothingUsefulIsLeftOutByBounds) {
  for (const char* name : {"home-lab", "four-m3-ultra-rdma", "home-lab, one node measured"}) {
    const std::string file = std::string(name).substr(0, std::string(name).find(','));
    fleet::Scenario owned =
        *inventory::LoadScenario(Shipped(), "inventories/" + file + ".yaml", {}).value;
    owned.offers.clear();
    if (file != name) owned.fleet = MeasuredTwiceAsFast(owned.fleet);
    const Candidates found = Find(owned);
    std::vector<const Candidate*> single_of(found.kinds.size(), nullptr);
    for (const Candidate& candidate : found.clusters) {
      if (candidate.kind_of_node.size() == 1) {
        single_of[static_cast<std::size_t>(candidate.kind_of_node[0])] = &candidate;
      }
    }
    int checked = 0;
    for (const Candidate& candidate : found.clusters) {
      const std::vector<int>& nodes = candidate.services.front().placement.nodes;
      if (nodes.size() > 2) continue;  // the slow way takes too long
      for (const Outcome& outcome : EveryOutcome(owned, nodes)) {
        for (const auto& [baseline, saved] : outcome.saved) {
          ++checked;
          // Over whichever of the links between these nodes.
          double reached = 0;
          for (const Candidate& other : found.clusters) {
            if (other.kinds != candidate.kinds) continue;
            reached = std::max(reached, FastestAtLeast(other, outcome, baseline));
          }
          double apart = 0;
          for (int kind : candidate.kind_of_node) {
            const Candidate* single = single_of[static_cast<std::size_t>(kind)];
            if (single != nullptr) apart += FastestAtLeast(*single, outcome, baseline);
          }
          reached = std::max(reached, apart);
          EXPECT_GE(reached, outcome.mtok * (1 - 1e-9))
              << name << ", " << nodes.size() << " nodes, " << outcome.what << ", "
              << fleet::Name(baseline);
        }
      }
    }
    EXPECT_GT(checked, 1000) << name;
  }
}

}  // namespace
}  // namespace capacity::purchase
