#include <iostream>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "planner/cli/commands.h"
#include "planner/cli/state.h"
#include "planner/service/state_directory.h"

namespace capacity::cli {
namespace {

struct InitArguments {
  std::string state;
  std::vector<std::string> names;
};

int RunInit(const InitArguments& arguments) {
  pki::ServerNames names = service::NamesOfThisMachine();
  for (const std::string& name : arguments.names) {
    const bool address =
        name.find_first_not_of("0123456789.") == std::string::npos || absl::StrContains(name, ":");
    (address ? names.ip : names.dns).push_back(name);
  }
  store::Options options;
  options.directory = arguments.state;
  const auto store = store::Store::OpenBeside(std::move(options));
  if (!store.ok()) return PrintFailure("init", store.status());
  const auto made =
      service::InitializeAuthority(arguments.state, names,
                                   arguments.names.empty() ? service::ServerCertificate::kWhenNeeded
                                                           : service::ServerCertificate::kAnew,
                                   **store, store::SystemClock());
  if (!made.ok()) return PrintFailure("init", made.status());
  if (!made->authority) {
    std::string said = absl::StrCat("planner: ", arguments.state, " has an authority already; ");
    if (made->server) absl::StrAppend(&said, "it made a new server certificate; ");
    if (made->admin) absl::StrAppend(&said, "it made a new administrator's credential; ");
    return Print(absl::StrCat(said, made->server  ? "restart `planner serve`\n"
                                    : made->admin ? "nodes need do nothing\n"
                                                  : "nothing changed\n"));
  }
  return Print(absl::StrCat("An authority and a server certificate are in ", arguments.state,
                            "/pki.\n\n",
                            "  planner serve --listen 0.0.0.0:7443   serves the network\n",
                            "  planner token create                  lets one node join\n"));
}

}  // namespace

void AddInit(CLI::App& app, Common& /*common*/, Action& action) {
  auto arguments = std::make_shared<InitArguments>();
  CLI::App* command =
      app.add_subcommand("init", "Makes the authority and certificate that `serve` needs");
  command->footer("Example:\n  planner init --name planner.example.org && planner serve");
  AddStateOption(*command, arguments->state);
  command
      ->add_option("--name", arguments->names,
                   "Another name or address that nodes reach this machine by; repeatable")
      ->type_name("NAME");
  command->callback([arguments, &action] { action = [arguments] { return RunInit(*arguments); }; });
}

}  // namespace capacity::cli
