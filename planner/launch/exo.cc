// EXO: one request to its API. EXO itself runs on the nodes already and has found its peers.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/launch/engines.h"
#include "planner/launch/exo_answers.h"

namespace capacity::launch {

void PlanExo(const Job& job, LaunchPlan& plan) {
  plan.head = job.nodes.front();
  for (const std::string& node : job.nodes) {
    if (job.facts.addresses.count(node) != 0) {
      plan.head = node;
      break;
    }
  }
  plan.api = ReachAt(job, plan.head, plan);
  if (plan.api.port == 0) plan.api.port = kExoPort;
  plan.source = SourceOf(job, plan);
  const std::string url = absl::StrCat("http://", ToString(plan.api));
  const ExoChoice choice = ExoChoiceFor(plan);
  std::vector<std::string> dealt;
  for (const Share& share : plan.shares) {
    dealt.push_back(absl::StrCat(share.node, " ", share.layers));
  }
  plan.steps.push_back({"", "which machines EXO has, and what runs on them",
                        Request{"GET", url + "/state", "", ""}, ""});
  plan.steps.push_back({"", "how EXO would place the model on these machines",
                        Request{"GET", absl::StrCat(url, PreviewsPath(plan.source, {})), "", ""},
                        ""});
  plan.steps.push_back(
      {"",
       choice.sharding == "Tensor" ? std::string("create the instance")
                                   : absl::StrCat("create the instance with the planner's split: ",
                                                  absl::StrJoin(dealt, ", "), " layers"),
       Request{"POST", url + "/instance", "",
               absl::StrCat("{\"instance\": the preview with sharding ", choice.sharding,
                            ", instance_meta ", choice.meta, " and exactly these nodes",
                            choice.sharding == "Tensor"
                                ? "}"
                                : ", its startLayer and endLayer replaced by the planner's}")},
       absl::StrCat("DELETE ", url, "/instance/{instanceId}")});
  plan.steps.push_back(
      {"", "only if that split is refused: create it with EXO's own",
       Request{"POST", url + "/instance", "", "{\"instance\": the same preview as it came}"},
       absl::StrCat("DELETE ", url, "/instance/{instanceId}")});
  plan.steps.push_back({"", "only if EXO previews nothing: let it place the model by itself",
                        Request{"POST", url + "/place_instance",
                                PlaceRequest(plan.source, choice, plan.shares.size()), ""},
                        absl::StrCat("DELETE ", url, "/instance/{instanceId}")});
  plan.steps.push_back({"", "weights are downloaded first where a node lacks them",
                        Wait{url + "/state", "every runner of the instance is RunnerReady"}, ""});
  plan.warnings.push_back(
      "EXO must run on all of these nodes and have found them; it chooses the context by itself");
}

}  // namespace capacity::launch
