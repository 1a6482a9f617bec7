#include <chrono>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/launch/compare.h"
#include "planner/launch/exo_answers.h"
#include "planner/launch/llama_answers.h"
#include "planner/operate/apply.h"
#include "planner/operate/records.h"
#include "planner/operate/rpc_hello.h"

namespace capacity::operate {
namespace {

using launch::LaunchPlan;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds kGrace{10};  // between SIGTERM and SIGKILL

// One launch of llama-server, as far as it has got.
class LlamaLaunch {
 public:
  LlamaLaunch(const LaunchPlan& plan, const std::string& program, const std::string& log,
              const http::ApiKey& key, const Control& control)
      : plan_(plan), program_(program), log_(log), control_(control) {
    api_.url = absl::StrCat("http://", launch::ToString(plan.api));
    api_.key = key;
    api_.stop = control.stop;
  }

  Outcome Run() {
    outcome_.record = launch::RecordOf(plan_);
    outcome_.status = Steps();
    if (!outcome_.status.ok()) {
      outcome_.taken_back = undoing_.Run();
      outcome_.server.reset();
    } else {
      outcome_.record.starting = false;
      undoing_.Keep();
    }
    return std::move(outcome_);
  }

 private:
  absl::Status Steps() {
    for (absl::Status (LlamaLaunch::*step)() :
         {&LlamaLaunch::CheckPort, &LlamaLaunch::CheckRpcServers, &LlamaLaunch::Start,
          &LlamaLaunch::AwaitReady, &LlamaLaunch::CheckProps}) {
      if (control_.stopped()) return absl::CancelledError("interrupted");
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  void Done(std::string what) {
    control_.say(what);
    outcome_.done.push_back(std::move(what));
  }

  // Another server there would answer in place of ours.
  absl::Status CheckPort() {
    if (!Listens(plan_.api, control_)) return absl::OkStatus();
    return absl::FailedPreconditionError(
        absl::StrCat("something listens at ", launch::ToString(plan_.api),
                     " already; --listen HOST:PORT names another place"));
  }

  absl::Status CheckRpcServers() {
    std::string first;
    for (const launch::Step& step : plan_.steps) {
      const auto* wait = std::get_if<launch::Wait>(&step.action);
      if (wait == nullptr || wait->url.find("://") != std::string::npos) continue;
      const absl::StatusOr<launch::Address> at = launch::ParseAddress(wait->url);
      if (!at.ok()) return at.status();
      const absl::StatusOr<RpcVersion> version = SayHello(*at, control_);
      if (!version.ok()) return version.status();
      Done(absl::StrCat("the RPC server at ", wait->url, " answers, version ", ToString(*version)));
      const std::string major = absl::StrCat(version->major);
      if (first.empty()) first = major;
      if (major != first) {
        return absl::FailedPreconditionError(
            absl::StrCat("the RPC servers speak versions ", first, " and ", major,
                         ": install the same llama.cpp everywhere"));
      }
    }
    return absl::OkStatus();
  }

  absl::Status Start() {
    for (const launch::Step& step : plan_.steps) {
      const auto* command = std::get_if<launch::Command>(&step.action);
      if (command == nullptr || command->argv.front() != "llama-server") continue;
      std::vector<std::string> argv = command->argv;
      argv.front() = program_;
      // Kept first: whatever becomes of the planner now, `planner status` knows where to look.
      outcome_.record.starting = true;
      outcome_.record.host = HostName();
      outcome_.record.log = log_;
      control_.keep(outcome_.record);
      absl::StatusOr<std::unique_ptr<Child>> started = Child::Start(argv, log_);
      if (!started.ok()) return started.status();
      outcome_.server = *std::move(started);
      outcome_.record.process = static_cast<int>(outcome_.server->id());
      control_.keep(outcome_.record);
      undoing_.Add(absl::StrCat("stopped llama-server (process ", outcome_.server->id(), ")"),
                   [this] {
                     outcome_.server->Stop(kGrace, control_.hurry);
                     return absl::OkStatus();
                   });
      Done(absl::StrCat("started llama-server (process ", outcome_.server->id(), ", log ", log_,
                        ")"));
      return absl::OkStatus();
    }
    return absl::InternalError("the plan starts no llama-server");
  }

  std::string WhyItEnded(int code) const {
    constexpr std::size_t kLines = 5;
    return absl::StrCat("llama-server ended with ", code, " before it was ready; the end of ", log_,
                        ":\n  ", absl::StrJoin(LastLines(log_, kLines), "\n  "));
  }

  absl::Status AwaitReady() {
    const auto end = Clock::now() + control_.patience;
    control_.say("waiting for the weights");
    while (Clock::now() < end) {
      if (control_.stopped()) return absl::CancelledError("interrupted");
      if (const std::optional<int> code = outcome_.server->Ended()) {
        return absl::UnavailableError(WhyItEnded(*code));
      }
      const absl::StatusOr<http::Answer> health = http::Exchange(api_, "GET", "/health");
      if (absl::IsCancelled(health.status())) return health.status();
      constexpr int kOk = 200;
      if (health.ok() && health->status == kOk) {
        Done(absl::StrCat("llama-server is ready at ", api_.url));
        return absl::OkStatus();
      }
      control_.Pause();
    }
    return absl::DeadlineExceededError(
        absl::StrCat("llama-server was not ready after ",
                     std::chrono::duration_cast<std::chrono::seconds>(control_.patience).count(),
                     " s (--timeout); its log is ", log_));
  }

  // What it serves must be what the plan says; its own limits may be lower.
  absl::Status CheckProps() {
    const absl::StatusOr<http::Answer> answer = http::Exchange(api_, "GET", "/props");
    if (!answer.ok()) return answer.status();
    const absl::StatusOr<launch::LlamaProps> props = launch::ReadLlamaProps(answer->body);
    if (!props.ok()) {
      Done(absl::StrCat("what it serves could not be checked: ",
                        answer->status == 200 ? std::string(props.status().message())
                                              : launch::ComplaintOf(answer->body)));
      return absl::OkStatus();
    }
    // It was just started with an alias: no name needs to be recognized.
    const auto unknown = [](const std::string&) { return std::string(); };
    for (const launch::Difference& difference :
         launch::CompareLlama(outcome_.record, *props, nullptr, unknown).differences) {
      Done(absl::StrCat("not as planned: ", difference.what, " is ", difference.running, ", not ",
                        difference.planned));
    }
    return absl::OkStatus();
  }

  const LaunchPlan& plan_;
  const std::string& program_;
  const std::string& log_;
  const Control& control_;
  http::Endpoint api_;
  Undoing undoing_;
  Outcome outcome_;
};

}  // namespace

Outcome LaunchLlamaCpp(const LaunchPlan& plan, const std::string& program, const std::string& log,
                       const http::ApiKey& key, const Control& control) {
  return LlamaLaunch(plan, program, log, key, control).Run();
}

}  // namespace capacity::operate
