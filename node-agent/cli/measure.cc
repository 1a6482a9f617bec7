#include "node-agent/cli/measure.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/bench/conditions.h"
#include "node-agent/bench/memory.h"
#include "node-agent/bench/memory_cuda.h"
#include "node-agent/cli/common.h"

namespace capacity::agent_cli {
namespace {

std::int64_t NowUnixMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void MeasureProcessors(host::Host& machine, int repeats, MemorySpeeds& speeds) {
  const agent::Report report = probe::TakeReport(machine, ProbeOptions());
  const std::uint64_t bytes =
      bench::WorkingSet(bench::LastLevelCache(), report.memory.available_bytes.value_or(0));
  if (bytes == 0) {
    speeds.missing.emplace_back(
        "CPU memory bandwidth: too little memory is free, or how much is not known");
    return;
  }
  auto measured = bench::MeasureCpuMemory({.repeats = repeats, .bytes = bytes});
  if (measured.ok()) {
    speeds.measured = *std::move(measured);
  } else {
    speeds.missing.push_back(
        absl::StrCat("CPU memory bandwidth: ", std::string(measured.status().message())));
  }
}

}  // namespace

Moment ThisMoment(host::Host& machine) {
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  Moment moment = {.conditions = bench::ReadConditions(machine), .why_not = ""};
  moment.why_not = bench::WhyNotNow(moment.conditions, cores);
  return moment;
}

MemorySpeeds MeasureMemory(host::Host& machine, const agent::Conditions& conditions, int repeats) {
  MemorySpeeds speeds;
  MeasureProcessors(machine, repeats, speeds);
  bench::CudaMeasurements gpu = bench::MeasureGpuMemory(repeats);
  speeds.measured.insert(speeds.measured.end(), gpu.measured.begin(), gpu.measured.end());
  speeds.missing.insert(speeds.missing.end(), gpu.missing.begin(), gpu.missing.end());
  for (agent::MemoryBandwidth& one : speeds.measured) {
    one.conditions = conditions;
    one.taken_at_unix_ms = NowUnixMs();
  }
  return speeds;
}

}  // namespace capacity::agent_cli
