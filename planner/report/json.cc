#include "planner/report/json.h"

#include <optional>

#include "nlohmann/json.hpp"
#include "planner/economics/economics.h"
#include "planner/report/comparison.h"
#include "planner/report/json_values.h"
#include "planner/report/placement_json.h"
#include "planner/report/purchase_json.h"

namespace capacity::report {
namespace {

using placement::Placement;

template <class T>
Json OrNull(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json Provenance(const catalog::Provenance& provenance) {
  return {{"source", provenance.source}, {"as_of", provenance.as_of}};
}

// Of a pipeline's stage; null where layers are not what is split.
Json Layers(const placement::NodeMemory& memory) {
  if (memory.layers == 0) return nullptr;
  return {{"first", memory.first_layer}, {"count", memory.layers}};
}

Json MemoryJson(const fleet::Fleet& fleet, const placement::NodeMemory& memory) {
  return {{"node", fleet.nodes()[static_cast<std::size_t>(memory.node)].name},
          {"required_bytes", memory.demand.total().count},
          {"budget_bytes", memory.budget.bytes.count},
          {"weights_bytes", memory.demand.weights.count},
          {"kv_cache_bytes", (memory.demand.kv_cache + memory.demand.recurrent_state).count},
          {"recurrent_state_bytes", memory.demand.recurrent_state.count},
          {"compute_buffer_bytes", memory.demand.compute_buffers.count},
          {"engine_base_bytes", memory.demand.engine_base.count},
          {"budget_source", memory.budget.source},
          {"layer_share", Number(memory.layer_share)},
          {"layers", Layers(memory)}};
}

}  // namespace

Json PlacementJson(const fleet::Fleet& fleet, const Placement& placement) {
  Json nodes = Json::array();
  for (int node : placement.nodes)
    nodes.push_back(fleet.nodes()[static_cast<std::size_t>(node)].name);
  Json memory = Json::array();
  for (const placement::NodeMemory& node : placement.memory)
    memory.push_back(MemoryJson(fleet, node));
  Json out = {
      {"model", placement.model->id},
      {"quant", placement.quant->id},
      {"nodes", nodes},
      {"strategy", Name(placement.strategy)},
      {"engine", Name(placement.engine)},
      {"link", placement.link != nullptr ? Json(placement.link->id) : Json(nullptr)},
      {"fits", placement.verdict != fit::Verdict::kDoesNotFit},
      {"verdict", fit::Name(placement.verdict)},
      {"memory", memory},
      {"decode_tps", placement.speed ? IntervalJson(placement.speed->decode_tps) : Json(nullptr)},
      {"prefill_tps",
       placement.speed ? IntervalJson(placement.speed->prefill_tps) : Json(nullptr)}};
  if (!placement.caveats.empty()) out["caveats"] = placement.caveats;
  return out;
}

namespace {

Json ValueJson(const ValueByBaseline& value) {
  Json out = Json::object();
  for (fleet::Baseline baseline : fleet::kBaselines) {
    const auto it = value.find(baseline);
    if (baseline == fleet::Baseline::kCustom && it == value.end()) continue;  // none is stated
    out[Name(baseline)] = it == value.end() ? Json(nullptr) : Dollars(it->second.value);
  }
  return out;
}

Json WorkloadJson(const fleet::Workload& workload) {
  return {{"name", workload.name},
          {"input_tokens_per_day", OrNull(workload.input_tokens_per_day)},
          {"output_tokens_per_day", OrNull(workload.output_tokens_per_day)},
          {"input_per_output", Number(workload.input_per_output)},
          {"cached_input_share", Number(workload.cached_input_share)},
          {"context_tokens", workload.context_tokens},
          {"prompt_tokens", workload.prompt_tokens},
          {"concurrency", workload.concurrency},
          {"utilization", Number(workload.utilization)},
          {"models", workload.models},
          {"min_tier", workload.min_tier}};
}

Json AssumptionsJson(const Plan& plan) {
  const fleet::Assumptions& assumptions = plan.scenario.assumptions;
  Json workloads = Json::array();
  for (const fleet::Workload& workload : plan.scenario.workloads)
    workloads.push_back(WorkloadJson(workload));
  Json declines = Json::object();
  for (const auto& [baseline, decline] : assumptions.declines) {
    declines[Name(baseline)] = {{"low", Number(decline.low)},
                                {"mid", Number(decline.mid)},
                                {"high", Number(decline.high)},
                                {"source", decline.provenance.source},
                                {"as_of", decline.provenance.as_of}};
  }
  return {{"budget_usd", Cents(plan.options.budget)},
          {"baseline", Name(plan.options.baseline)},
          {"workload_stated", assumptions.workload_stated},
          {"utilization_stated", assumptions.utilization_stated},
          {"utilization", Number(assumptions.utilization)},
          {"electricity_stated", assumptions.electricity_stated},
          {"electricity_usd_per_kwh", Number(assumptions.electricity_usd_per_kwh)},
          {"hours_per_month", economics::kHoursPerMonth},
          {"min_nominal_bits", Number(plan.options.min_nominal_bits)},
          {"annual_price_decline", declines},
          {"annual_hardware_price_decline", assumptions.hardware_price_decline
                                                ? Number(*assumptions.hardware_price_decline)
                                                : Json(nullptr)},
          {"workloads", workloads}};
}

Json FleetJson(const fleet::Fleet& fleet) {
  Json nodes = Json::array();
  for (const fleet::Node& node : fleet.nodes()) {
    nodes.push_back(
        {{"name", node.name},
         {"machine", node.machine->id},
         {"chip", node.chip->id},
         {"memory_bytes", node.memory().count},
         {"os_version", node.os_version ? Json(ToString(*node.os_version)) : Json(nullptr)}});
  }
  Json links = Json::array();
  for (const fleet::LinkGroup& group : fleet.links()) {
    Json members = Json::array();
    for (int member : group.members)
      members.push_back(fleet.nodes()[static_cast<std::size_t>(member)].name);
    links.push_back({{"kind", group.link->id}, {"members", members}});
  }
  return {{"nodes", nodes}, {"links", links}};
}

Json PlanDocument(const Plan& plan) {
  Json placements = Json::array();
  for (const PlannedPlacement& planned : plan.placements) {
    Json row = PlacementJson(plan.scenario.fleet, planned.placement);
    const auto value = planned.value.find(plan.options.baseline);
    row["value_usd_per_month"] =
        value == planned.value.end() ? Json(nullptr) : Dollars(value->second.value);
    row["value_usd_per_month_by_baseline"] = ValueJson(planned.value);
    row["workload"] = planned.workload;
    row["chosen"] = planned.chosen;
    placements.push_back(std::move(row));
  }
  Json misfits = Json::array();
  for (const Placement& miss : plan.misfits) {
    Json row = PlacementJson(plan.scenario.fleet, miss);
    row["why_not"] = miss.why_not;
    misfits.push_back(std::move(row));
  }
  const Json ladder = LadderJson(plan.ladder());
  Json by_baseline = Json::array();
  for (const auto& [baseline, other] : plan.ladders) by_baseline.push_back(LadderJson(other));
  return {{"assumptions", AssumptionsJson(plan)},
          {"fleet", FleetJson(plan.scenario.fleet)},
          {"today", ladder["today"]},
          {"placements", placements},
          {"does_not_fit", misfits},
          {"purchases", ladder["purchases"]},
          {"whole_budget", ladder["whole_budget"]},
          {"side_by_side", ComparisonsJson(plan)},
          {"frontier", ladder["frontier"]},
          {"alternatives", ladder["alternatives"]},
          {"waiting", ladder["waiting"]},
          {"stopped", ladder["stopped"]},
          {"optimality", ladder["optimality"]},
          {"notes", ladder["notes"]},
          {"by_baseline", by_baseline}};
}

Json LoadJson(const placement::Load& load) {
  return {{"context_tokens", load.context_tokens},
          {"prompt_tokens", load.prompt_tokens},
          {"concurrency", load.concurrency},
          {"kv_bits", Number(load.kv_bits)}};
}

Json TermsJson(const std::vector<throughput::Term>& terms) {
  Json out = Json::array();
  for (const throughput::Term& term : terms) {
    out.push_back({{"name", term.name},
                   {"milliseconds", Number(term.milliseconds)},
                   {"parameters", term.parameters},
                   {"origin", term.origin}});
  }
  return out;
}

Json ModelJson(const catalog::Model& model) {
  return {{"id", model.id},
          {"name", model.name},
          {"hf_id", model.hf_id},
          {"model_type", model.model_type},
          {"license", model.license},
          {"max_context", OrNull(model.max_context)},
          {"attention", Name(model.architecture.attention)},
          {"layers", model.architecture.layers},
          {"experts", model.architecture.experts},
          {"experts_per_token", model.architecture.experts_per_token},
          {"total_parameters", OrNull(model.parameters.stored())},
          {"decode_read_parameters", OrNull(model.parameters.decode_read)},
          {"kv_bytes_per_token_bf16", OrNull(model.kv_cache.global_bytes_per_token_bf16)},
          {"kv_window_bytes_per_token_bf16", model.kv_cache.window_bytes_per_token_bf16},
          {"recurrent_state_bytes", model.kv_cache.recurrent_state_bytes},
          {"own_file", model.own_file ? Json(model.own_file->path) : Json(nullptr)},
          {"provenance", Provenance(model.provenance)}};
}

Json MachineJson(const catalog::Machine& machine) {
  Json ports = Json::object();
  if (machine.ports.thunderbolt) {
    ports["thunderbolt"] = {{"version", machine.ports.thunderbolt->version},
                            {"count", machine.ports.thunderbolt->count},
                            {"rdma", machine.ports.thunderbolt->rdma}};
  }
  if (machine.ports.connectx7) {
    ports["connectx7"] = {{"cages", machine.ports.connectx7->cages},
                          {"gbps", machine.ports.connectx7->gbps}};
  }
  ports["ethernet_gbps"] = OrNull(machine.ports.ethernet_gbps);
  return {
      {"id", machine.id},
      {"name", machine.name},
      {"chip", machine.chip},
      {"other_chips", machine.other_chips},
      {"os", Name(machine.os)},
      {"accelerators", machine.accelerators},
      {"memory_bytes", machine.memory.count},
      {"vram_per_accelerator_bytes",
       machine.vram_per_accelerator ? Json(machine.vram_per_accelerator->count) : Json(nullptr)},
      {"ports", ports},
      {"idle_watts", machine.idle_power ? Json(machine.idle_power->value) : Json(nullptr)},
      {"load_watts", machine.load_power ? Json(machine.load_power->value) : Json(nullptr)},
      {"sold_new", OrNull(machine.sold_new)},
      {"withdrawn", machine.withdrawn.empty() ? Json(nullptr) : Json(machine.withdrawn)},
      {"provenance", Provenance(machine.provenance)}};
}

Json ChipJson(const catalog::Chip& chip) {
  auto tera = [](const auto& rate) { return rate ? Number(rate->value / 1e12) : Json(nullptr); };
  return {{"id", chip.id},
          {"name", chip.name},
          {"family", chip.family},
          {"generation", chip.generation},
          {"gpu_cores", OrNull(chip.gpu_cores)},
          {"memory_bandwidth_gb_per_s",
           chip.memory_bandwidth ? Number(chip.memory_bandwidth->value / 1e9) : Json(nullptr)},
          {"fp16_dense_tflops", tera(chip.fp16_dense)},
          {"fp8_dense_tflops", tera(chip.fp8_dense)},
          {"fp4_dense_tflops", tera(chip.fp4_dense)},
          {"unified_memory", chip.unified_memory},
          {"provenance", Provenance(chip.provenance)}};
}

Json BitsJson(const catalog::TensorBits& bits) {
  return {{"experts", bits.experts},
          {"dense", bits.dense},
          {"head", bits.head},
          {"embedding", bits.embedding}};
}

Json QuantJson(const catalog::Quantization& quant) {
  Json engines = Json::array();
  for (catalog::Engine engine : quant.engines) engines.push_back(Name(engine));
  Json by_engine = Json::object();
  for (const auto& [engine, bits] : quant.bits_by_engine) by_engine[Name(engine)] = BitsJson(bits);
  return {{"id", quant.id},
          {"family", quant.family},
          {"engines", engines},
          {"platforms", quant.platforms},
          {"native_to", quant.native_to},
          {"bits", quant.bits ? BitsJson(*quant.bits) : Json(nullptr)},
          {"bits_by_engine", by_engine},
          {"nominal_bits", OrNull(quant.nominal_bits)},
          {"whole_file_bits_per_weight", OrNull(quant.whole_file_bits_per_weight)},
          {"provenance", Provenance(quant.provenance)}};
}

Json OfferJson(const catalog::PriceOffer& offer) {
  return {{"id", offer.id},
          {"item", offer.item},
          {"condition", Name(offer.condition)},
          {"price_usd", Cents(offer.price)},
          {"price_low_usd", offer.price_low ? Cents(*offer.price_low) : Json(nullptr)},
          {"price_high_usd", offer.price_high ? Cents(*offer.price_high) : Json(nullptr)},
          {"available", offer.available},
          {"provenance", Provenance(offer.provenance)}};
}

Json TokenPricesJson(const catalog::Catalog& catalog) {
  Json out = Json::array();
  for (const catalog::CloudModel& model : catalog.cloud_models) {
    out.push_back({{"model", model.id},
                   {"provider", model.provider},
                   {"kind", "cloud"},
                   {"tier", model.tier},
                   {"input_usd_per_mtok", Number(model.input.value)},
                   {"output_usd_per_mtok", Number(model.output.value)},
                   {"provenance", Provenance(model.provenance)}});
  }
  for (const catalog::HostedOffer& offer : catalog.hosted) {
    out.push_back({{"model", offer.model},
                   {"provider", offer.provider},
                   {"kind", "hosted"},
                   {"input_usd_per_mtok", Number(offer.input.value)},
                   {"output_usd_per_mtok", Number(offer.output.value)},
                   {"provenance", Provenance(offer.provenance)}});
  }
  return out;
}

Json LinkJson(const catalog::Link& link) {
  return {
      {"id", link.id},
      {"name", link.name},
      {"aliases", link.aliases},
      {"transport", Name(link.transport)},
      {"medium", link.medium},
      {"bandwidth_gbit_per_s",
       link.bandwidth ? Number(link.bandwidth->value / 1e9) : Json(nullptr)},
      {"direct_cable", link.direct_cable.empty() ? Json(nullptr) : Json(link.direct_cable)},
      {"switches", link.switches},
      {"min_os_version", link.min_os_version.empty() ? Json(nullptr) : Json(link.min_os_version)},
      {"provenance", Provenance(link.provenance)}};
}

Json PresetJson(const catalog::WorkloadPreset& preset) {
  return {{"id", preset.id},
          {"description", preset.description},
          {"input_per_output", Number(preset.input_per_output)},
          {"cached_input_share", Number(preset.cached_input_share)},
          {"context_tokens", preset.context_tokens},
          {"prompt_tokens", preset.prompt_tokens},
          {"concurrency", preset.concurrency},
          {"utilization", preset.utilization ? Number(*preset.utilization) : Json(nullptr)},
          {"provenance", Provenance(preset.provenance)}};
}

}  // namespace

std::string PlanJson(const Plan& plan, const Plan* before) {
  Json body = PlanDocument(plan);
  if (before != nullptr) body["before"] = PlanDocument(*before);
  return Document("plan", std::move(body));
}

std::string ExplainJson(const Plan& plan, std::size_t rung) {
  const purchase::Ladder& ladder = plan.ladder();
  const purchase::FleetValue& before = rung == 0 ? ladder.today : ladder.rungs[rung - 1].after;
  Json body = {{"assumptions", AssumptionsJson(plan)},
               {"rung", rung + 1},
               {"rungs", ladder.rungs.size()},
               {"before", FleetValueJson(before)},
               {"purchase", RungJson(ladder.rungs[rung])},
               {"optimality", LadderJson(ladder)["optimality"]}};
  if (rung == 0) {
    body["alternatives"] = LadderJson(ladder)["alternatives"];
    body["waiting"] = LadderJson(ladder)["waiting"];
  }
  return Document("plan-explain", std::move(body));
}

std::string FitJson(const fleet::Scenario& scenario, const placement::Load& load,
                    const std::vector<Placement>& placements, const FitDetails& details) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < placements.size(); ++i) {
    const Placement& placement = placements[i];
    Json row = PlacementJson(scenario.fleet, placement);
    if (details.longest_context) row["longest_context"] = OrNull((*details.longest_context)[i]);
    row["why_not"] = placement.why_not.empty() ? Json(nullptr) : Json(placement.why_not);
    rows.push_back(std::move(row));
  }
  return Document("fit",
                  {{"load", LoadJson(load)}, {"fleet", FleetJson(scenario.fleet)}, {"rows", rows}});
}

