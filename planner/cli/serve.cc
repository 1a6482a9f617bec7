#include "planner/base/host_name.h"
#include "planner/service/server.h"

#include <sys/resource.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <map>
#include <memory>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "planner/cli/commands.h"
#include "planner/cli/remote.h"
#include "planner/cli/state.h"
#include "planner/discovery/dns_sd.h"
#include "planner/inventory/inventory.h"
#include "planner/service/log.h"

namespace capacity::cli {
namespace {

struct ServeArguments {
  service::ServerOptions options;
  std::vector<std::string> overlays;
  std::string log = "text";
};

// One descriptor a connection: as many as the system lets us have. macOS states no limit, gives a
// terminal 256, and refuses more than a limit of its own that it states elsewhere.
void RaiseDescriptorLimit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  constexpr rlim_t kEnough = 65'536;
  const rlim_t before = limit.rlim_cur;
  for (rlim_t wanted = std::min(kEnough, limit.rlim_max); wanted > before; wanted /= 2) {
    limit.rlim_cur = wanted;
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
  }
}

// Lets agents on the local network find the address that others can reach, if there is one.
std::unique_ptr<discovery::Announcement> Announce(const service::ServerOptions& options,
                                                  const std::vector<int>& ports) {
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const auto endpoint = service::ParseEndpoint(options.listen[i]);
    if (!endpoint.ok() || IsLoopback(endpoint->host)) continue;
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    auto announced = discovery::Announcement::Start(absl::StrCat("planner on ", host), ports[i],
                                                    {{"version", CapacityVersion()}});
    if (announced.ok()) return *std::move(announced);
    service::LogInfo("not announced on the local network",
                     {{"why", std::string(announced.status().message())}});
    return nullptr;
  }
  return nullptr;
}

// Prints what is wrong with standing what-ifs whatever the fleet; true when nothing is. Nodes that
// they name may report later.
bool StandOrPrint(const catalog::Catalog& catalog, const std::vector<v1::Document>& documents) {
  constexpr char kNobody[] = "schema: capacity-planner/inventory/v1\nname: live\n";
  std::map<std::string, std::string> texts = {{"live-fleet.yaml", kNobody}};
  std::vector<std::string> overlays;
  for (const v1::Document& document : documents) {
    texts[document.name()] = document.text();
    overlays.push_back(document.name());
  }
  const inventory::DocumentReader read = [&texts](const std::string& file) {
    const auto text = texts.find(file);
    if (text != texts.end()) {
      return inventory::ParseDocument(file, text->second, inventory::DocumentLimits{});
    }
    inventory::ParsedDocument none;
    none.problems.push_back({file, 0, 0, "is not among the files given", "add --what-if " + file});
    return none;
  };
  Diagnostics problems =
      inventory::LoadScenarioWith(read, catalog, "live-fleet.yaml", overlays).problems;
  std::erase_if(problems, [](const Diagnostic& problem) {
    return problem.file == "live-fleet.yaml" || absl::StartsWith(problem.problem, "unknown node ");
  });
  PrintProblems(problems);
  return problems.empty();
}

int RunServe(const Common& common, const ServeArguments& arguments) {
  // Before the first thread, so that all of them inherit it.
  sigset_t stop_signals;
  sigemptyset(&stop_signals);
  sigaddset(&stop_signals, SIGTERM);
  sigaddset(&stop_signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &stop_signals, nullptr);
  service::SetLogFormat(arguments.log == "json" ? service::LogFormat::kJson
                                                : service::LogFormat::kText);
  RaiseDescriptorLimit();
  const std::optional<Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  service::ServerOptions options = arguments.options;
  const auto overlays = ReadDocumentsOrPrint(arguments.overlays);
  if (!overlays) return kBadInput;
  options.overlays = *overlays;
  if (!StandOrPrint(facts->catalog, *overlays)) return kBadInput;
  const auto server = service::Server::Start(*facts, options);
  if (!server.ok()) {
    PrintFailure("serve", server.status());
    const bool configuration =
        absl::IsFailedPrecondition(server.status()) || absl::IsInvalidArgument(server.status());
    return configuration ? kBadConfiguration : kWorldFailed;
  }
  const std::vector<int> ports = (*server)->ports();
  for (std::size_t i = 0; i < ports.size(); ++i) {
    const std::string& host = options.listen[i];
    service::LogInfo("serving",
                     {{"address", absl::StrCat(host.substr(0, host.rfind(':')), ":", ports[i])}});
  }
  const auto announcement = Announce(options, ports);
  int signal = 0;
  sigwait(&stop_signals, &signal);
  service::LogInfo("stopping");
  (*server)->Stop();
  service::LogInfo("stopped");
  // The store is closed and nobody is served. What is left is memory, which handshakes that nobody
  // finishes would hold for seconds.
  std::_Exit(kOk);
}

}  // namespace

void AddServe(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<ServeArguments>();
  CLI::App* command = app.add_subcommand("serve", "Holds the fleet that node-agents report");
  command->footer("Example:\n  planner init && planner serve --listen 0.0.0.0:7443");
  AddStateOption(*command, arguments->options.state_directory);
  command
      ->add_option("--listen", arguments->options.listen,
                   "Where to listen; repeatable. Anything but loopback needs `planner init`")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  command
      ->add_option("--metrics", arguments->options.metrics,
                   "Where Prometheus finds /metrics, loopback only; \"\": nowhere")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  command->add_flag("--require-tls", arguments->options.require_tls,
                    "No plaintext, not even on loopback");
  command
      ->add_option("--what-if", arguments->overlays,
                   "Workloads, prices and nodes without an agent, for every question; repeatable")
      ->type_name("FILE");
  command->add_flag("--no-link-measurements{false},--link-measurements{true}",
                    arguments->options.measure_links,
                    "Whether nodes are asked to measure the links between them (default: yes)");
  command->add_option("--log", arguments->log, "text or json, on stderr")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunServe(common, *arguments); };
  });
}

}  // namespace capacity::cli
