// What a node offers: docs/model.md 2.
#include <algorithm>
#include <cmath>
#include <map>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "planner/fit/fit.h"

namespace capacity::fit {
namespace {

// Above this share of the budget the answer is "tight" (docs/model.md 2.5; assumptions).
constexpr double kTightSharedMemory = 0.95;    // the system competes for the same memory
constexpr double kTightDiscreteMemory = 0.97;  // the card is the engine's alone

// CUDA context, driver and display reserve of one card (docs/model.md 2.4; assumption).
constexpr Bytes kCardOverhead{768LL << 20};

std::string Gib(Bytes bytes) { return absl::StrFormat("%.1f GiB", bytes.gib()); }

// The macOS releases that `limit` holds for. Apple changed the fractions with macOS 26.
enum class Era { kBefore26, kFrom26 };

bool HoldsIn(const catalog::MetalLimit& limit, Era era) {
  return era == Era::kBefore26 ? limit.macos_min < 26
                               : limit.macos_max == 0 || limit.macos_max >= 26;
}
const char* Name(Era era) { return era == Era::kBefore26 ? "before macOS 26" : "macOS 26"; }

struct WorkingSet {
  Bytes bytes;
  std::string basis;
};

double FractionOf(const catalog::MetalLimit& limit) {
  return static_cast<double>(limit.working_set.count) / static_cast<double>(limit.ram.count);
}

// Straight line between the neighbouring sizes of the table; beyond its ends the last fraction.
std::optional<double> InterpolatedFraction(const std::map<Bytes, double>& fractions, Bytes ram) {
  if (fractions.empty()) return std::nullopt;
  const auto above = fractions.lower_bound(ram);
  if (above == fractions.begin()) return above->second;
  const auto below = std::prev(above);
  if (above == fractions.end()) return below->second;
  const double way = static_cast<double>((ram - below->first).count) /
                     static_cast<double>((above->first - below->first).count);
  return below->second + way * (above->second - below->second);
}

// docs/model.md 2.2 and 2.3.
std::optional<WorkingSet> TableWorkingSet(const catalog::Catalog& catalog, Bytes ram, Era era) {
  std::map<Bytes, double> fractions;
  for (const catalog::MetalLimit& limit : catalog.metal_limits) {
    if (!HoldsIn(limit, era)) continue;
    if (limit.ram == ram) {
      return WorkingSet{limit.working_set, absl::StrCat("table, ", Name(era))};
    }
    fractions.emplace(limit.ram, FractionOf(limit));
  }
  if (era == Era::kBefore26) {
    // Apple's rule then: two thirds up to 32 GiB, three quarters above.
    const double fraction = ram <= GiB(32) ? 2.0 / 3.0 : 0.75;
    return WorkingSet{ram * fraction,
                      absl::StrFormat("rule, %s: %.2f of memory", Name(era), fraction)};
  }
  const std::optional<double> fraction = InterpolatedFraction(fractions, ram);
  if (!fraction) return std::nullopt;
  return WorkingSet{ram * *fraction,
                    absl::StrFormat("interpolated, %s: %.3f of memory; this size has not been seen",
                                    Name(era), *fraction)};
}

absl::StatusOr<WorkingSet> MetalWorkingSet(const catalog::Catalog& catalog,
                                           const fleet::Node& node) {
  const Bytes ram = node.memory();
  if (ram.count <= 0) {
    return absl::FailedPreconditionError(
        absl::StrCat(node.name, ": the installed memory is not known"));
  }
  const std::optional<WorkingSet> old = TableWorkingSet(catalog, ram, Era::kBefore26);
  const std::optional<WorkingSet> recent = TableWorkingSet(catalog, ram, Era::kFrom26);
  if (node.os_version) {
    const std::optional<WorkingSet>& known = node.os_version->major < 26 ? old : recent;
    if (known) return *known;
  } else if (old && recent) {
    WorkingSet smaller = old->bytes <= recent->bytes ? *old : *recent;
    if (old->bytes != recent->bytes) {
      smaller.basis += "; macOS version not stated, the smaller of the two taken";
    }
    return smaller;
  }
  return absl::FailedPreconditionError(
      absl::StrCat(node.name, ": the catalogue has no Metal limit for a Mac with ", Gib(ram),
                   "; state memory_budget (Metal's recommendedMaxWorkingSetSize)"));
}

absl::StatusOr<Budget> MacBudget(const catalog::Catalog& catalog, const fleet::Node& node) {
  Budget budget;
  if (node.overrides.wired_limit && node.overrides.wired_limit->count > 0) {
    budget.bytes = *node.overrides.wired_limit;
    budget.source = absl::StrCat("iogpu.wired_limit_mb: ", Gib(budget.bytes));
  } else {
    absl::StatusOr<WorkingSet> set = MetalWorkingSet(catalog, node);
    if (!set.ok()) return set.status();
    budget.bytes = set->bytes;
    budget.source = absl::StrCat("Metal working set of ", Gib(node.memory()), ": ",
                                 Gib(budget.bytes), " (", set->basis, ")");
  }
  return budget;
}

absl::StatusOr<Budget> DiscreteBudget(const fleet::Node& node) {
  const int cards = node.cards();
  const Bytes card = node.vram_per_card();
  if (card <= kCardOverhead) {
    return absl::FailedPreconditionError(
        absl::StrCat(node.name, ": the catalogue does not say how much memory a ", node.chip->id,
                     " has; state vram_per_accelerator"));
  }
  Budget budget;
  budget.bytes = (card - kCardOverhead) * cards;
  budget.devices = cards;
  budget.source = absl::StrCat(cards, " x ", Gib(card), " VRAM less ", Gib(kCardOverhead),
                               " each for driver and context");
  return budget;
}

absl::StatusOr<Budget> UnifiedBudget(const fleet::Node& node) {
  if (!node.machine->memory_available) {
    return absl::FailedPreconditionError(
        absl::StrCat(node.name, ": the catalogue does not say how much memory a fresh ",
                     node.machine->id, " leaves to programs; state memory_budget"));
  }
  Budget budget;
  budget.bytes = *node.machine->memory_available;
  budget.source = absl::StrCat("memory available on a fresh system: ", Gib(budget.bytes));
  return budget;
}

absl::StatusOr<Budget> GrossBudget(const catalog::Catalog& catalog, const fleet::Node& node) {
  if (node.overrides.memory_budget) {
    Budget budget;
    budget.bytes = *node.overrides.memory_budget;
    budget.devices = node.cards();
    budget.source = absl::StrCat("stated for this node: ", Gib(budget.bytes));
    return budget;
  }
  if (node.has_cards()) return DiscreteBudget(node);
  if (node.machine->os == catalog::OperatingSystem::kMacos) return MacBudget(catalog, node);
  return UnifiedBudget(node);
}

}  // namespace

absl::StatusOr<Budget> NodeBudget(const catalog::Catalog& catalog, const fleet::Node& node) {
  absl::StatusOr<Budget> budget = GrossBudget(catalog, node);
  if (!budget.ok()) return budget.status();
  // MemAvailable, when stated, is already net of what other programs hold.
  const bool net = node.overrides.memory_budget && !node.has_cards() &&
                   node.machine->os != catalog::OperatingSystem::kMacos;
  if (!net && node.overrides.memory_used && node.overrides.memory_used->count > 0) {
    budget->bytes = std::max(Bytes{0}, budget->bytes - *node.overrides.memory_used);
    absl::StrAppend(&budget->source, ", less ", Gib(*node.overrides.memory_used),
                    " in use by other programs");
  }
  budget->tight_above =
      budget->bytes * (node.has_cards() ? kTightDiscreteMemory : kTightSharedMemory);
  return budget;
}

}  // namespace capacity::fit
