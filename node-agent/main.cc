#include <csignal>
#include <cstdlib>
#include <iostream>

#include "node-agent/cli/commands.h"
#include "node-agent/cli/common.h"
#include "node-agent/host/live.h"

int main(int argc, char** argv) {
  using namespace capacity::agent_cli;  // NOLINT(google-build-using-namespace)
  std::signal(SIGPIPE, SIG_IGN);        // `node-agent report | head` is not an error
  // Before any thread: gRPC's own resolver knows no names in .local, the system's does.
  setenv("GRPC_DNS_RESOLVER", "native", 0);
  // What gRPC logs of a connection that fails, the agent says in its own words, and once.
  setenv("GRPC_VERBOSITY", "NONE", 0);
  CLI::App app{
      "What this machine really is, and how fast: for you to read, or for a planner.\n\n"
      "  node-agent report --print\n"
      "  node-agent doctor\n"
      "  node-agent capture --out my-machine\n"
      "  node-agent run --planner planner.local:7443 --token-file token\n"};
  app.name("node-agent");
  app.require_subcommand(0, 1);  // none is answered below; an unknown one is named by the parser
  app.set_version_flag("--version", AgentVersion());
  Action action;
  AddReport(app, action);
  AddCapture(app, action);
  AddDoctor(app, action);
  AddRun(app, action);
  AddBench(app, action);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    // CLI11 prints help and version itself (exit 0); everything else is bad input.
    return app.exit(error) == 0 ? kOk : kBadInput;
  }
  capacity::host::EndWithCommands();
  if (action) return action();
  std::cerr << app.help();
  return kBadInput;
}