std::string PredictJson(const fleet::Fleet& fleet, const Placement& placement,
                        const placement::Load& load, const throughput::Explanation* explanation) {
  Json body = PlacementJson(fleet, placement);
  body["why_not"] = placement.why_not.empty() ? Json(nullptr) : Json(placement.why_not);
  body["load"] = LoadJson(load);
  if (explanation != nullptr) {
    body["explain"] = {{"decode", TermsJson(explanation->decode)},
                       {"prefill", TermsJson(explanation->prefill)},
                       {"interval", explanation->interval}};
  }
  return Document("predict", std::move(body));
}

std::string CheckJson(const std::string& file, const Diagnostics& problems) {
  Json rows = Json::array();
  for (const Diagnostic& problem : problems) {
    rows.push_back({{"file", problem.file},
                    {"line", problem.line},
                    {"column", problem.column},
                    {"problem", problem.problem},
                    {"remedy", problem.remedy}});
  }
  return Document("inventory-check",
                  {{"file", file}, {"ok", problems.empty()}, {"problems", rows}});
}

std::string CatalogJson(const catalog::Catalog& catalog, CatalogTopic topic) {
  Json rows = Json::array();
  switch (topic) {
    case CatalogTopic::kModels:
      for (const auto& model : catalog.models) rows.push_back(ModelJson(model));
      return Document("catalog-models", {{"models", rows}});
    case CatalogTopic::kMachines:
      for (const auto& machine : catalog.machines) rows.push_back(MachineJson(machine));
      return Document("catalog-machines", {{"machines", rows}});
    case CatalogTopic::kChips:
      for (const auto& chip : catalog.chips) rows.push_back(ChipJson(chip));
      return Document("catalog-chips", {{"chips", rows}});
    case CatalogTopic::kQuants:
      for (const auto& quant : catalog.quantizations) rows.push_back(QuantJson(quant));
      return Document("catalog-quants", {{"quantizations", rows}});
    case CatalogTopic::kPrices:
      for (const auto& offer : catalog.offers) rows.push_back(OfferJson(offer));
      return Document("catalog-prices", {{"offers", rows}, {"tokens", TokenPricesJson(catalog)}});
    case CatalogTopic::kLinks:
      for (const auto& link : catalog.links) rows.push_back(LinkJson(link));
      return Document("catalog-links", {{"links", rows}});
    case CatalogTopic::kPresets:
      for (const auto& preset : catalog.workload_presets) rows.push_back(PresetJson(preset));
      return Document("catalog-presets", {{"presets", rows}});
  }
  return "";
}

}  // namespace capacity::report
