#include <csignal>
#include <cstdlib>
#include <iostream>

#include "planner/cli/commands.h"
#include "planner/cli/launch_commands.h"

int main(int argc, char** argv) {
  using namespace capacity::cli;  // NOLINT(google-build-using-namespace)
  std::signal(SIGPIPE, SIG_IGN);  // `planner fit | head` is not an error
  // Before any thread: gRPC's own resolver knows no names in .local, the system's does.
  setenv("GRPC_DNS_RESOLVER", "native", 0);
  // What gRPC logs of a connection that fails, this program says in its own words, and once.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  CLI::App app{
      "Which models fit on your machines, alone or clustered; how fast; and what to buy next.\n\n"
      "  planner plan --budget 10000\n"
      "  planner plan --budget 10000 --inventory home-lab.yaml\n"};
  app.name("planner");
  app.require_subcommand(1);
  app.set_version_flag("--version", CapacityVersion());
  Common common;
  Action action;
  AddPlan(app, common, action);
  AddFit(app, common, action);
  AddPredict(app, common, action);
  AddLaunch(app, common, action);
  AddStatus(app, common, action);
  AddPayoff(app, common, action);
  AddCatalog(app, common, action);
  AddInventory(app, common, action);
  AddValidate(app, common, action);
  AddCalibrate(app, common, action);
  AddMeasurements(app, common, action);
  AddPrices(app, common, action);
  AddUsage(app, common, action);
  AddServe(app, common, action);
  AddInit(app, common, action);
  AddToken(app, common, action);
  AddNodes(app, common, action);
  AddStore(app, common, action);
  AddDoctor(app, common, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 prints help and version itself (exit 0); everything else is bad input.
    return app.exit(error) == 0 ? kOk : kBadInput;
  }
  return action ? action() : kBadInput;
}
