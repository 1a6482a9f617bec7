#include <memory>
#include <string>

#include "node-agent/cli/commands.h"
#include "node-agent/cli/common.h"
#include "node-agent/cli/render.h"

namespace capacity::agent_cli {
namespace {

struct Arguments {
  bool print = true;
  std::string from;
  std::string data;
  std::string output = "text";
};

int Run(const Arguments& arguments) {
  const absl::StatusOr<agent::Report> report = ReportOf(arguments.from, arguments.data);
  if (!report.ok()) return Fail(report.status());
  return Print(arguments.output == "json" ? ReportJson(*report)
                                          : ReportText(*report, TerminalStyle()));
}

}  // namespace

void AddReport(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("report",
                                         "What this machine is, as a planner would be told\n\n"
                                         "  node-agent report --print\n"
                                         "  node-agent report --print --output json\n"
                                         "  node-agent report --from captures/studio-1 --print\n");
  command->add_flag("--print", arguments->print, "Print it; nothing is sent (the default)");
  command->add_option("--from", arguments->from, "A capture in the place of this machine")
      ->type_name("DIR");
  command->add_option("--data", arguments->data, "Directory that holds catalog/")->type_name("DIR");
  command->add_option("--output", arguments->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  command->callback([arguments, &action] { action = [arguments] { return Run(*arguments); }; });
}

}  // namespace capacity::agent_cli
