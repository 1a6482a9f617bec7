#include "planner/purchase/goods.h"

#include <algorithm>
#include <numeric>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/placement/placement.h"
#include "planner/purchase/problem.h"

namespace capacity::purchase {
namespace {

bool SamePorts(const catalog::Ports& a, const catalog::Ports& b) {
  auto flat = [](const catalog::Ports& p) {
    const auto t = p.thunderbolt.value_or(catalog::ThunderboltPorts{});
    const auto c = p.connectx7.value_or(catalog::ConnectX7Ports{});
    return std::tuple(t.version, t.count, t.rdma, c.cages, c.gbps, p.ethernet_gbps);
  };
  return flat(a) == flat(b);
}

bool SameMachine(const fleet::Node& x, const fleet::Node& y) {
  const catalog::Machine& a = *x.machine;
  const catalog::Machine& b = *y.machine;
  return x.chip == y.chip && a.memory == b.memory && a.os == b.os && x.cards() == y.cards() &&
         x.vram_per_card() == y.vram_per_card() && a.idle_power == b.idle_power &&
         x.load_power() == y.load_power() && a.memory_available == b.memory_available &&
         SamePorts(a.ports, b.ports);
}

class Sorter {
 public:
  Sorter(const catalog::Catalog& catalog, const fleet::Scenario& scenario)
      : catalog_(catalog), scenario_(scenario) {}

  Goods Sort() {
    for (const placement::NodeKind& kind : placement::GroupKinds(scenario_.fleet)) {
      const fleet::Node& node =
          scenario_.fleet.nodes()[static_cast<std::size_t>(kind.nodes.front())];
      goods_.kinds.push_back({.machine = node.machine, .node = node, .owned = kind.nodes});
    }
    std::vector<int> order(scenario_.offers.size());
    std::iota(order.begin(), order.end(), 0);
    std::stable_sort(order.begin(), order.end(), [this](int a, int b) {
      return std::tie(OfferAt(a).price, OfferAt(a).id) < std::tie(OfferAt(b).price, OfferAt(b).id);
    });
    for (int index : order) Add(index);
    for (const MachineKind& kind : goods_.kinds) {
      CheckPower(kind);
      CheckSale(kind);
    }
    return std::move(goods_);
  }

 private:
  const fleet::Offer& OfferAt(int index) const {
    return scenario_.offers[static_cast<std::size_t>(index)];
  }

  void Add(int index) {
    const fleet::Offer& offer = OfferAt(index);
    if (const catalog::InterconnectItem* item = catalog_.FindItem(offer.item)) {
      goods_.item_offers[item->id].push_back(index);
      return;
    }
    const catalog::Machine* machine = catalog_.FindMachine(offer.item);
    const catalog::Chip* chip = machine == nullptr ? nullptr : catalog_.FindChip(machine->chip);
    if (chip == nullptr) {
      goods_.notes.push_back(
          absl::StrCat("offer ", offer.id, " left out: the catalogue does not say what it is"));
      return;
    }
    for (MachineKind& kind : goods_.kinds) {
      if (kind.owned.empty() && kind.machine == machine) {
        kind.offers.push_back(index);
        return;
      }
    }
    fleet::Node node;
    node.name = absl::StrCat("new ", machine->id);
    node.machine = machine;
    node.chip = chip;
    if (const fleet::Offer* same = SameForLess(node)) {
      goods_.notes.push_back(
          absl::StrCat("offer ", offer.id, " left out: ", same->id, " is the same for less"));
      return;
    }
    goods_.kinds.push_back({.machine = machine, .node = std::move(node), .offers = {index}});
  }

  const fleet::Offer* SameForLess(const fleet::Node& node) const {
    for (const MachineKind& kind : goods_.kinds) {
      if (kind.offers.empty() || !SameMachine(kind.node, node)) continue;
      const fleet::Offer& offer = OfferAt(kind.offers.front());
      if (offer.max_count >= kUnlimited) return &offer;
    }
    return nullptr;
  }

  void CheckPower(const MachineKind& kind) {
    const bool idle = kind.node.idle_power().has_value();
    const bool load = kind.node.load_power().has_value();
    if (idle && load) return;
    std::string note = absl::StrCat(kind.machine->id, ": ");
    if (!idle && !load) {
      note += "power not known; its electricity is not counted";
    } else if (!load) {
      note += "power under load not known; its electricity while running is not counted";
    } else {
      note += "idle power not known; running counts all of its load power, standby nothing";
    }
    goods_.notes.push_back(std::move(note));
  }

  // A list price from before its maker stopped selling a machine is worth a warning; days compare
  // as text.
  void CheckSale(const MachineKind& kind) {
    const std::string& withdrawn = kind.machine->withdrawn;
    if (withdrawn.empty()) return;
    for (const int index : kind.offers) {
      const fleet::Offer& offer = OfferAt(index);
      if (offer.condition != catalog::Condition::kNew || offer.as_of.empty() ||
          offer.as_of >= withdrawn) {
        continue;
      }
      goods_.notes.push_back(absl::StrCat(
          kind.machine->id, ": its maker stopped selling it on ", withdrawn, "; the price of ",
          offer.as_of, " may no longer be had: state today's under `offers:` in the inventory"));
      return;
    }
  }

  const catalog::Catalog& catalog_;
  const fleet::Scenario& scenario_;
  Goods goods_;
};

}  // namespace

Goods SortGoods(const catalog::Catalog& catalog, const fleet::Scenario& scenario) {
  return Sorter(catalog, scenario).Sort();
}

}  // namespace capacity::purchase
