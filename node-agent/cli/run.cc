#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#ifdef __GLIBC__  // set by the headers above
#include <malloc.h>
#endif

#include "absl/strings/str_cat.h"
#include "node-agent/cli/commands.h"
#include "node-agent/cli/common.h"
#include "node-agent/cli/hand_over.h"
#include "node-agent/cli/measure.h"
#include "node-agent/host/live.h"
#include "node-agent/reporter/run.h"
#include "node-agent/reporter/vitals.h"
#include "planner/discovery/dns_sd.h"
#include "planner/pki/files.h"

namespace capacity::agent_cli {
namespace {

constexpr int kRepeats = 10;  // passes of a bandwidth measurement, as `bench` has them
constexpr std::chrono::seconds kPatience{3};    // from a signal to the end, at most
constexpr std::chrono::seconds kLookAround{2};  // for planners on the local network

struct Arguments {
  std::string planner;
  std::string token;
  std::string token_file;
  std::string state_directory;
  std::string name;
  std::string data;
  double heartbeat_seconds = 10;
};

bool IsNameCharacter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
}

// The machine's own name up to the first dot, as far as a planner takes it.
std::string DefaultName() {
  char name[256] = {};
  if (gethostname(name, sizeof name - 1) != 0) return "";
  std::string label(name, std::find(name, name + sizeof name - 1, '.'));
  label.resize(std::min(std::string(label.c_str()).size(), std::size_t{63}));
  std::replace_if(label.begin(), label.end(), [](char c) { return !IsNameCharacter(c); }, '-');
  label.erase(0, label.find_first_not_of('-'));
  return label;
}

// "2026-11-22T20:14:31Z warning ...", a line on stderr.
void Log(reporter::Severity severity, const std::string& text) {
  char time[32] = {};
  const std::time_t now = std::time(nullptr);
  std::tm parts = {};
  std::strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &parts));
  const char* const word = severity == reporter::Severity::kInfo      ? "info"
                           : severity == reporter::Severity::kWarning ? "warning"
                                                                      : "error";
  std::fprintf(stderr, "%s %s %s\n", time, word, text.c_str());
}

std::int64_t UnixMs() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

// While this lives, SIGTERM and SIGINT ask `stop` to end. Nothing that was promised is in memory
// only, so that what does not end in time is ended.
class EndOnSignal {
 public:
  // Before any other thread starts: those inherit that the signals are blocked.
  explicit EndOnSignal(reporter::Stop& stop) : stop_(stop) {
    sigemptyset(&signals_);
    sigaddset(&signals_, SIGTERM);
    sigaddset(&signals_, SIGINT);
    pthread_sigmask(SIG_BLOCK, &signals_, nullptr);
    thread_ = std::thread([this] { Wait(); });
  }
  ~EndOnSignal() {
    over_ = true;
    pthread_kill(thread_.native_handle(), SIGTERM);
    thread_.join();
  }
  EndOnSignal(const EndOnSignal&) = delete;
  EndOnSignal& operator=(const EndOnSignal&) = delete;

 private:
  void Wait() {
    int signal = 0;
    sigwait(&signals_, &signal);
    if (over_) return;
    stop_.Request();
    const auto end = std::chrono::steady_clock::now() + kPatience;
    while (!over_ && std::chrono::steady_clock::now() < end) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    if (over_) return;
    host::KillRunning();
    Log(reporter::Severity::kInfo, "ended as asked; what did not end in time was given up");
    std::_Exit(kOk);
  }

  reporter::Stop& stop_;
  sigset_t signals_;
  std::atomic<bool> over_{false};
  std::thread thread_;
};

// Others' work would spoil a measurement, and a measurement their work. A host is for one thread,
// hence one of its own.
reporter::Readiness ReadinessNow() {
  const Moment moment = ThisMoment(*host::Live());
  return {.conditions = moment.conditions, .refusal = moment.why_not};
}

// An agent idles for weeks: what a look at the machine took is given back at once.
void GiveMemoryBack() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

absl::StatusOr<std::vector<agent::MemoryBandwidth>> MeasureWhenIdle(host::Host& host) {
  const Moment moment = ThisMoment(host);
  if (!moment.why_not.empty()) return absl::FailedPreconditionError(moment.why_not);
  MemorySpeeds speeds = MeasureMemory(host, moment.conditions, kRepeats);
  GiveMemoryBack();
  if (speeds.measured.empty()) return absl::UnavailableError(speeds.missing.front());
  return std::move(speeds.measured);
}

