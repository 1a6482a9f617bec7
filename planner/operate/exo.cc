#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/launch/answers_json.h"
#include "planner/launch/compare.h"
#include "planner/launch/exo_answers.h"
#include "planner/operate/apply.h"

namespace capacity::operate {
namespace {

using launch::ExoChoice;
using launch::ExoInstance;
using launch::ExoPreview;
using launch::ExoState;
using launch::LaunchPlan;
using launch::Standing;
using Clock = std::chrono::steady_clock;

constexpr int kOk = 200;
constexpr int kNotFound = 404;
constexpr std::chrono::seconds kDeletePatience{30};
constexpr std::chrono::seconds kAppearPatience{60};  // from a POST to the instance in /state

// One launch on EXO, as far as it has got.
class ExoLaunch {
 public:
  ExoLaunch(const LaunchPlan& plan, const std::map<std::string, launch::Address>& addresses,
            const http::ApiKey& key, const Control& control)
      : plan_(plan), addresses_(addresses), control_(control) {
    api_.url = absl::StrCat("http://", launch::ToString(plan.api));
    api_.key = key;
    api_.stop = control.stop;
  }

  Outcome Run() {
    outcome_.record = launch::RecordOf(plan_);
    outcome_.status = Steps();
    if (!outcome_.status.ok()) {
      outcome_.undone = undoing_.Run();
    } else {
      undoing_.Keep();
    }
    return std::move(outcome_);
  }

