#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <ctime>
#include <filesystem>
#include <iostream>
#include <iterator>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/answer/launch.h"
#include "planner/cli/api_key.h"

#include "planner/cli/launch_arguments.h"
#include "planner/cli/launch_commands.h"
#include "planner/operate/apply.h"
#include "planner/operate/records.h"
#include "planner/report/launch.h"

namespace capacity::cli {
namespace {

constexpr int kNotCarriedOut = 4;  // steps that the planner only shows, never does itself

struct Arguments {
  LaunchArguments launch;
  ApiKeyArguments key;
  std::string llama_server = "llama-server";
  int timeout_seconds = 600;
  bool dry_run = false;
  bool yes = false;
  bool detach = false;
};

// ---------------------------------------------------------------- Ctrl-C

std::atomic<bool> stop_asked = false;
std::atomic<bool> hurry_asked = false;
static_assert(std::atomic<bool>::is_always_lock_free);

// A closed terminal may say so several times over: no hurry.
void AskToStop(int signal_number) {
  if (!stop_asked.exchange(true) || signal_number == SIGHUP) return;
  if (!hurry_asked.exchange(true)) return;
  signal(signal_number, SIG_DFL);
  raise(signal_number);
}

// While it lives, the first Ctrl-C, SIGTERM or SIGHUP asks to stop in order, the second to do so
// at once; the third ends the program. Nobody who reads on is no reason to leave things running.
class Stoppable {
 public:
  Stoppable() {
    struct sigaction action{};
    action.sa_handler = &AskToStop;
    sigemptyset(&action.sa_mask);  // and no SA_RESTART: a question at the terminal ends, too
    for (std::size_t i = 0; i < std::size(kSignals); ++i) {
      sigaction(kSignals[i], nullptr, &before_[i]);
      // nohup has it ignored, and means it.
      if (before_[i].sa_handler != SIG_IGN) sigaction(kSignals[i], &action, nullptr);
    }
    pipe_before_ = signal(SIGPIPE, SIG_IGN);
  }
  ~Stoppable() {
    for (std::size_t i = 0; i < std::size(kSignals); ++i) {
      sigaction(kSignals[i], &before_[i], nullptr);
    }
    signal(SIGPIPE, pipe_before_);
  }
  Stoppable(const Stoppable&) = delete;
  Stoppable& operator=(const Stoppable&) = delete;