// "": none. An empty file is none too, as it may be left behind after the first time.
absl::StatusOr<std::string> TokenOf(const Arguments& arguments) {
  if (arguments.token_file.empty()) return arguments.token;
  auto token = pki::ReadFile(arguments.token_file);
  if (!token.ok() || token->find_first_not_of(" \t\r\n") != std::string::npos) return token;
  Log(reporter::Severity::kWarning,
      absl::StrCat(arguments.token_file, " is empty: there is no join token in it"));
  return "";
}

absl::StatusOr<reporter::Settings> SettingsOf(const Arguments& arguments) {
  reporter::Settings settings;
  if (!arguments.planner.empty()) {
    auto planner = reporter::ParseAddress(arguments.planner);
    if (!planner.ok()) return planner.status();
    settings.planner = *std::move(planner);
  }
  auto token = TokenOf(arguments);
  if (!token.ok()) return token.status();
  settings.join_token = *std::move(token);
  settings.state_directory =
      arguments.state_directory.empty() ? DefaultStateDirectory() : arguments.state_directory;
  settings.name = arguments.name.empty() ? DefaultName() : arguments.name;
  settings.name_is_stated = !arguments.name.empty();
  settings.heartbeat =
      std::chrono::milliseconds(static_cast<std::int64_t>(arguments.heartbeat_seconds * 1000));
  return settings;
}

// Planners that announce themselves on the local network.
absl::StatusOr<std::vector<reporter::Address>> FindPlanners() {
  const auto all = discovery::Browse(kLookAround);
  if (!all.ok()) return all.status();
  std::vector<reporter::Address> addresses;
  for (const discovery::Found& found : *all) {
    for (const std::string& address : found.addresses) {
      addresses.push_back({address, std::to_string(found.port)});
    }
  }
  return addresses;
}

int Run(const Arguments& arguments) {
  const auto settings = SettingsOf(arguments);
  if (!settings.ok()) return Fail(settings.status());
  reporter::Stop stop;
  const EndOnSignal end(stop);
  const std::unique_ptr<host::Host> host = host::Live();
  const reporter::World world = {.report =
                                     [&arguments] {
                                       auto report = ReportOf("", arguments.data);
                                       GiveMemoryBack();
                                       return report;
                                     },
                                 .vitals = [&host] { return reporter::ReadVitals(*host); },
                                 .readiness = &ReadinessNow,
                                 .measure = [&host] { return MeasureWhenIdle(*host); },
                                 .find = &FindPlanners,
                                 .clock = &UnixMs,
                                 .log = &Log,
                                 .agent_version = AgentVersion()};
  Log(reporter::Severity::kInfo,
      absl::StrCat("node-agent ", AgentVersion(), " reports to ",
                   settings->planner ? Format(*settings->planner)
                                     : "the planner that it knows, or finds on the local network",
                   ", state in ", settings->state_directory));
  const absl::Status ended = reporter::Run(*settings, world, stop);
  if (!ended.ok()) return Fail(ended);
  Log(reporter::Severity::kInfo, "ended as asked");
  return kOk;
}

}  // namespace

void AddRun(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "run",
      "Report to a planner until stopped\n\n"
      "  node-agent run --planner planner.local:7443 --token-file token   # the first time\n"
      "  node-agent run --planner planner.local:7443                      # afterwards\n"
      "  node-agent run --token-file token              # finds the planner that made the token\n"
      "  node-agent run --planner localhost:7443        # the planner of this very machine\n\n"
      "`planner token create` prints the token. It is used once; the key that it enrols is made\n"
      "here and never leaves.");
  command
      ->add_option("--planner", arguments->planner,
                   "Where the planner listens (default: looked for by multicast DNS)")
      ->type_name("HOST:PORT")
      ->envname("CAPACITY_PLANNER");
  auto* token = command->add_option("--token", arguments->token, "Join token, for the first time")
                    ->type_name("TOKEN")
                    ->envname("CAPACITY_JOIN_TOKEN");
  command->add_option("--token-file", arguments->token_file, "File that holds the join token")
      ->type_name("FILE")
      ->excludes(token);
  command
      ->add_option("--state-dir", arguments->state_directory,
                   "Where key, certificate and what is unsent are kept (default: " +
                       DefaultStateDirectory() + ")")
      ->type_name("DIR");
  command->add_option("--name", arguments->name, "What to be called (default: the host's name)")
      ->type_name("NAME");
  command
      ->add_option("--heartbeat", arguments->heartbeat_seconds,
                   "Seconds between signs of life, until the planner asks for others")
      ->check(CLI::Range(1.0, 3600.0))
      ->capture_default_str()
      ->type_name("SECONDS");
  command->add_option("--data", arguments->data, "Directory that holds catalog/")->type_name("DIR");
  command->callback([arguments, &action] { action = [arguments] { return Run(*arguments); }; });
}

}  // namespace capacity::agent_cli
