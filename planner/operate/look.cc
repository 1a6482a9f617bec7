#include "planner/operate/look.h"

#include <map>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/launch/exo_answers.h"
#include "planner/launch/llama_answers.h"

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

std::vector<Standing> LookAtLlama(const std::string& url, const std::vector<Record>& plans,
                                  const http::Endpoint& api, const http::Answer& health) {
  const Record* first = plans.empty() ? nullptr : &plans.front();
  if (health.status == kLoading) {
    return {Without(url, first, Standing::State::kLoading, launch::ComplaintOf(health.body))};
  }
  const absl::StatusOr<http::Answer> answer = http::Exchange(api, "GET", "/props");
  if (!answer.ok()) {
    return {
        Without(url, first, Standing::State::kUnreachable, std::string(answer.status().message()))};
  }
  if (answer->status == kRefused || answer->status == kForbidden) {
    return {Without(url, first, Standing::State::kUnreachable,
                    "it wants an API key: --api-key-env or --api-key-file")};
  }
  const absl::StatusOr<launch::LlamaProps> props = launch::ReadLlamaProps(answer->body);
  if (!props.ok()) {
    return {
        Without(url, first, Standing::State::kUnreachable, std::string(props.status().message()))};
  }
  std::optional<std::vector<launch::LlamaSlot>> slots;
  if (const auto shown = http::Exchange(api, "GET", "/slots"); shown.ok() && shown->status == kOk) {
    if (auto read = launch::ReadLlamaSlots(shown->body); read.ok()) slots = *std::move(read);
  }
  const std::vector<launch::LlamaSlot>* shown = slots ? &*slots : nullptr;
  const Record* plan = PlanOf(plans, *props);
  std::vector<Standing> standings;
  for (const Record& one : plans) {
    standings.push_back(&one == plan ? launch::CompareLlama(one, *props, shown)
                                     : Without(url, &one, Standing::State::kAbsent,
                                               absl::StrCat("llama-server serves ", props->alias)));
  }
  if (plan == nullptr) standings.push_back(launch::UnplannedLlama(url, *props, shown));
  return standings;
}

std::vector<Standing> LookAt(const std::string& url, const std::vector<Record>& plans,
                             const http::ApiKey& key) {
  const http::Endpoint api = ApiAt(url, key);
  const auto all = [&](Standing::State state, const std::string& detail) {
    std::vector<Standing> standings;
    for (const Record& plan : plans) standings.push_back(Without(url, &plan, state, detail));
    if (plans.empty()) standings.push_back(Without(url, nullptr, state, detail));
    return standings;
  };
  const bool exo = !plans.empty() && plans.front().engine == "exo";
  if (!exo) {
    const absl::StatusOr<http::Answer> health = http::Exchange(api, "GET", "/health");
    if (!health.ok()) {
      return all(Standing::State::kUnreachable, std::string(health.status().message()));
    }
    if (health->status == kOk || health->status == kLoading) {
      return LookAtLlama(url, plans, api, *health);
    }
  }
  const absl::StatusOr<http::Answer> answer = http::Exchange(api, "GET", "/state");
  if (!answer.ok()) {
    return all(Standing::State::kUnreachable, std::string(answer.status().message()));
  }
  const absl::StatusOr<launch::ExoState> state = launch::ReadExoState(answer->body);
  if (answer->status != kOk || !state.ok()) {
    return all(Standing::State::kUnreachable, "what answers there is neither EXO nor llama-server");
  }
  return launch::CompareExo(url, plans, *state);
}

}  // namespace

std::vector<Standing> Look(const std::vector<Record>& plans, const std::vector<std::string>& urls,
                           const http::ApiKey& key) {
  std::map<std::string, std::vector<Record>> by_url;
  for (const std::string& url : urls) by_url[url];
  for (const Record& plan : plans) by_url[plan.url].push_back(plan);
  std::vector<Standing> standings;
  for (const auto& [url, there] : by_url) {
    for (Standing& standing : LookAt(url, there, key)) standings.push_back(std::move(standing));
  }
  return standings;
}

}  // namespace capacity::operate
