#include "planner/throughput/device.h"

#include <algorithm>
#include <cctype>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace capacity::throughput {
namespace {

// The newest of Apple's generations of which there are measurements. A newer one is taken to use
// what its memory and its compute units offer as well as this one.
constexpr int kNewestMeasured = 5;

// The catalogue's families, except that data-centre cards are told apart by their memory: HBM
// begins where GDDR ends, at 1.2 TB/s for that family.
constexpr double kSlowestHbm = 1.2e12;

ChipFamily FamilyOf(const catalog::Chip& chip, double bandwidth) {
  if (chip.family == "rtx") return ChipFamily::kGddr;
  if (chip.family == "nv-dc") {
    return bandwidth >= kSlowestHbm ? ChipFamily::kHbm : ChipFamily::kGddr;
  }
  for (int i = 0; i < kChipFamilies; ++i) {
    const auto family = static_cast<ChipFamily>(i);
    if (chip.family == Name(family)) return family;
  }
  switch (chip.platform()) {
    case catalog::Platform::kMetal:
      return ChipFamily::kAppleMax;
    case catalog::Platform::kCuda:
      return ChipFamily::kGddr;
    default:
      return ChipFamily::kOther;
  }
}

}  // namespace

absl::StatusOr<Device> DeviceOf(const NodeDevices& node) {
  if (node.chip == nullptr) return absl::InvalidArgumentError("a node without a chip");
  const catalog::Chip& chip = *node.chip;
  Device device;
  device.platform = chip.platform();
  if (chip.vendor == "apple" && chip.generation.size() == 2 &&
      std::isdigit(static_cast<unsigned char>(chip.generation[1]))) {
    device.apple_generation = std::min(chip.generation[1] - '0', kNewestMeasured);
  }
  device.gpu_cores = chip.gpu_cores.value_or(0);
  device.bandwidth = node.bandwidth.value > 0
                         ? node.bandwidth.value
                         : chip.memory_bandwidth.value_or(BytesPerSecond{0}).value;
  if (device.bandwidth <= 0) {
    return absl::FailedPreconditionError(
        absl::StrCat("chip ", chip.id, " has no memory bandwidth in the catalogue"));
  }
  device.family = FamilyOf(chip, device.bandwidth);
  device.fp16_flops = chip.fp16_dense.value_or(FlopsPerSecond{0}).value;
  device.fp16_accumulate_flops =
      chip.fp16_accumulate_dense.value_or(FlopsPerSecond{device.fp16_flops}).value;
  // Tensor cores multiply 8-bit integers at twice the 16-bit rate.
  device.int8_ops =
      chip.int8_dense.value_or(FlopsPerSecond{2 * device.fp16_accumulate_flops}).value;
  if (chip.power_limit && device.fp16_accumulate_flops > 0) {
    device.watts_per_tflops = chip.power_limit->value / (device.fp16_accumulate_flops / 1e12);
  }
  device.has_fp8 = chip.fp8_dense.has_value();
  device.has_fp4 = chip.fp4_dense.has_value();
  return device;
}

}  // namespace capacity::throughput
