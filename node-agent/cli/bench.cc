#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node-agent/cli/commands.h"
#include "node-agent/cli/common.h"
#include "node-agent/cli/hand_over.h"
#include "node-agent/cli/measure.h"
#include "node-agent/cli/render.h"
#include "node-agent/engine/engine.h"
#include "node-agent/engine/json_fields.h"
#include "node-agent/host/live.h"
#include "node-agent/reporter/inbox.h"

namespace capacity::agent_cli {
namespace {

// ---------------------------------------------------------------- memory

struct MemoryArguments {
  bool force = false;
  int repeats = 10;
  std::string output = "text";
};

absl::Status NotNow(const Moment& moment) {
  return absl::FailedPreconditionError(
      absl::StrCat("nothing was measured: ", moment.why_not, "; --force measures all the same"));
}

int RunMemory(const MemoryArguments& arguments) {
  const std::unique_ptr<host::Host> machine = host::Live();
  Moment moment = ThisMoment(*machine);
  if (!moment.why_not.empty() && !arguments.force) return Fail(NotNow(moment));
  moment.conditions.forced = !moment.why_not.empty();
  const MemorySpeeds speeds = MeasureMemory(*machine, moment.conditions, arguments.repeats);
  if (speeds.measured.empty()) return Fail(absl::UnavailableError(speeds.missing.front()));
  if (arguments.output == "json") return Print(BandwidthJson(speeds.measured, speeds.missing));
  return Print(BandwidthText(speeds.measured, speeds.missing, TerminalStyle()));
}

void AddMemory(CLI::App& bench, Action& action) {
  auto arguments = std::make_shared<MemoryArguments>();
  CLI::App* command = bench.add_subcommand(
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
  command->callback(
      [arguments, &action] { action = [arguments] { return RunMemory(*arguments); }; });
}

// ---------------------------------------------------------------- engines

struct EngineArguments {
  engine::Request request;
  std::string from;
  std::string key_variable;
  std::string key_file;
  std::string state_directory;
  bool force = false;
  bool show_only = false;
  std::string output = "text";
};

std::atomic<bool> interrupted{false};

// The first Ctrl-C ends what runs, and shows what was measured; a second one ends the program.
void EndOnInterrupt() {
  struct sigaction once = {};
  once.sa_handler = [](int /*signal*/) { interrupted = true; };
  sigemptyset(&once.sa_mask);
  once.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &once, nullptr);
  sigaction(SIGTERM, &once, nullptr);
}

// One line that is written over, for whoever sits at the terminal; nobody else.
void ShowProgress(const std::string& text) {
  if (isatty(STDERR_FILENO) == 0) return;
  constexpr int kNarrowTerminal = 79;  // a second line could not be written over
  std::fprintf(stderr, "\r\033[K%.*s", kNarrowTerminal, text.c_str());
  std::fflush(stderr);
}

absl::StatusOr<engine::ApiKey> KeyOf(const EngineArguments& arguments) {
  if (!arguments.key_variable.empty())
    return engine::ApiKey::FromEnvironment(arguments.key_variable);
  if (!arguments.key_file.empty()) return engine::ApiKey::FromFile(arguments.key_file);
  return engine::ApiKey();
}

// What `command` printed into `path` earlier, and when.
struct Text {
  std::string text;
  std::int64_t written_unix_ms = 0;
};
absl::StatusOr<Text> ReadText(const std::string& path) {
  struct stat info = {};
  if (stat(path.c_str(), &info) != 0) {
    return absl::NotFoundError(absl::StrCat(path, ": no such file"));
  }
  if (!S_ISREG(info.st_mode) || info.st_size > static_cast<off_t>(engine::kLongestJson)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": not a file of at most ", engine::kLongestJson, " bytes"));
  }
  std::ifstream file(path, std::ios::binary);
  Text read = {.text = std::string(std::istreambuf_iterator<char>(file), {}),
               .written_unix_ms = static_cast<std::int64_t>(info.st_mtime) * 1000};
  if (!file.good() && !file.eof()) {
    return absl::UnavailableError(absl::StrCat(path, ": cannot be read"));
  }
  return read;
}

bool HasRate(const agent::SpeedMeasurement& measured) {
  return measured.prefill.has_value() || measured.decode.has_value();
}

