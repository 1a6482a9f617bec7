#include "node-agent/engine/llama_bench_run.h"

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node-agent/engine/llama_bench.h"
#include "node-agent/probe/text.h"

namespace capacity::engine {
namespace {

using host::Output;

// A model of hundreds of gigabytes from a slow disk, and several depths.
constexpr std::chrono::hours kLongestRun{2};
// Kept by `env` when a program is not there.
constexpr int kNoSuchProgram = 127;

// Commands of the agent run in an almost empty environment; a benchmark needs what says where its
// libraries and devices are.
constexpr std::array kKept = {
    "LD_LIBRARY_PATH",     "DYLD_LIBRARY_PATH",       "CUDA_VISIBLE_DEVICES",
    "CUDA_DEVICE_ORDER",   "GGML_BACKEND_PATH",       "GGML_CUDA_ENABLE_UNIFIED_MEMORY",
    "HIP_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES", "OMP_NUM_THREADS"};

// The line that says what went wrong: the last with "error" in it, else the last.
std::string Complaint(const std::string& text) {
  std::string_view said;
  std::string_view last;
  for (const std::string_view line : probe::Lines(text)) {
    if (probe::Trim(line).empty()) continue;
    last = line;
    if (probe::ContainsWord(line, "error")) said = line;
  }
  return probe::Clean(probe::Trim(said.empty() ? last : said), 300);
}

absl::Status WhyEnded(const Output& output, const LlamaBenchRun& run,
                      const std::atomic<bool>* stop) {
  if (stop != nullptr && *stop) return absl::CancelledError("interrupted");
  const bool absent = output.how == Output::How::kAbsent ||
                      (output.how == Output::How::kRan && output.exit_code == kNoSuchProgram);
  if (absent) {
    return absl::NotFoundError(absl::StrCat(
        run.program, " is not there; --llama-bench PATH says where llama.cpp's llama-bench is"));
  }
  switch (output.how) {
    case Output::How::kTimedOut:
      return absl::DeadlineExceededError(
          absl::StrCat("llama-bench did not end within ", kLongestRun.count(), " hours"));
    case Output::How::kFailed:
      return absl::UnavailableError(
          absl::StrCat("llama-bench crashed, or could not be run: ", Complaint(output.text)));
    case Output::How::kAbsent:
    case Output::How::kRan:
      break;
  }
  if (output.exit_code == 0) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat("llama-bench ended with exit code ", output.exit_code,
                                             ": ", Complaint(output.text)));
}

}  // namespace

host::Command LlamaBenchCommand(const LlamaBenchRun& run, const std::atomic<bool>* stop) {
  host::Command command;
  command.timeout = kLongestRun;
  command.stop = stop;
  command.arguments = {"env"};
  for (const char* name : kKept) {
    if (const char* value = std::getenv(name)) {
      command.arguments.push_back(absl::StrCat(name, "=", value));
    }
  }
  // A row a line: what was measured before a crash is whole.
  const std::vector<std::string> rest = {run.program,
                                         "-m",
                                         run.model_file,
                                         "-o",
                                         "jsonl",
                                         "-p",
                                         absl::StrCat(run.prompt_tokens),
                                         "-n",
                                         absl::StrCat(run.generate),
                                         "-r",
                                         absl::StrCat(run.repeats)};
  command.arguments.insert(command.arguments.end(), rest.begin(), rest.end());
  // Builds before 2025 do not know the option.
  if (run.depths != std::vector<std::uint32_t>{0}) {
    command.arguments.insert(command.arguments.end(), {"-d", absl::StrJoin(run.depths, ",")});
  }
  if (!run.rpc.empty()) {
    command.arguments.insert(command.arguments.end(), {"--rpc", absl::StrJoin(run.rpc, ",")});
  }
  return command;
}

Measurements RunLlamaBench(host::Host& machine, const LlamaBenchRun& run,
                           const std::atomic<bool>* stop, const Progress& progress) {
  Measurements result;
  std::error_code error;
  if (!std::filesystem::is_regular_file(run.model_file, error)) {
    result.ended = absl::NotFoundError(absl::StrCat(run.model_file, ": no such file"));
    return result;
  }
  progress("llama-bench: measuring (it loads the model first)");
  const Output output = machine.Run(LlamaBenchCommand(run, stop)).front();
  result.ended = WhyEnded(output, run, stop);
  absl::StatusOr<std::vector<agent::SpeedMeasurement>> rows = ParseLlamaBench(output.text);
  if (!rows.ok()) {
    if (result.ended.ok()) result.ended = rows.status();
    return result;
  }
  result.measured = *std::move(rows);
  result.processor_only = RanOnProcessorOnly(output.text);
  for (agent::SpeedMeasurement& one : result.measured) {
    if (run.rpc.empty()) continue;
    // Also where a build does not name its devices by their addresses.
    one.peers = run.rpc;
    if (one.strategy == "single") one.strategy = "pipeline";
  }
  return result;
}

}  // namespace capacity::engine
