#include "node-agent/doctor/doctor.h"

#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "node-agent/cli/commands.h"
#include "node-agent/cli/common.h"
#include "node-agent/cli/render.h"

namespace capacity::agent_cli {
namespace {

struct Arguments {
  std::vector<std::string> from;
  std::string data;
  std::string output = "text";
};

// By which the machines are told apart.
void MakeDistinct(const std::vector<std::string>& sources, std::vector<doctor::Patient>& patients) {
  std::map<std::string, int> count;
  for (const doctor::Patient& patient : patients) ++count[patient.name];
  for (std::size_t i = 0; i < patients.size(); ++i) {
    if (count[patients[i].name] > 1) patients[i].name = sources[i];
  }
}

std::string NameOf(const std::string& directory, const agent::Report& report) {
  if (!directory.empty()) {
    const std::filesystem::path path = std::filesystem::path(directory).lexically_normal();
    const std::string name = (path.has_filename() ? path : path.parent_path()).filename().string();
    if (!name.empty()) return name;
  }
  return report.hostname.empty() ? "this machine" : report.hostname;
}

int Run(const Arguments& arguments) {
  std::vector<std::string> sources = arguments.from;
  if (sources.empty()) sources.emplace_back();  // this machine
  std::vector<doctor::Patient> patients;
  for (const std::string& source : sources) {
    absl::StatusOr<agent::Report> report = ReportOf(source, arguments.data);
    if (!report.ok()) return Fail(report.status());
    const std::string name = NameOf(source, *report);
    patients.push_back({name, *std::move(report)});
  }
  MakeDistinct(sources, patients);
  const std::vector<doctor::Advice> advice = doctor::Diagnose(patients);
  const int printed =
      Print(arguments.output == "json" ? AdviceJson(advice) : AdviceText(advice, TerminalStyle()));
  if (printed != kOk) return printed;
  const bool problem = std::any_of(advice.begin(), advice.end(), [](const doctor::Advice& item) {
    return item.severity == doctor::Advice::Severity::kProblem;
  });
  return problem ? kSomethingToDo : kOk;
}

}  // namespace

void AddDoctor(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("doctor",
                         "What keeps this machine, or several, from RDMA, and what to do about it\n"
                         "(exit code 3 when there is something to do)\n\n"
                         "  node-agent doctor\n"
                         "  node-agent doctor --from captures/studio-1 --from captures/studio-2\n");
  command->add_option("--from", arguments->from, "A capture; repeat it for several machines")
      ->type_name("DIR")
      ->take_all();
  command->add_option("--data", arguments->data, "Directory that holds catalog/")->type_name("DIR");
  command->add_option("--output", arguments->output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  command->callback([arguments, &action] { action = [arguments] { return Run(*arguments); }; });
}

}  // namespace capacity::agent_cli
