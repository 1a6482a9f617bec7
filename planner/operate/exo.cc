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
constexpr int kServerFailed = 500;
constexpr std::chrono::seconds kDeletePatience{30};
constexpr std::chrono::seconds kSettle{15};  // looking for what an unclear request may have made
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
      outcome_.taken_back = undoing_.Run();
    } else {
      outcome_.record.starting = false;
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

  // The body of an answer with status 200. NotFound, FailedPrecondition: a refusal, nothing was
  // done; any other error leaves open whether something was.
  absl::StatusOr<std::string> Ask(const http::Endpoint& api, const std::string& method,
                                  const std::string& path, const std::string& body = "") const {
    absl::StatusOr<http::Answer> answer = http::Exchange(api, method, path, body);
    if (!answer.ok()) return answer.status();
    if (answer->status == kOk) return std::move(answer->body);
    const std::string problem =
        absl::StrCat(method, " ", path.substr(0, path.find('?')), ": HTTP ", answer->status, ": ",
                     launch::ComplaintOf(answer->body));
    if (answer->status == kNotFound) return absl::NotFoundError(problem);
    return answer->status < kServerFailed ? absl::FailedPreconditionError(problem)
                                          : absl::UnavailableError(problem);
  }

  static bool Refused(const absl::Status& status) {
    return absl::IsFailedPrecondition(status) || absl::IsNotFound(status);
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

  // ---------------------------------------------------------------- the instance

  // What EXO would make; empty where it makes no previews. An EXO before them answers Not Found.
  absl::StatusOr<std::vector<ExoPreview>> Previews() const {
    std::vector<std::string> wanted;
    for (const auto& [node, id] : ids_) wanted.push_back(id);
    const absl::StatusOr<std::string> body =
        Ask(api_, "GET", launch::PreviewsPath(plan_.source, wanted));
    if (absl::IsNotFound(body.status())) return std::vector<ExoPreview>{};
    if (!body.ok()) return body.status();
    return launch::ReadExoPreviews(*body);
  }

  // The first of `previews` on the plan's nodes, in the order of the ways to share.
  absl::StatusOr<ExoPreview> OnThePlansNodes(const std::vector<ExoPreview>& previews) const {
    std::vector<std::string> reasons;
    for (const ExoChoice& choice : Choices()) {
      for (const ExoPreview& preview : previews) {
        if (preview.choice != choice) continue;
        const absl::Status nodes = CheckNodes(preview.instance);
        if (!preview.error.empty()) {
          reasons.push_back(preview.error);
        } else if (!nodes.ok()) {
          reasons.push_back(std::string(nodes.message()));
        } else if (!launch::IsPlainId(preview.instance.id) ||
                   known_.count(preview.instance.id) != 0) {
          reasons.push_back("the preview's instance has no usable id");
        } else {
          return preview;
        }
      }
    }
    if (reasons.empty()) reasons.push_back("EXO previews no placement of this kind");
    return absl::FailedPreconditionError(absl::StrJoin(reasons, "; "));
  }

  absl::Status Create() {
    const absl::StatusOr<std::vector<ExoPreview>> previews = Previews();
    if (!previews.ok()) return previews.status();
    if (previews->empty()) return Place();
    const absl::StatusOr<ExoPreview> preview = OnThePlansNodes(*previews);
    if (!preview.ok()) return preview.status();
    const absl::Status planned = Post(*preview, LayersById());
    // Only a plain refusal says that nothing was made.
    if (!Refused(planned)) {
      if (planned.ok()) Done(Asked(*preview, "the planner's split"));
      return planned;
    }
    Done(absl::StrCat("not with the planner's own split: ", std::string(planned.message())));
    std::map<std::string, int> own;
    for (const launch::ExoShard& shard : preview->instance.shards) {
      own[shard.node] = shard.end - shard.first;
    }
    outcome_.record.own_split = false;
    const absl::Status posted = Post(*preview, own);
    if (posted.ok()) Done(Asked(*preview, "EXO's split"));
    return posted;
  }

  static std::string Asked(const ExoPreview& preview, const std::string& split) {
    return absl::StrCat("asked EXO for instance ", preview.instance.id, " (",
                        preview.choice.sharding, ", ", preview.choice.meta, ") with ", split);
  }

  // POST /instance with these layers by node. EXO gives every preview a new id and keeps it for
  // what is made of it (@b5375f8, create_instance): that instance is ours and no other is.
  // FailedPrecondition, NotFound: refused, nothing was made.
  absl::Status Post(const ExoPreview& preview, const std::map<std::string, int>& layers) {
    const absl::StatusOr<std::string> request = launch::CreateRequest(preview, layers);
    if (!request.ok()) return request.status();
    const std::string& id = preview.instance.id;
    outcome_.record.instance = id;
    outcome_.record.starting = true;
    control_.keep(outcome_.record);
    const absl::StatusOr<std::string> posted = Ask(api_, "POST", "/instance", *request);
    if (Refused(posted.status())) return posted.status();
    // Whether an answer got lost on the way is not known: what may have been made is undone.
    undoing_.Add(absl::StrCat("deleted instance ", id), [this, id] { return TakeBack(id); });
    return posted.status();
  }

  // ---------------------------------------------------------------- without previews

  // An EXO that previews nothing chooses the id, too, and says in no answer whose request an
  // instance comes from. So what appears is waited for, and never deleted.
  absl::Status Place() {
    Done("not with the planner's own split: EXO previews no placement of this kind");
    outcome_.record.own_split = false;
    outcome_.record.starting = true;
    control_.keep(outcome_.record);
    const absl::StatusOr<std::string> placed =
        Ask(api_, "POST", "/place_instance",
            launch::PlaceRequest(plan_.source, Choices().back(), plan_.shares.size()));
    if (Refused(placed.status())) return placed.status();
    undoing_.Add("", [this] { return SayWhatWasPlaced(); });
    if (!placed.ok()) return placed.status();
    Done("asked EXO to place it by itself");
    return FindPlaced();
  }

  // Instances of the model that were not there before.
  std::vector<std::string> NewOnes(const ExoState& state) const {
    std::vector<std::string> ids;
    for (const ExoInstance& instance : state.instances) {
      if (instance.model == plan_.source && known_.count(instance.id) == 0) {
        ids.push_back(instance.id);
      }
    }
    return ids;
  }

  absl::Status FindPlaced() {
    const auto end = Clock::now() + std::min<Clock::duration>(kAppearPatience, control_.patience);
    while (Clock::now() < end) {
      const absl::StatusOr<ExoState> state = State(api_);
      if (absl::IsCancelled(state.status())) return state.status();
      const std::vector<std::string> ids =
          state.ok() ? NewOnes(*state) : std::vector<std::string>{};
      if (ids.size() > 1) {
        return absl::FailedPreconditionError(absl::StrCat("EXO has ", ids.size(),
                                                          " new instances of ", plan_.source,
                                                          ": somebody else starts it, too"));
      }
      if (ids.size() == 1) {
        outcome_.record.instance = ids.front();
        control_.keep(outcome_.record);
        Done(absl::StrCat("EXO placed it as instance ", ids.front()));
        return absl::OkStatus();
      }
      control_.Pause();
      if (control_.stopped()) return absl::CancelledError("interrupted");
    }
    return absl::DeadlineExceededError(
        "EXO took the request to place the model, and no instance appeared");
  }

  // Never OK: an instance may be left.
  absl::Status SayWhatWasPlaced() const {
    const http::Endpoint api = WhileTakingBack();
    const Control patient = Patient();
    std::vector<std::string> ids;
    control_.say("looking for what EXO placed");
    for (const auto end = Clock::now() + kSettle; Clock::now() < end && !control_.hurried();) {
      const absl::StatusOr<ExoState> state = State(api);
      if (state.ok()) ids = NewOnes(*state);
      if (!ids.empty()) break;
      patient.Pause();
    }
    if (ids.empty()) {
      return absl::UnavailableError(absl::StrCat("EXO was asked to place ", plan_.source,
                                                 ", and an instance may still ", "appear: `curl ",
                                                 api_.url, "/state` shows its id, `curl -X DELETE ",
                                                 api_.url, "/instance/ID` removes it"));
    }
    std::vector<std::string> removals;
    for (const std::string& id : ids) removals.push_back(Removal(id));
    return absl::UnavailableError(absl::StrCat(
        "of ", plan_.source, " there is now instance ", absl::StrJoin(ids, " and instance "),
        ", and EXO does not say who asked for it; if nobody else did, ",
        absl::StrJoin(removals, " and "), " removes it"));
  }

  // ---------------------------------------------------------------- taking back

  std::string Removal(const std::string& id) const {
    return launch::IsPlainId(id) ? absl::StrCat("`curl -X DELETE ", api_.url, "/instance/", id, "`")
                                 : absl::StrCat("DELETE ", api_.url, "/instance/{its id}");
  }

  // Also after Ctrl-C, so without the stop; the next one ends it.
  http::Endpoint WhileTakingBack() const {
    http::Endpoint api = api_;
    api.stop = control_.hurry;
    api.limits.total = std::chrono::seconds(10);
    return api;
  }
  Control Patient() const {
    Control patient = control_;
    patient.stop = control_.hurry;
    return patient;
  }

  // Deletes the instance that was asked for, if need be once EXO has made it: that is some time
  // after it said yes, or happens though its answer got lost.
  absl::Status TakeBack(const std::string& id) {
    const http::Endpoint api = WhileTakingBack();
    const Control patient = Patient();
    auto end = Clock::now() + kSettle;
    bool deleted = false;
    std::string why = "it had not appeared when the planner stopped looking";
    control_.say(absl::StrCat("taking back instance ", id));
    while (!control_.hurried()) {
      const absl::StatusOr<ExoState> state = State(api);
      if (!state.ok()) {
        why = std::string(state.status().message());
      } else if (!Holds(*state, id)) {
        if (deleted || seen_) return absl::OkStatus();
      } else if (!deleted) {
        seen_ = true;
        const absl::Status asked = Ask(api, "DELETE", "/instance/" + id).status();
        deleted = asked.ok() || absl::IsNotFound(asked);
        why = deleted ? "EXO was asked to delete it, and it is still there"
                      : std::string(asked.message());
        if (deleted) end = Clock::now() + kDeletePatience;
      }
      if (Clock::now() >= end) break;
      patient.Pause();
    }
    if (control_.hurried() && !deleted) why = "interrupted before it was deleted";
    return absl::UnavailableError(absl::StrCat("instance ", id, " of ", plan_.source,
                                               " may be left: ", why, "; ", Removal(id),
                                               " removes it"));
  }

  static bool Holds(const ExoState& state, const std::string& id) {
    return std::any_of(state.instances.begin(), state.instances.end(),
                       [&](const ExoInstance& one) { return one.id == id; });
  }

  // ---------------------------------------------------------------- until it is ready

  // The nodes must be the plan's; the split is, unless EXO chose it.
  absl::Status CheckNodes(const ExoInstance& instance) const {
    std::set<std::string> wanted;
    for (const auto& [node, id] : ids_) wanted.insert(id);
    std::set<std::string> has;
    for (const launch::ExoShard& shard : instance.shards) has.insert(shard.node);
    if (has == wanted) return absl::OkStatus();
    return absl::FailedPreconditionError(
        "EXO places the model on other nodes than the plan; are all of them free, and joined as "
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
          if (seen_) return absl::UnavailableError("the instance disappeared before it was ready");
          if (Clock::now() - start > kAppearPatience) {
            return absl::DeadlineExceededError("EXO took the instance, and it never appeared");
          }
        } else {
          seen_ = true;
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
  bool seen_ = false;                       // the instance was in /state
  Undoing undoing_;
  Outcome outcome_;
};

}  // namespace

Outcome LaunchExo(const LaunchPlan& plan, const std::map<std::string, launch::Address>& addresses,
                  const http::ApiKey& key, const Control& control) {
  return ExoLaunch(plan, addresses, key, control).Run();
}

}  // namespace capacity::operate