 private:
  static constexpr int kSignals[] = {SIGINT, SIGTERM, SIGHUP};
  struct sigaction before_[std::size(kSignals)] = {};
  void (*pipe_before_)(int) = SIG_DFL;
};

// ---------------------------------------------------------------- what must hold before

bool IsNamed(const answer::LaunchQuestion& question, const std::string& node) {
  return question.facts.addresses.count(node) != 0;
}

// Everything that keeps the plan from being carried out; empty when nothing does.
std::vector<std::string> Obstacles(const answer::LaunchQuestion& question,
                                   const launch::LaunchPlan& plan) {
  std::vector<std::string> obstacles;
  for (const std::string& lacks : plan.missing) obstacles.push_back("missing: " + lacks);
  const auto unnamed = [&](const std::string& node) {
    return absl::StrCat("missing: the address of ", node, ": --address ", node,
                        "=HOST; only addresses that you name are touched");
  };
  if (plan.engine == catalog::Engine::kExo) {
    if (plan.missing.empty() && !IsNamed(question, plan.head)) {
      obstacles.push_back(unnamed(plan.head));
    }
    return obstacles;
  }
  if (plan.head != question.facts.here) {
    obstacles.push_back(
        question.facts.here.empty()
            ? absl::StrCat("llama-server is to run on ", plan.head,
                           ": if that is this machine, "
                           "--here ",
                           plan.head, "; if not, --address ", plan.head, "=HOST")
            : absl::StrCat("--here ", question.facts.here, ": it has no part in this placement"));
  }
  for (const launch::Share& share : plan.shares) {
    if (plan.missing.empty() && share.node != plan.head && !IsNamed(question, share.node)) {
      obstacles.push_back(unnamed(share.node));
    }
  }
  std::error_code error;
  if (!plan.file.empty() && !std::filesystem::is_regular_file(plan.file, error)) {
    obstacles.push_back(absl::StrCat("--file: ", plan.file, " is not there, or no file"));
  }
  return obstacles;
}

// Whether the person at the terminal agrees. Ctrl-C is a no.
bool Agreed() {
  std::cerr << "Do this? [y/N] " << std::flush;
  std::string answer;
  char next = 0;
  while (!stop_asked && read(STDIN_FILENO, &next, 1) == 1 && next != '\n') answer += next;
  if (stop_asked) std::cerr << "\n";
  return !stop_asked && (answer == "y" || answer == "Y" || answer == "yes");
}

// ---------------------------------------------------------------- carrying it out

std::string Now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  gmtime_r(&now, &utc);
  char text[32];
  std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text;
}

operate::Outcome CarryOut(const Arguments& arguments, const answer::LaunchQuestion& question,
                          const launch::LaunchPlan& plan, const http::ApiKey& key,
                          const operate::Control& control) {
  if (plan.engine == catalog::Engine::kExo) {
    return operate::LaunchExo(plan, question.facts.addresses, key, control);
  }
  const absl::StatusOr<std::string> log =
      operate::LogFile(operate::DefaultLaunchDirectory(), plan.model, plan.api.port);
  if (!log.ok()) {
    operate::Outcome outcome;
    outcome.status = log.status();
    return outcome;
  }
  return operate::LaunchLlamaCpp(plan, arguments.llama_server, *log, key, control);
}

report::Applied AppliedOf(const launch::LaunchPlan& plan, const operate::Outcome& outcome) {
  return {outcome.status.ok(),
          absl::StrCat("http://", launch::ToString(plan.api)),
          outcome.status.ok() ? "" : std::string(outcome.status.message()),
          outcome.done,
          outcome.taken_back.undone,
          outcome.taken_back.left};
}

// What was launched is kept, so that `planner status` knows of it.
void Keep(const launch::Record& record) {
  launch::Record dated = record;
  dated.applied_at = Now();
  const absl::Status kept = operate::KeepRecord(operate::DefaultLaunchDirectory(), dated);
  if (!kept.ok()) {
    std::cerr << "planner: launch: `planner status` will not know of this: " << kept.message()
              << "\n";
  }
}

void Forget(const launch::LaunchPlan& plan) {
  const absl::Status forgotten =
      operate::ForgetRecord(operate::DefaultLaunchDirectory(),
                            absl::StrCat("http://", launch::ToString(plan.api)), plan.model);
  if (!forgotten.ok()) std::cerr << "planner: launch: " << forgotten.message() << "\n";
}

// Stays with a server that runs in the foreground until it ends or is to end.
int Attend(const launch::LaunchPlan& plan, operate::Child& server, const std::string& log) {
  constexpr std::chrono::milliseconds kLook{200};
  constexpr std::chrono::seconds kGrace{10};
  while (!stop_asked && !server.Ended()) std::this_thread::sleep_for(kLook);
  const std::optional<int> ended = server.Ended();
  if (!ended) server.Stop(kGrace, &hurry_asked);
  Forget(plan);
  if (!ended) {
    std::cerr << "planner: launch: stopped llama-server\n";
    return kOk;
  }
  constexpr std::size_t kLines = 5;
  std::cerr << "planner: launch: llama-server ended with " << *ended << "; the end of " << log
            << ":\n  " << absl::StrJoin(operate::LastLines(log, kLines), "\n  ") << "\n";
  return kWorldFailed;
}

int PrintApplied(const Common& common, const answer::LaunchAnswer& answer,
                 const placement::Load& load, const report::Applied& applied) {
  if (common.json()) {
    return Print(
        report::LaunchJson(answer.scenario.fleet, answer.placement, load, answer.plan, &applied));
  }
  return applied.running ? Print(report::AppliedText(applied)) : kOk;
}

int Apply(const Common& common, const Arguments& arguments, const answer::LaunchQuestion& question,
          const answer::LaunchAnswer& answer) {
  const launch::LaunchPlan& plan = answer.plan;
  const placement::Load& load = question.facts.load;
  if (!plan.not_applied.empty()) {
    std::cerr << "planner: launch: " << plan.not_applied << "; --dry-run shows them\n";
    return kNotCarriedOut;
  }
  const std::vector<std::string> obstacles = Obstacles(question, plan);
  for (const std::string& obstacle : obstacles) BadArgument("launch", obstacle);
  if (!obstacles.empty()) return kBadInput;
  const absl::StatusOr<http::ApiKey> key = ReadApiKey(arguments.key);
  if (!key.ok()) return BadArgument("launch", std::string(key.status().message()));
  if (!arguments.yes && isatty(STDIN_FILENO) == 0) {
    return BadArgument("launch",
                       "there is nobody to ask; --yes carries the steps out, --dry-run "
                       "shows them");
  }
  if (!common.json()) {
    const int printed = Print(
        report::LaunchText(answer.scenario.fleet, answer.placement, load, plan, common.style));
    if (printed != kOk) return printed;
  }
  const Stoppable stoppable;
  if (!arguments.yes && !Agreed()) {
    std::cerr << "planner: launch: nothing was done\n";
    return kInterrupted;
  }
  operate::Control control;
  bool started = false;
  control.keep = [&started](const launch::Record& record) {
    started = true;
    Keep(record);
  };
  control.stop = &stop_asked;
  control.hurry = &hurry_asked;
  control.patience = std::chrono::seconds(arguments.timeout_seconds);
  if (isatty(STDERR_FILENO) != 0) {
    control.say = [](const std::string& line) { std::cerr << line << "\n"; };
  }
  operate::Outcome outcome = CarryOut(arguments, question, plan, *key, control);
  const report::Applied applied = AppliedOf(plan, outcome);
  if (!outcome.status.ok()) {
    std::cerr << "planner: launch: " << applied.problem << "\n";
    for (const std::string& undone : applied.undone) {
      std::cerr << "planner: launch: taken back: " << undone << "\n";
    }
    for (const std::string& left : applied.left) std::cerr << "planner: launch: " << left << "\n";
    // What may be left stays known to `planner status`.
    if (started && applied.left.empty()) Forget(plan);
    PrintApplied(common, answer, load, applied);
    return absl::IsCancelled(outcome.status) ? kInterrupted : kWorldFailed;
  }
  Keep(outcome.record);
  const int printed = PrintApplied(common, answer, load, applied);
  if (outcome.server == nullptr) return printed;
  if (arguments.detach) {
    outcome.server->Release();
    return printed;
  }
  return Attend(plan, *outcome.server, outcome.record.log);
}

int RunLaunch(const Common& common, const Arguments& arguments) {
  std::optional<answer::Facts> facts = LoadFactsOrPrint(common);
  if (!facts) return kBadInput;
  int exit_code = kBadInput;
  const auto question = LaunchQuestionOrPrint(common, *facts, arguments.launch, exit_code);
  if (!question) return exit_code;
  const auto answered = answer::AnswerLaunch(*facts, *question);
  if (!answered.value) return Refuse("launch", answered.problems, answered.arguments);
  const answer::LaunchAnswer& answer = *answered.value;
  if (!arguments.dry_run) return Apply(common, arguments, *question, answer);
  const fleet::Fleet& fleet = answer.scenario.fleet;
  const placement::Load& load = question->facts.load;
  return Print(common.json()
                   ? report::LaunchJson(fleet, answer.placement, load, answer.plan, nullptr)
                   : report::LaunchText(fleet, answer.placement, load, answer.plan, common.style));
}

}  // namespace

