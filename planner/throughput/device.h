// What the speed model needs to know of an accelerator.
#pragma once

#include "absl/status/statusor.h"
#include "planner/catalog/catalog.h"
#include "planner/throughput/coefficients.h"
#include "planner/throughput/throughput.h"

namespace capacity::throughput {

struct Device {
  ChipFamily family = ChipFamily::kOther;
  catalog::Platform platform = catalog::Platform::kCpu;
  int apple_generation = 0;          // 1: M1; 5: M5 and newer; 0: not Apple's
  double gpu_cores = 0;              // 0: unknown
  double bandwidth = 0;              // bytes/s
  double fp16_flops = 0;             // FLOP/s, dense; 0: unknown
  double fp16_accumulate_flops = 0;  // FLOP/s, accumulating in FP16; fp16_flops where not faster
  double int8_ops = 0;               // integer operations/s
  double watts_per_tflops = 0;       // power limit / fp16_accumulate_flops; 0: unknown
  bool has_fp8 = false;
  bool has_fp4 = false;
};

// FailedPrecondition when the memory bandwidth is unknown. A family that the catalogue does not
// know falls back to what is typical of its platform.
absl::StatusOr<Device> DeviceOf(const NodeDevices& node);

}  // namespace capacity::throughput