 private:
  absl::Status Steps() {
    for (absl::Status (ExoLaunch::*step)() :
         {&ExoLaunch::Look, &ExoLaunch::Create, &ExoLaunch::AwaitReady}) {
      if (control_.stopped()) return absl::CancelledError("interrupted");
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  void Done(std::string what) {
    control_.say(what);
    outcome_.done.push_back(std::move(what));
  }

  // The body of an answer with status 200.
  absl::StatusOr<std::string> Ask(const http::Endpoint& api, const std::string& method,
                                  const std::string& path, const std::string& body = "") const {
    absl::StatusOr<http::Answer> answer = http::Exchange(api, method, path, body);
    if (!answer.ok()) return answer.status();
    if (answer->status == kOk) return std::move(answer->body);
    const std::string problem =
        absl::StrCat(method, " ", path.substr(0, path.find('?')), ": HTTP ", answer->status, ": ",
                     launch::ComplaintOf(answer->body));
    return answer->status == kNotFound ? absl::NotFoundError(problem)
                                       : absl::FailedPreconditionError(problem);
  }

  absl::StatusOr<ExoState> State(const http::Endpoint& api) const {
    const absl::StatusOr<std::string> body = Ask(api, "GET", "/state");
    if (!body.ok()) return body.status();
    return launch::ReadExoState(*body);
  }

  // Which nodes EXO has, and that the model does not run yet.
  absl::Status Look() {
    const absl::StatusOr<ExoState> state = State(api_);
    if (!state.ok()) return state.status();
    std::vector<std::string> nodes;
    for (const launch::Share& share : plan_.shares) nodes.push_back(share.node);
    absl::StatusOr<std::map<std::string, std::string>> ids =
        launch::ExoIdsOf(nodes, addresses_, *state);
    if (!ids.ok()) return ids.status();
    ids_ = *std::move(ids);
    for (const ExoInstance& instance : state->instances) {
      known_.insert(instance.id);
      if (instance.model != plan_.source) continue;
      return absl::FailedPreconditionError(
          absl::StrCat("EXO runs an instance of ", plan_.source, " already (", instance.id,
                       "); `planner status` compares it; DELETE ", api_.url, "/instance/",
                       instance.id, " ends it"));
    }
    Done(absl::StrCat("EXO at ", api_.url, " has ", state->nodes.size(), " nodes, all ",
                      plan_.shares.size(), " of the plan among them"));
    return absl::OkStatus();
  }

  // The ways to share that come into question, the plan's first.
  std::vector<ExoChoice> Choices() const {
    const ExoChoice wanted = launch::ExoChoiceFor(plan_);
    std::vector<ExoChoice> choices = {wanted};
    if (plan_.shares.size() == 1) {
      choices = {{"Pipeline", "MlxRing"}};  // all that EXO has for one node
    } else if (wanted.meta == "MlxJaccl" && wanted.sharding == "Pipeline") {
      choices.push_back({wanted.sharding, "MlxRing"});
    }
    return choices;
  }

  std::map<std::string, int> LayersById() const {
    std::map<std::string, int> layers;
    for (const launch::Share& share : plan_.shares) layers[ids_.at(share.node)] = share.layers;
    return layers;
  }

  // POST /instance from the first preview that fits; why not, when none does or EXO refuses.
  absl::Status CreateAsPlanned() {
    std::vector<std::string> wanted;
    for (const auto& [node, id] : ids_) wanted.push_back(id);
    const absl::StatusOr<std::string> body =
        Ask(api_, "GET", launch::PreviewsPath(plan_.source, wanted));
    if (!body.ok()) return body.status();
    const absl::StatusOr<std::vector<ExoPreview>> previews = launch::ReadExoPreviews(*body);
    if (!previews.ok()) return previews.status();
    std::vector<std::string> reasons;
    for (const ExoChoice& choice : Choices()) {
      for (const ExoPreview& preview : *previews) {
        if (preview.choice != choice) continue;
        if (!preview.error.empty()) {
          reasons.push_back(preview.error);
          continue;
        }
        const absl::StatusOr<std::string> request = launch::CreateRequest(preview, LayersById());
        if (!request.ok()) {
          reasons.push_back(std::string(request.status().message()));
          continue;
        }
        return Post(preview.instance.id, *request, choice);
      }
    }
    if (reasons.empty()) reasons.push_back("EXO previews no placement of this kind");
    return absl::FailedPreconditionError(absl::StrJoin(reasons, "; "));
  }

  absl::Status Post(const std::string& id, const std::string& request, const ExoChoice& choice) {
    if (!launch::IsPlainId(id)) {
      return absl::FailedPreconditionError("the preview's instance has no usable id");
    }
    const absl::StatusOr<std::string> posted = Ask(api_, "POST", "/instance", request);
    // Whether an answer got lost on the way is not known: what may have been made is undone.
    if (posted.ok() || !absl::IsFailedPrecondition(posted.status())) DeleteLater(id);
    if (!posted.ok()) return posted.status();
    outcome_.record.instance = id;
    Done(absl::StrCat("asked EXO for instance ", id, " (", choice.sharding, ", ", choice.meta,
                      ") with the planner's split"));
    return absl::OkStatus();
  }

  absl::Status Create() {
    const absl::Status created = CreateAsPlanned();
    // Not found: an EXO that has no previews yet.
    if (!absl::IsFailedPrecondition(created) && !absl::IsNotFound(created)) return created;
    Done(absl::StrCat("not with the planner's own split: ", std::string(created.message())));
    const absl::StatusOr<std::string> placed =
        Ask(api_, "POST", "/place_instance",
            launch::PlaceRequest(plan_.source, Choices().back(), plan_.shares.size()));
    if (!placed.ok()) return placed.status();
    outcome_.record.own_split = false;
    Done("asked EXO to place it by itself");
    return FindPlaced();
  }

  // EXO's own placement has an id that only /state tells.
  absl::Status FindPlaced() {
    const auto end = Clock::now() + std::min<Clock::duration>(kAppearPatience, control_.patience);
    while (Clock::now() < end) {
      const absl::StatusOr<ExoState> state = State(api_);
      if (absl::IsCancelled(state.status())) return state.status();
      for (std::size_t i = 0; state.ok() && i < state->instances.size(); ++i) {
        const ExoInstance& instance = state->instances[i];
        if (instance.model != plan_.source || known_.count(instance.id) != 0) continue;
        if (!launch::IsPlainId(instance.id)) {
          return absl::FailedPreconditionError("EXO's instance has no usable id");
        }
        outcome_.record.instance = instance.id;
        DeleteLater(instance.id);
        Done(absl::StrCat("EXO placed it as instance ", instance.id));
        return absl::OkStatus();
      }
      control_.Pause();
      if (control_.stopped()) return absl::CancelledError("interrupted");
    }
    return absl::DeadlineExceededError(
        "EXO took the request to place the model, and no instance appeared");
  }

  void DeleteLater(const std::string& id) {
    undoing_.Add(absl::StrCat("deleted instance ", id), [this, id] { return Delete(id); });
  }

  // Also after Ctrl-C, so without the stop.
  absl::Status Delete(const std::string& id) const {
    http::Endpoint api = api_;
    api.stop = nullptr;
    const absl::StatusOr<std::string> deleted = Ask(api, "DELETE", "/instance/" + id);
    if (absl::IsNotFound(deleted.status())) return absl::OkStatus();
    if (!deleted.ok()) return deleted.status();
    Control patient = control_;
    patient.stop = nullptr;
    const auto end = Clock::now() + std::min<Clock::duration>(kDeletePatience, control_.patience);
    do {
      const absl::StatusOr<ExoState> state = State(api);
      if (state.ok() && std::none_of(state->instances.begin(), state->instances.end(),
                                     [&](const ExoInstance& one) { return one.id == id; })) {
        return absl::OkStatus();
      }
      patient.Pause();
    } while (Clock::now() < end);
    return absl::DeadlineExceededError("it was asked to, and the instance is still there");
  }

  // The nodes must be the plan's; the split is, unless EXO chose it.
  absl::Status CheckNodes(const ExoInstance& instance) {
    std::set<std::string> wanted;
    for (const auto& [node, id] : ids_) wanted.insert(id);
    std::set<std::string> has;
    for (const launch::ExoShard& shard : instance.shards) has.insert(shard.node);
    if (has == wanted) return absl::OkStatus();
    return absl::FailedPreconditionError(
        "EXO placed the model on other nodes than the plan; are all of them free, and joined as "
        "the inventory says?");
  }

  void Remember(const ExoInstance& instance) {
    std::map<std::string, std::string> name_of;
    for (const auto& [node, id] : ids_) name_of[id] = node;
    outcome_.record.shares.clear();
    outcome_.record.engine_nodes.clear();
    for (const launch::ExoShard& shard : instance.shards) {
      outcome_.record.shares.push_back({name_of[shard.node], shard.first, shard.end - shard.first});
      outcome_.record.engine_nodes.push_back(shard.node);
    }
  }

  absl::Status AwaitReady() {
    const auto start = Clock::now();
    const auto end = start + control_.patience;
    bool seen = false;
    std::string said;
    while (Clock::now() < end) {
      if (control_.stopped()) return absl::CancelledError("interrupted");
      const absl::StatusOr<ExoState> state = State(api_);
      // One lost answer is no reason to give up; an answer that makes no sense is.
      if (absl::IsCancelled(state.status()) || absl::IsInvalidArgument(state.status())) {
        return state.status();
      }
      if (state.ok()) {
        const auto found = std::find_if(
            state->instances.begin(), state->instances.end(),
            [&](const ExoInstance& one) { return one.id == outcome_.record.instance; });
        if (found == state->instances.end()) {
          if (seen) return absl::UnavailableError("the instance disappeared before it was ready");
          if (Clock::now() - start > kAppearPatience) {
            return absl::DeadlineExceededError("EXO took the instance, and it never appeared");
          }
        } else {
          seen = true;
          if (absl::Status nodes = CheckNodes(*found); !nodes.ok()) return nodes;
          const Standing standing = launch::Progress(*found, *state);
          if (standing.state == Standing::State::kFailed) {
            return absl::UnavailableError(standing.detail);
          }
          if (standing.state == Standing::State::kReady) {
            Remember(*found);
            Done(absl::StrCat("instance ", found->id, " is ready: ", standing.detail));
            return absl::OkStatus();
          }
          if (standing.detail != said) control_.say(standing.detail);
          said = standing.detail;
        }
      }
      control_.Pause();
    }
    return absl::DeadlineExceededError(
        absl::StrCat("the instance was not ready after ",
                     std::chrono::duration_cast<std::chrono::seconds>(control_.patience).count(),
                     " s (--timeout)", said.empty() ? "" : ": ", said));
  }

  const LaunchPlan& plan_;
  const std::map<std::string, launch::Address>& addresses_;
  const Control& control_;
  http::Endpoint api_;
  std::map<std::string, std::string> ids_;  // EXO's, by the plan's names
  std::set<std::string> known_;             // instances from before
  Undoing undoing_;
  Outcome outcome_;
};

}  // namespace

Outcome LaunchExo(const LaunchPlan& plan, const std::map<std::string, launch::Address>& addresses,
                  const http::ApiKey& key, const Control& control) {
  return ExoLaunch(plan, addresses, key, control).Run();
}

}  // namespace capacity::operate