void AddLaunch(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command =
      app.add_subcommand("launch", "Start a model where the planner would place it, or show how");
  command->footer(
      "Example:\n  planner launch --model gpt-oss-120b --inventory inventories/two-sparks.yaml "
      "\\\n      --engine llama.cpp --nodes spark-1,spark-2 --here spark-1 \\\n"
      "      --address spark-2=10.0.0.2 --file gpt-oss-120b.gguf --dry-run");
  AddLaunchArguments(*command, "A model of the catalogue", arguments->launch);
  command->add_option("--llama-server", arguments->llama_server, "Its path, or its name in PATH")
      ->type_name("PROGRAM")
      ->capture_default_str();
  command
      ->add_option("--timeout", arguments->timeout_seconds, "Seconds until the model must be ready")
      ->check(CLI::Range(1, 86'400))
      ->type_name("SECONDS")
      ->capture_default_str();
  command->add_flag("--dry-run", arguments->dry_run, "Show every step and do none");
  command->add_flag("--yes", arguments->yes, "Do it without asking");
  command->add_flag("--detach", arguments->detach,
                    "Leave llama-server running and return; otherwise Ctrl-C ends it");
  AddApiKeyOptions(*command, arguments->key);
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunLaunch(common, *arguments); };
  });
}

}  // namespace capacity::cli