int Show(const engine::Outcome& outcome, const std::string& output) {
  const int printed =
      Print(output == "json" ? SpeedsJson(outcome) : SpeedsText(outcome, TerminalStyle()));
  if (printed != kOk) return printed;
  for (const std::string& why : outcome.failed)
    std::fprintf(stderr, "node-agent: %s\n", why.c_str());
  if (outcome.measured.empty() || !outcome.failed.empty()) return kWorldFailed;
  if (std::any_of(outcome.measured.begin(), outcome.measured.end(), HasRate)) return kOk;
  std::fprintf(stderr, "node-agent: nothing that was measured has a speed\n");
  return kWorldFailed;
}

// To the agent that reports to the planner. Said on stderr: stdout is for the measurements.
int HandOverUnlessShowOnly(const EngineArguments& arguments, const engine::Outcome& outcome) {
  std::vector<agent::SpeedMeasurement> told;  // the planner takes none without a speed
  std::copy_if(outcome.measured.begin(), outcome.measured.end(), std::back_inserter(told), HasRate);
  if (arguments.show_only || told.empty()) return kOk;
  const auto handed_over = HandOver(arguments.state_directory, told);
  if (!handed_over.ok()) {
    return Fail(absl::Status(
        handed_over.status().code(),
        absl::StrCat("no planner will hear of it: ", std::string(handed_over.status().message()))));
  }
  std::fprintf(stderr, "node-agent: %s\n", Describe(*handed_over).c_str());
  return kOk;
}

int ShowAndHandOver(const EngineArguments& arguments, const engine::Outcome& outcome) {
  const int shown = Show(outcome, arguments.output);
  const int handed_over = HandOverUnlessShowOnly(arguments, outcome);
  return shown != kOk ? shown : handed_over;
}

// The same text read twice holds the same measurements, also where the second reading says better
// which model it was: their ids come from the text alone.
void NameByContent(const std::string& text, std::vector<agent::SpeedMeasurement>& measured) {
  for (std::size_t i = 0; i < measured.size(); ++i) {
    measured[i].id = reporter::IdOfContent(absl::StrCat(i, "\n", text));
  }
}

int ShowFile(const EngineArguments& arguments) {
  const absl::StatusOr<Text> read = ReadText(arguments.from);
  if (!read.ok()) return Fail(read.status());
  auto measured =
      engine::MeasurementsFromText(arguments.request, read->text, read->written_unix_ms);
  if (!measured.ok()) {
    return Fail(
        absl::Status(measured.status().code(),
                     absl::StrCat(arguments.from, ": ", std::string(measured.status().message()))));
  }
  NameByContent(read->text, *measured);
  return ShowAndHandOver(arguments, {.measured = *std::move(measured)});
}

int RunEngine(EngineArguments arguments) {
  if (!arguments.from.empty()) return ShowFile(arguments);
  absl::StatusOr<engine::ApiKey> key = KeyOf(arguments);
  if (!key.ok()) return Fail(key.status());
  arguments.request.key = *std::move(key);
  if (const absl::Status sane = engine::CheckRequest(arguments.request); !sane.ok()) {
    return Fail(sane);
  }
  const std::unique_ptr<host::Host> machine = host::Live();
  const Moment moment = ThisMoment(*machine);
  // Looking at counters disturbs nothing, and is meant for a server at work.
  if (!moment.why_not.empty() && !arguments.force && !arguments.request.passive) {
    return Fail(NotNow(moment));
  }
  arguments.request.conditions = moment.conditions;
  arguments.request.conditions.forced = !moment.why_not.empty() && arguments.force;
  EndOnInterrupt();
  arguments.request.stop = &interrupted;
  const absl::StatusOr<engine::Outcome> outcome =
      engine::MeasureEngine(*machine, arguments.request, ShowProgress);
  ShowProgress("");
  if (!outcome.ok()) return Fail(outcome.status());
  return ShowAndHandOver(arguments, *outcome);
}

