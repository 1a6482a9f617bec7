#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "planner/cli/commands.h"
#include "planner/cli/state.h"
#include "planner/report/service.h"
#include "planner/store/maintenance.h"

namespace capacity::cli {
namespace {

struct StoreArguments {
  std::string state;
  std::string file;
};

int RunBackup(const Common& common, const StoreArguments& arguments) {
  const absl::Status done = store::BackUp(arguments.state, arguments.file);
  if (!done.ok()) return PrintFailure("backup", done);
  return Print(common.json() ? report::DoneJson("backed-up", {{"file", arguments.file}})
                             : absl::StrCat("Backed up to ", arguments.file,
                                            ". It holds no keys: keep a copy of pki/ apart.\n"));
}

int RunCheck(const Common& common, const StoreArguments& arguments) {
  const std::string path = arguments.file.empty() ? arguments.state : arguments.file;
  const auto found = store::Check(path);
  if (!found.ok()) return PrintFailure("store check", found.status());
  const report::StoreState state = {path,           found->schema,       found->nodes,
                                    found->reports, found->measurements, found->findings};
  std::string text =
      absl::StrCat(path, ": ", Counted(state.nodes, "node"), ", ", Counted(state.reports, "report"),
                   ", ", Counted(state.measurements, "measurement"), "; ",
                   state.findings.empty() ? "sound\n" : "damaged\n");
  for (const std::string& finding : state.findings) absl::StrAppend(&text, "  ", finding, "\n");
  const int printed = Print(common.json() ? report::StoreCheckJson(state) : text);
  return printed == kOk && !state.findings.empty() ? kWorldFailed : printed;
}

}  // namespace

void AddStore(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<StoreArguments>();
  CLI::App* backup = app.add_subcommand("backup", "Copies the fleet's store while it is in use");
  backup->footer("Example:\n  planner backup /mnt/backup/fleet.sqlite");
  AddStateOption(*backup, arguments->state);
  AddCatalogOptions(*backup, common);
  backup->add_option("file", arguments->file, "Where to")->required()->type_name("FILE");
  backup->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunBackup(common, *arguments); };
  });

  CLI::App* store = app.add_subcommand("store", "The fleet's store");
  store->require_subcommand(1);
  CLI::App* check = store->add_subcommand("check", "Reads all of it and says whether it is sound");
  check->footer("Example:\n  planner store check /mnt/backup/fleet.sqlite");
  AddStateOption(*check, arguments->state);
  AddCatalogOptions(*check, common);
  check->add_option("file", arguments->file, "A backup; default: the store itself")
      ->type_name("FILE");
  check->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunCheck(common, *arguments); };
  });
}

}  // namespace capacity::cli
