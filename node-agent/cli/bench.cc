#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "node-agent/cli/commands.h"
#include "node-agent/cli/common.h"
#include "node-agent/cli/measure.h"
#include "node-agent/cli/render.h"
#include "node-agent/host/live.h"

namespace capacity::agent_cli {
namespace {

struct Arguments {
  bool force = false;
  int repeats = 10;
  std::string output = "text";
};

int Run(const Arguments& arguments) {
  const std::unique_ptr<host::Host> machine = host::Live();
  Moment moment = ThisMoment(*machine);
  if (!moment.why_not.empty() && !arguments.force) {
    return Fail(absl::FailedPreconditionError(
        absl::StrCat("nothing was measured: ", moment.why_not, "; --force measures all the same")));
  }
  moment.conditions.forced = !moment.why_not.empty();
  const MemorySpeeds speeds = MeasureMemory(*machine, moment.conditions, arguments.repeats);
  if (speeds.measured.empty()) return Fail(absl::UnavailableError(speeds.missing.front()));
  if (arguments.output == "json") return Print(BandwidthJson(speeds.measured, speeds.missing));
  return Print(BandwidthText(speeds.measured, speeds.missing, TerminalStyle()));
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