void AddSource(CLI::App& bench, EngineArguments& arguments) {
  engine::Request& request = arguments.request;
  bench.add_option("--engine", request.engine, absl::StrJoin(engine::EngineNames(), ", "))
      ->check(CLI::IsMember(engine::EngineNames()))
      ->type_name("ENGINE");
  bench.add_option("--url", request.url, "Where the server is; else where it usually listens")
      ->type_name("URL");
  bench
      .add_option("--model", request.model,
                  "As the engine calls it, or a GGUF file; else the one that is loaded")
      ->type_name("NAME");
  bench.add_option("--from", arguments.from, "What the engine's own tool printed earlier")
      ->type_name("FILE");
  bench.add_option("--llama-bench", request.llama_bench, "Where llama-bench is")->type_name("PATH");
  bench.add_option("--rpc", request.rpc, "llama-bench: machines that run ggml-rpc-server")
      ->delimiter(',')
      ->type_name("HOST:PORT,...");
  bench
      .add_option("--peers", request.peers,
                  "Other machines that took part, by name or address, where the engine says none")
      ->delimiter(',')
      ->type_name("HOST,...");
  bench
      .add_option("--strategy", request.strategy,
                  "How machines or cards shared the work: single, tensor or pipeline")
      ->check(CLI::IsMember({"single", "tensor", "pipeline"}))
      ->type_name("HOW");
  bench.add_option("--ports", request.ports, "auto: where to look on this machine")
      ->delimiter(',')
      ->type_name("PORT,...");
  auto* variable = bench
                       .add_option("--api-key-env", arguments.key_variable,
                                   "Environment variable that holds the API key")
                       ->type_name("NAME");
  bench.add_option("--api-key-file", arguments.key_file, "File that holds the API key")
      ->excludes(variable)
      ->type_name("FILE");
  bench
      .add_option("--catalog-model", request.catalog_model,
                  "Which model of the catalogue it is (planner catalog models)")
      ->type_name("ID");
  bench.add_option("--catalog-quant", request.catalog_quant, "Which quantization, likewise")
      ->type_name("ID");
}

void AddProtocol(CLI::App& bench, EngineArguments& arguments) {
  engine::Request& request = arguments.request;
  constexpr std::uint32_t kMostStreams = 1024;
  constexpr std::uint32_t kMostAsked = 1'000'000;  // tokens
  bench.add_option("--concurrency", request.streams, "Requests at the same time")
      ->delimiter(',')
      ->check(CLI::Range(std::uint32_t{1}, kMostStreams))
      ->type_name("N,...");
  bench.add_option("--prompt-tokens", request.prompt_tokens, "Length of each prompt, about")
      ->check(CLI::Range(std::uint32_t{1}, kMostAsked))
      ->type_name("N");
  bench.add_option("--generate", request.generate, "Tokens of each answer")
      ->check(CLI::Range(std::uint32_t{1}, kMostAsked))
      ->type_name("N");
  bench.add_option("--depth", request.depths, "llama-bench: tokens in the cache beforehand")
      ->delimiter(',')
      ->check(CLI::Range(std::uint32_t{0}, kMostAsked))
      ->type_name("N,...");
  bench.add_option("--repeats", request.repeats, "Timed ones, after a warm-up")
      ->check(CLI::Range(std::uint32_t{1}, std::uint32_t{1000}))
      ->type_name("N");
  bench.add_flag("--passive", request.passive,
                 "vllm, llama-server: from the counters of a server at work, without load");
  bench.add_option("--seconds", request.seconds, "--passive: how long")
      ->check(CLI::Range(1.0, 86'400.0))
      ->type_name("S");
  bench.add_flag("--force", arguments.force, "Also on a busy machine, or on battery");
  bench.add_flag("--no-report", arguments.show_only, "Show it only; tell no planner");
  bench
      .add_option("--state-dir", arguments.state_directory,
                  "Of the `node-agent run` that tells the planner (default: " +
                      DefaultStateDirectory() + ")")
      ->type_name("DIR");
  bench.add_option("--output", arguments.output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
}

}  // namespace

void AddBench(CLI::App& app, Action& action) {
  CLI::App* bench = app.add_subcommand(
      "bench",
      "How fast this machine is: its memory, and the engines that run models on it\n"
      "(exit code 1 when the machine is busy or on battery, or nothing could be measured)\n\n"
      "  node-agent bench memory\n"
      "  node-agent bench --engine auto\n"
      "  node-agent bench --engine llama-bench --model FILE.gguf --depth 0,4096\n"
      "  node-agent bench --engine openai --url http://127.0.0.1:8080/v1 --concurrency 1,2,4,8\n"
      "  node-agent bench --engine mlx-lm --from printed.txt --model NAME\n"
      "  node-agent bench --engine vllm --passive --seconds 60\n");
  bench->require_subcommand(0, 1);
  AddMemory(*bench, action);
  auto arguments = std::make_shared<EngineArguments>();
  AddSource(*bench, *arguments);
  AddProtocol(*bench, *arguments);
  bench->callback([arguments, bench, &action] {
    if (!bench->get_subcommands().empty()) return;
    if (bench->count("--engine") == 0) {
      throw CLI::ValidationError(
          "bench", "say what: `bench memory`, or `bench --engine ENGINE` (auto finds it)");
    }
    action = [arguments] { return RunEngine(*arguments); };
  });
}

}  // namespace capacity::agent_cli
