#include "planner/inventory/inventory.h"

#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "planner/cli/commands.h"
#include "planner/cli/remote.h"
#include "planner/report/json.h"
#include "planner/report/service.h"

namespace capacity::cli {
namespace {

struct CheckArguments {
  std::string file;
  std::vector<std::string> overlays;
};

int RunCheck(const Common& common, const CheckArguments& arguments) {
  const std::optional<catalog::Catalog> catalog = LoadCatalogOrPrint(common);
  if (!catalog) return kBadInput;
  const auto loaded = inventory::LoadScenario(*catalog, arguments.file, arguments.overlays);
  if (common.json()) {
    const int printed = Print(report::CheckJson(arguments.file, loaded.problems));
    if (printed != kOk) return printed;
    return loaded.value ? kOk : kBadInput;
  }
  if (!loaded.value) {
    PrintProblems(loaded.problems);
    return kBadInput;
  }
  const fleet::Scenario& scenario = *loaded.value;
  return Print(absl::StrCat(arguments.file, ": ", Counted(scenario.fleet.nodes().size(), "node"),
                            ", ", Counted(scenario.fleet.links().size(), "link"), ", ",
                            scenario.assumptions.workload_stated
                                ? Counted(scenario.workloads.size(), "workload")
                                : absl::StrCat(scenario.workloads.size(), " (assumed) workload"),
                            ", ", Counted(scenario.offers.size(), "offer"), "; no problems\n"));
}

int RunExport(const Common& common, RemoteArguments remote) {
  if (remote.planner.empty()) remote.planner = "127.0.0.1:7443";
  const auto channel = ConnectOrPrint(remote);
  if (channel == nullptr) return kBadInput;
  grpc::ClientContext context;
  constexpr int kPatienceSeconds = 30;
  SetDeadline(context, kPatienceSeconds);
  v1::ExportInventoryResponse response;
  const grpc::Status status = v1::Planner::NewStub(channel)->ExportInventory(
      &context, v1::ExportInventoryRequest(), &response);
  if (!status.ok()) return PrintRefusal("inventory export", status);
  if (!common.json()) return Print(response.yaml());
  std::vector<report::LeftOut> omitted;
  for (const v1::OmittedNode& node : response.omitted()) {
    omitted.push_back({node.name(), node.reason()});
  }
  return Print(report::InventoryExportJson(response.yaml(), omitted));
}

}  // namespace

void AddInventory(CLI::App& app, Common& common, Action& action) {
  CLI::App* command = app.add_subcommand("inventory", "Your machines as YAML");
  command->require_subcommand(1);
  auto arguments = std::make_shared<CheckArguments>();
  CLI::App* check = command->add_subcommand("check", "Every problem in an inventory file at once");
  check->footer("Example:\n  planner inventory check inventories/home-lab.yaml");
  check->add_option("file", arguments->file, "Inventory YAML")->required()->type_name("FILE");
  check->add_option("--what-if", arguments->overlays, "Overlays to check with it; repeatable")
      ->type_name("FILE");
  AddCommonOptions(*check, common);
  check->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunCheck(common, *arguments); };
  });

  auto remote = std::make_shared<RemoteArguments>();
  CLI::App* written =
      command->add_subcommand("export", "The fleet of a running planner as an inventory");
  written->footer("Example:\n  planner inventory export --planner 127.0.0.1:7443 > fleet.yaml");
  AddRemoteOptions(*written, *remote);
  AddCatalogOptions(*written, common);
  written->callback([remote, &common, &action] {
    action = [remote, &common] { return RunExport(common, *remote); };
  });
}

}  // namespace capacity::cli
