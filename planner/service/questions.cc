#include "planner/service/questions.h"

#include <cmath>
#include <map>
#include <set>
#include <variant>

#include "absl/strings/str_cat.h"
#include "planner/answer/fit.h"
#include "planner/answer/plan.h"
#include "planner/answer/predict.h"

namespace capacity::service {
namespace {

// What problems call the fleet that agents reported.
constexpr char kLiveInventory[] = "live-fleet.yaml";

// The live fleet and the changes, as documents in memory.
struct LiveDocuments {
  std::shared_ptr<const Snapshot> snapshot;
  answer::Documents documents;
};

std::variant<LiveDocuments, grpc::Status> DocumentsOf(Context& context,
                                                      const v1::FleetQuestion& question) {
  auto snapshot = context.fleet.Current();
  if (!snapshot.ok()) return ToGrpc(snapshot.status());
  auto texts = std::make_shared<std::map<std::string, std::string>>();
  LiveDocuments out{*snapshot, {}};
  out.documents.inventory = kLiveInventory;
  (*texts)[kLiveInventory] = (*snapshot)->yaml;
  const auto add = [&](const v1::Document& document) {
    out.documents.overlays.push_back(document.name());
    return texts->insert({document.name(), document.text()}).second;
  };
  for (const v1::Document& document : context.overlays) add(document);
  out.documents.standing = out.documents.overlays.size();
  for (int i = 0; i < question.what_if_size(); ++i) {
    if (add(question.what_if(i))) continue;
    return BadRequest(
        {{absl::StrCat("fleet.what_if[", i, "].name"),
          absl::StrCat("\"", question.what_if(i).name(), "\" names another document already")}});
  }
  out.documents.read = [texts](const std::string& file) {
    const auto text = texts->find(file);
    if (text == texts->end()) {
      inventory::ParsedDocument none;
      none.problems.push_back({file, 0, 0, "is not among the documents of this question",
                               "send it along under this name"});
      return none;
    }
    return inventory::ParseDocument(file, text->second, inventory::DocumentLimits{});
  };
  return out;
}

// What the fields of this request are called whose names are others than those of the arguments.
using FieldNames = std::map<std::string, std::string>;

// Everything that is wrong, in the places where the caller wrote it.
grpc::Status Refused(const Diagnostics& problems,
                     const std::vector<answer::ArgumentProblem>& arguments,
                     const v1::FleetQuestion& question, const FieldNames& fields) {
  wire::FieldViolations violations;
  for (const Diagnostic& problem : problems) {
    std::string field = "fleet";
    for (int i = 0; i < question.what_if_size(); ++i) {
      if (question.what_if(i).name() == problem.file) {
        field = absl::StrCat("fleet.what_if[", i, "].text");
      }
    }
    violations.push_back({field, ToString(problem)});
  }
  for (const answer::ArgumentProblem& wrong : arguments) {
    const auto field = fields.find(wrong.argument);
    violations.push_back({field != fields.end() ? field->second : wrong.argument, wrong.problem});
  }
  if (violations.empty()) violations.push_back({"", "the question makes no sense"});
  return BadRequest(violations);
}

void AddOmitted(const Snapshot& snapshot,
                google::protobuf::RepeatedPtrField<v1::OmittedNode>& out) {
  for (const wire::OmittedNode& node : snapshot.fleet.omitted) {
    v1::OmittedNode& entry = *out.Add();
    entry.set_name(node.name);
    entry.set_reason(node.reason);
  }
}

report::Style StyleOf(const v1::FleetQuestion& question) {
  report::Style style;
  style.color = false;
  style.width = static_cast<int>(question.text_columns());
  return style;
}

absl::StatusOr<placement::Load> LoadOf(Context& context, const v1::Load& load) {
  constexpr std::uint32_t kContext = 8192;
  constexpr std::uint32_t kPrompt = 1024;
  return answer::MakeLoad(
      context.facts.catalog,
      static_cast<int>(load.has_context_tokens() ? load.context_tokens() : kContext),
      static_cast<int>(load.has_prompt_tokens() ? load.prompt_tokens() : kPrompt),
      static_cast<int>(load.has_streams() ? load.streams() : 1),
      load.kv_type().empty() ? "f16" : load.kv_type());
}

void FillRungs(const Plan& plan, v1::PlanResponse& response) {
  response.set_nodes(static_cast<std::uint32_t>(plan.scenario.fleet.nodes().size()));
  response.set_today_usd_per_month(plan.ladder().today.value.value);
  for (const purchase::Rung& rung : plan.ladder().rungs) {
    v1::Rung& out = *response.add_rungs();
    for (const purchase::BoughtItem& item : rung.items) {
      v1::RungItem& bought = *out.add_items();
      bought.set_id(item.offer);
      bought.set_count(static_cast<std::uint32_t>(item.count));
      bought.set_unit_usd(item.unit_price.dollars());
    }
    out.set_cost_usd(rung.cost.dollars());
    out.set_threshold_months(rung.threshold_months);
    out.set_added_value_usd_per_month(rung.marginal_value.value);
    if (std::isfinite(rung.marginal_payoff_months.mid)) {
      out.set_payback_months(rung.marginal_payoff_months.mid);
    }
  }
}

}  // namespace

grpc::Status AnswerPlan(Context& context, const v1::PlanRequest& request,
                        const std::atomic<bool>& stop, v1::PlanResponse& response) {
  const auto found = DocumentsOf(context, request.fleet());
  if (const auto* refused = std::get_if<grpc::Status>(&found)) return *refused;
  const LiveDocuments* live = &std::get<LiveDocuments>(found);
  answer::PlanQuestion question;
  question.documents = live->documents;
  question.options.budget = Usd::FromDollars(request.budget_usd());
  if (!request.baseline().empty()) {
    const auto baseline = fleet::ParseBaseline(request.baseline());
    if (!baseline) {
      return BadRequest({{"baseline", "is frontier-equivalent, same-model-hosted or custom"}});
    }
    question.options.baseline = *baseline;
  }
  if (request.has_min_nominal_bits()) {
    question.options.min_nominal_bits = request.min_nominal_bits();
  }
  if (!request.threshold_months().empty()) {
    question.options.thresholds_months.assign(request.threshold_months().begin(),
                                              request.threshold_months().end());
  }
  question.options.watch.stop = &stop;
  question.explain_rung = static_cast<int>(request.explain_rung());
  const auto answered = answer::AnswerPlan(context.facts, question);
  if (!answered.value)
    return Refused(
        answered.problems, answered.arguments, request.fleet(),
        {{"explain", "explain_rung"}, {"budget", "budget_usd"}, {"", "threshold_months"}});
  response.set_json(answer::PlanJson(*answered.value));
  if (request.fleet().text_columns() > 0) {
    response.set_text(answer::PlanText(context.facts, *answered.value, StyleOf(request.fleet())));
  }
  FillRungs(answered.value->plan, response);
  AddOmitted(*live->snapshot, *response.mutable_omitted());
  response.set_interrupted(stop);
  return grpc::Status::OK;
}

grpc::Status AnswerFit(Context& context, const v1::FitRequest& request, v1::FitResponse& response) {
  const auto found = DocumentsOf(context, request.fleet());
  if (const auto* refused = std::get_if<grpc::Status>(&found)) return *refused;
  const LiveDocuments* live = &std::get<LiveDocuments>(found);
  const auto load = LoadOf(context, request.load());
  if (!load.ok()) {
    return BadRequest({{"load.kv_type", std::string(load.status().message())}});
  }
  answer::FitQuestion question;
  question.documents = live->documents;
  question.models.assign(request.models().begin(), request.models().end());
  question.quants.assign(request.quants().begin(), request.quants().end());
  question.load = *load;
  question.top = request.top() == 0 ? 1 : static_cast<int>(request.top());
  question.all = request.all();
  const auto answered = answer::AnswerFit(context.facts, question);
  if (!answered.value)
    return Refused(answered.problems, answered.arguments, request.fleet(),
                   {{"model", "models"}, {"quant", "quants"}});
  response.set_json(answer::FitJson(*answered.value));
  if (request.fleet().text_columns() > 0) {
    response.set_text(answer::FitText(*answered.value, StyleOf(request.fleet())));
  }
  std::set<const catalog::Model*> fitting;
  for (const placement::Placement& row : answered.value->rows) {
    if (row.why_not.empty()) fitting.insert(row.model);
  }
  response.set_fitting_models(static_cast<std::uint32_t>(fitting.size()));
  AddOmitted(*live->snapshot, *response.mutable_omitted());
  return grpc::Status::OK;
}

grpc::Status AnswerPredict(Context& context, const v1::PredictRequest& request,
                           v1::PredictResponse& response) {
  const auto found = DocumentsOf(context, request.fleet());
  if (const auto* refused = std::get_if<grpc::Status>(&found)) return *refused;
  const LiveDocuments* live = &std::get<LiveDocuments>(found);
  const auto load = LoadOf(context, request.load());
  if (!load.ok()) {
    return BadRequest({{"load.kv_type", std::string(load.status().message())}});
  }
  const answer::Documents& documents = live->documents;
  const auto scenario = inventory::LoadScenarioWith(documents.read, context.facts.catalog,
                                                    documents.inventory, documents.overlays);
  if (!scenario.value) return Refused(scenario.problems, {}, request.fleet(), {});
  answer::PredictQuestion question;
  question.model = request.model();
  question.quant = request.quant();
  question.nodes.assign(request.nodes().begin(), request.nodes().end());
  question.link = request.link();
  question.engine = request.engine();
  question.strategy = request.strategy();
  question.load = *load;
  question.explain = request.explain();
  const auto answered = answer::AnswerPredict(context.facts, &scenario.value->fleet, question);
  if (!answered.value) return Refused(answered.problems, answered.arguments, request.fleet(), {});
  response.set_json(answer::PredictJson(*answered.value));
  if (request.fleet().text_columns() > 0) {
    response.set_text(answer::PredictText(*answered.value, StyleOf(request.fleet())));
  }
  const placement::Placement& placement = answered.value->placement;
  response.set_fits(placement.why_not.empty());
  response.set_why_not(placement.why_not);
  if (placement.speed) {
    response.set_decode_tokens_per_second(placement.speed->decode_tps.mid);
    response.set_prefill_tokens_per_second(placement.speed->prefill_tps.mid);
  }
  return grpc::Status::OK;
}

}  // namespace capacity::service
