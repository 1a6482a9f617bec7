#include "planner/catalog/identify.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "planner/wire/live_fleet.h"

namespace capacity::wire {
namespace {

std::optional<Bytes> Size(bool known, std::uint64_t bytes) {
  if (!known) return std::nullopt;
  return Bytes{static_cast<std::int64_t>(bytes)};
}

catalog::Seen SeenIn(const v1::NodeReport& report) {
  catalog::Seen seen;
  seen.vendor = report.machine().vendor();
  seen.product = report.machine().product();
  seen.model_identifier = report.machine().model_identifier();
  seen.chip_name = report.processor().name();
  seen.memory = Size(report.memory().has_installed_bytes(), report.memory().installed_bytes());
  seen.visible = Size(report.memory().has_visible_bytes(), report.memory().visible_bytes());
  seen.firmware_gpu =
      Size(report.memory().has_firmware_gpu_bytes(), report.memory().firmware_gpu_bytes());
  for (const v1::Accelerator& accelerator : report.accelerators()) {
    if (accelerator.has_gpu_cores()) seen.gpu_cores = static_cast<int>(accelerator.gpu_cores());
    seen.accelerators.push_back(
        {.name = accelerator.name(),
         .memory = Size(accelerator.has_memory_bytes(), accelerator.memory_bytes()),
         .slice = !accelerator.slice().empty(),
         .lost = accelerator.fault() == v1::Accelerator::FAULT_LOST ||
                 accelerator.fault() == v1::Accelerator::FAULT_NO_INSTANCE});
  }
  for (const v1::Probe& probe : report.probes()) {
    seen.accelerators_unknown =
        seen.accelerators_unknown ||
        (probe.name() == "nvidia-smi" && probe.outcome() == v1::Probe::OUTCOME_FAILED);
  }
  return seen;
}

}  // namespace

// The planner's catalogue decides; what the agent's own made of the machine counts where that finds
// nothing, since its entries may be newer.
Identified Identify(const catalog::Catalog& catalog, const v1::NodeReport& report) {
  const catalog::Identified own = catalog::Identify(catalog, SeenIn(report));
  Identified found;
  found.machine = catalog.FindMachine(own.machine);
  found.chip = catalog.FindChip(own.chip);
  found.chips = own.chips;
  if (found.machine == nullptr && !report.identity().machine().empty()) {
    found.machine = catalog.FindMachine(report.identity().machine());
    if (found.chip == nullptr) {
      found.chip = catalog.FindChip(report.identity().chip());
      // Without those that do not work, and never more than are listed.
      found.chips = static_cast<int>(std::min<std::uint64_t>(
          report.identity().chips(), static_cast<std::uint64_t>(report.accelerators_size())));
    }
  }
  if (found.machine == nullptr) {
    found.why = own.why.empty() ? "no machine of the catalogue is this" : own.why;
    return found;
  }
  if (found.chip == nullptr) found.chip = catalog.FindChip(found.machine->chip);
  if (found.chip == nullptr) found.why = absl::StrCat("its chip is not known: ", own.why);
  return found;
}

}  // namespace capacity::wire
