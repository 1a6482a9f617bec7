#include "planner/throughput/device.h"

#include <cctype>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace capacity::throughput {
namespace {

ChipFamily FamilyOf(const catalog::Chip& chip) {
  for (int i = 0; i < kChipFamilies; ++i) {
    const auto family = static_cast<ChipFamily>(i);
    if (chip.family == Name(family)) return family;
  }
  switch (chip.platform()) {
    case catalog::Platform::kMetal:
      return ChipFamily::kAppleMax;
    case catalog::Platform::kCuda:
      return ChipFamily::kRtx;
    default:
      return ChipFamily::kOther;
  }
}

}  // namespace

absl::StatusOr<Device> DeviceOf(const NodeDevices& node) {
  if (node.chip == nullptr) return absl::InvalidArgumentError("a node without a chip");
  const catalog::Chip& chip = *node.chip;
  Device device;
  device.family = FamilyOf(chip);
  device.platform = chip.platform();
  if (chip.vendor == "apple" && chip.generation.size() == 2 &&
      std::isdigit(static_cast<unsigned char>(chip.generation[1]))) {
    device.apple_generation = chip.generation[1] - '0';
  }
  device.gpu_cores = chip.gpu_cores.value_or(0);
  device.bandwidth = node.bandwidth.value > 0
                         ? node.bandwidth.value
                         : chip.memory_bandwidth.value_or(BytesPerSecond{0}).value;
  if (device.bandwidth <= 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("chip ", chip.id, " has no memory bandwidth in the catalogue"));
  }
  device.fp16_flops = chip.fp16_dense.value_or(FlopsPerSecond{0}).value;
  return device;
}

}  // namespace capacity::throughput
