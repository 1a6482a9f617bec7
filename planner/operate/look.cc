#include "planner/operate/look.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/launch/exo_answers.h"
#include "planner/launch/llama_answers.h"
#include "planner/operate/records.h"

namespace capacity::operate {
namespace {

using launch::Record;
using launch::Standing;

constexpr int kOk = 200;
constexpr int kLoading = 503;
constexpr int kRefused = 401;
constexpr int kForbidden = 403;

http::Endpoint ApiAt(const std::string& url, const http::ApiKey& key) {
  http::Endpoint api;
  api.url = url;
  api.key = key;
  return api;
}

Standing Without(const std::string& url, const Record* plan, Standing::State state,
                 std::string detail) {
  Standing standing;
  standing.state = state;
  standing.detail = std::move(detail);
  standing.url = url;
  if (plan != nullptr) {
    standing.plan = *plan;
    standing.engine = plan->engine;
  }
  return standing;
}

// Of several plans at one address the one that is served.
const Record* PlanOf(const std::vector<Record>& plans, const launch::LlamaProps& props) {
  for (const Record& plan : plans) {
    if (plan.model == props.alias) return &plan;
  }
  return plans.empty() ? nullptr : &plans.front();
}

// As Without, of a llama-server.
Standing OfLlama(const std::string& url, const Record* plan, Standing::State state,
                 std::string detail) {
  Standing standing = Without(url, plan, state, std::move(detail));
  standing.engine = "llama.cpp";
  return standing;
}

std::vector<Standing> LookAtLlama(const std::string& url, const std::vector<Record>& plans,
                                  const http::Endpoint& api, const http::Answer& health,
                                  const launch::ModelCalled& called) {
  const Record* first = plans.empty() ? nullptr : &plans.front();
  if (health.status == kLoading) {
    return {OfLlama(url, first, Standing::State::kLoading, launch::ComplaintOf(health.body))};
  }
  const absl::StatusOr<http::Answer> answer = http::Exchange(api, "GET", "/props");
  if (!answer.ok()) {
    return {
        OfLlama(url, first, Standing::State::kUnreachable, std::string(answer.status().message()))};
  }
  if (answer->status == kRefused || answer->status == kForbidden) {
    return {OfLlama(url, first, Standing::State::kUnreachable,
                    "it wants an API key: --api-key-env or --api-key-file")};
  }
  const absl::StatusOr<launch::LlamaProps> props = launch::ReadLlamaProps(answer->body);
  if (!props.ok()) {
    return {
        OfLlama(url, first, Standing::State::kUnreachable, std::string(props.status().message()))};
  }
  std::optional<std::vector<launch::LlamaSlot>> slots;
  if (const auto shown = http::Exchange(api, "GET", "/slots"); shown.ok() && shown->status == kOk) {
    if (auto read = launch::ReadLlamaSlots(shown->body); read.ok()) slots = *std::move(read);
  }
  const std::vector<launch::LlamaSlot>* shown = slots ? &*slots : nullptr;
  const Record* plan = PlanOf(plans, *props);
  std::vector<Standing> standings;
  for (const Record& one : plans) {
    standings.push_back(&one == plan ? launch::CompareLlama(one, *props, shown, called)
                                     : OfLlama(url, &one, Standing::State::kAbsent,
                                               absl::StrCat("llama-server serves ", props->alias)));
  }
  if (plan == nullptr) standings.push_back(launch::UnplannedLlama(url, *props, shown));
  return standings;
}

// What there is to say of a plan where nobody answers: its process may run or be gone.
Standing Unanswered(const std::string& url, const Record* plan, const std::string& detail) {
  Standing standing = Without(url, plan, Standing::State::kUnreachable, detail);
  if (plan == nullptr) return standing;
  const ProcessState process = ProcessOf(*plan);
  if (process == ProcessState::kEnded) {
    standing.ended = true;
    standing.detail = absl::StrCat("its process ", plan->process, " has ended");
  } else if (process == ProcessState::kRuns && plan->starting) {
    standing.state = Standing::State::kLoading;
    standing.detail = absl::StrCat("its process ", plan->process, " starts");
  }
  return standing;
}

std::vector<Standing> LookAt(const std::string& url, const std::vector<Record>& plans,
                             const http::ApiKey& key, const launch::ModelCalled& called) {
  const http::Endpoint api = ApiAt(url, key);
  const auto unanswered = [&](const std::string& detail) {
    std::vector<Standing> standings;
    for (const Record& plan : plans) standings.push_back(Unanswered(url, &plan, detail));
    if (plans.empty()) standings.push_back(Unanswered(url, nullptr, detail));
    return standings;
  };
  const bool exo = !plans.empty() && plans.front().engine == "exo";
  if (!exo) {
    const absl::StatusOr<http::Answer> health = http::Exchange(api, "GET", "/health");
    if (!health.ok()) {
      return unanswered(std::string(health.status().message()));
    }
    if (health->status == kOk || health->status == kLoading) {
      return LookAtLlama(url, plans, api, *health, called);
    }
  }
  const absl::StatusOr<http::Answer> answer = http::Exchange(api, "GET", "/state");
  if (!answer.ok()) {
    return unanswered(std::string(answer.status().message()));
  }
  const absl::StatusOr<launch::ExoState> state = launch::ReadExoState(answer->body);
  if (answer->status != kOk || !state.ok()) {
    return unanswered("what answers there is neither EXO nor llama-server");
  }
  return launch::CompareExo(url, plans, *state);
}

}  // namespace

std::vector<Standing> Look(const std::vector<Record>& plans, const std::vector<std::string>& urls,
                           const http::ApiKey& key, const launch::ModelCalled& called) {
  std::map<std::string, std::vector<Record>> by_url;
  for (const std::string& url : urls) by_url[url];
  for (const Record& plan : plans) by_url[plan.url].push_back(plan);
  std::vector<Standing> standings;
  for (const auto& [url, there] : by_url) {
    for (Standing& standing : LookAt(url, there, key, called))
      standings.push_back(std::move(standing));
  }
  return standings;
}

}  // namespace capacity::operate
