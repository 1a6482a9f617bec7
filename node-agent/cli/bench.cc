#include <chrono>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "node-agent/bench/conditions.h"
#include "node-agent/bench/memory.h"
#include "node-agent/bench/memory_cuda.h"
#include "node-agent/cli/commands.h"
#include "node-agent/cli/common.h"
#include "node-agent/cli/render.h"
#include "node-agent/host/live.h"

namespace capacity::agent_cli {
namespace {

struct Arguments {
  bool force = false;
  int repeats = 10;
  std::string output = "text";
};

std::int64_t NowUnixMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

int Run(const Arguments& arguments) {
  const std::unique_ptr<host::Host> machine = host::Live();
  const unsigned cores = std::max(1u, std::thread::hardware_concurrency());
  agent::Conditions conditions = bench::ReadConditions(*machine);
  const std::string why_not = bench::WhyNotNow(conditions, cores);
  if (!why_not.empty() && !arguments.force) {
    return Fail(absl::FailedPreconditionError(
        absl::StrCat("nothing was measured: ", why_not, "; --force measures all the same")));
  }
  conditions.forced = !why_not.empty();
  const agent::Report report = probe::TakeReport(*machine, ProbeOptions());
  std::vector<std::string> missing;
  std::vector<agent::MemoryBandwidth> measured;
  const std::uint64_t bytes =
      bench::WorkingSet(bench::LastLevelCache(), report.memory.available_bytes.value_or(0));
  if (bytes == 0) {
    missing.emplace_back(
        "CPU memory bandwidth: too little memory is free, or how much is not known");
  } else {
    auto cpu = bench::MeasureCpuMemory({.repeats = arguments.repeats, .bytes = bytes});
    if (cpu.ok()) {
      measured = *std::move(cpu);
    } else {
      missing.push_back(
          absl::StrCat("CPU memory bandwidth: ", std::string(cpu.status().message())));
    }
  }
  bench::CudaMeasurements gpu = bench::MeasureGpuMemory(arguments.repeats);
  measured.insert(measured.end(), gpu.measured.begin(), gpu.measured.end());
  missing.insert(missing.end(), gpu.missing.begin(), gpu.missing.end());
  for (agent::MemoryBandwidth& one : measured) {
    one.conditions = conditions;
    one.taken_at_unix_ms = NowUnixMs();
  }
  if (measured.empty()) return Fail(absl::UnavailableError(missing.front()));
  if (arguments.output == "json") return Print(BandwidthJson(measured, missing));
  return Print(BandwidthText(measured, missing, TerminalStyle()));
}

}  // namespace

void AddBench(CLI::App& app, Action& action) {
  CLI::App* bench = app.add_subcommand("bench", "How fast this machine is");
  bench->require_subcommand(1);
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = bench->add_subcommand(
      "memory",
      "Achieved memory bandwidth of processors and NVIDIA cards; takes a few seconds\n"
      "(exit code 1 when the machine is busy or on battery)\n\n"
      "  node-agent bench memory\n"
      "  node-agent bench memory --force --output json\n");
  command->add_flag("--force", arguments->force, "Also on a busy machine, or on battery");
  command->add_option("--repeats", arguments->repeats, "Timed passes of each kind")
      ->check(CLI::Range(1, 1000))
      ->type_name("N");
  command->add_option("--output", arguments->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  command->callback([arguments, &action] { action = [arguments] { return Run(*arguments); }; });
}

}  // namespace capacity::agent_cli
