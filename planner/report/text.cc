#include "planner/report/text.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "planner/modelfile/shown_text.h"
#include "planner/report/placement_text.h"

namespace capacity::report {
namespace {

using placement::Placement;

std::string LoadSentence(const placement::Load& load) {
  return absl::StrCat("context ", FormatNumber(load.context_tokens), " tokens, prompt ",
                      FormatNumber(load.prompt_tokens), ", ", load.concurrency,
                      load.concurrency == 1 ? " stream" : " streams", ", KV cache at ",
                      FormatShort(load.kv_bits), " bits");
}

// Each term with its milliseconds, and below it the numbers that went in and where they came from.
std::string Terms(const std::vector<throughput::Term>& terms, const Style& style) {
  constexpr int kIndent = 10;
  std::string out;
  double total = 0;
  auto line = [&](double milliseconds, const std::string& name) {
    const std::string number = FormatNumber(milliseconds);
    const int padding = std::max(0, kIndent - 2 - DisplayWidth(number));
    absl::StrAppend(&out, std::string(static_cast<std::size_t>(padding), ' '), number, "  ", name,
                    "\n");
  };
  for (const throughput::Term& term : terms) {
    total += term.milliseconds;
    line(term.milliseconds, term.name);
    for (const std::string& detail : {term.parameters, term.origin}) {
      if (detail.empty()) continue;
      absl::StrAppend(&out, std::string(kIndent, ' '),
                      style.Dim(Wrap(detail, style.width - kIndent, kIndent)), "\n");
    }
  }
  line(total, "sum");
  return out;
}

std::string OrDash(const std::string& text) { return text.empty() ? "-" : text; }

template <class T>
std::string NumberOrDash(const std::optional<T>& value, double scale = 1) {
  return value ? FormatNumber(static_cast<double>(*value) / scale) : "-";
}

std::string PortsText(const catalog::Ports& ports) {
  std::vector<std::string> parts;
  if (ports.thunderbolt) {
    parts.push_back(absl::StrCat(
        ports.thunderbolt->count, " TB", ports.thunderbolt->version,
        ports.thunderbolt->rdma > 0 ? absl::StrCat(" (", ports.thunderbolt->rdma, " RDMA)") : ""));
  }
  if (ports.connectx7) parts.push_back(absl::StrCat(ports.connectx7->cages, " ConnectX-7"));
  if (ports.ethernet_gbps)
    parts.push_back(absl::StrCat(FormatNumber(*ports.ethernet_gbps), " GbE"));
  return OrDash(absl::StrJoin(parts, ", "));
}

std::string ModelsText(const catalog::Catalog& catalog, const Style& style) {
  Table table({{"model", Align::kLeft, true},
               {"params B", Align::kRight},
               {"read B", Align::kRight},
               {"layers", Align::kRight},
               {"attention"},
               {"KV kB/token", Align::kRight},
               {"context", Align::kRight},
               {"as of"},
               {"source", Align::kLeft, true}});
  for (const catalog::Model& model : catalog.models) {
    const auto kv = model.kv_cache.global_bytes_per_token_bf16;
    table.Add({model.id, NumberOrDash(model.parameters.stored(), 1e9),
               NumberOrDash(model.parameters.decode_read, 1e9),
               absl::StrCat(model.architecture.layers), Name(model.architecture.attention),
               kv ? FormatNumber((*kv + model.kv_cache.window_bytes_per_token_bf16) / 1e3) : "-",
               model.max_context ? absl::StrCat(*model.max_context) : "-", model.provenance.as_of,
               model.own_file ? absl::StrCat("your own: ", modelfile::Shown(model.own_file->path))
                              : model.provenance.source});
  }
  return table.Render(style);
}

std::string MachinesText(const catalog::Catalog& catalog, const Style& style) {
  Table table({{"machine", Align::kLeft, true},
               {"chip"},
               {"memory", Align::kRight},
               {"ports", Align::kLeft, true},
               {"W idle/load", Align::kRight},
               {"new"},
               {"as of"},
               {"source", Align::kLeft, true}});
  for (const catalog::Machine& machine : catalog.machines) {
    const std::string memory =
        machine.vram_per_accelerator
            ? absl::StrCat(machine.accelerators, " x ",
                           FormatNumber(machine.vram_per_accelerator->gib()), " GiB")
            : absl::StrCat(FormatNumber(machine.memory.gib()), " GiB");
    auto watts = [](const std::optional<Watts>& power) {
      return power ? FormatNumber(power->value) : "?";
    };
    table.Add({machine.id, machine.chip, memory, PortsText(machine.ports),
               absl::StrCat(watts(machine.idle_power), "/", watts(machine.load_power)),
               machine.sold_new ? (*machine.sold_new ? "yes" : "no") : "?",
               machine.provenance.as_of, machine.provenance.source});
  }
  return table.Render(style);
}

std::string ChipsText(const catalog::Catalog& catalog, const Style& style) {
  Table table({{"chip", Align::kLeft, true, 14},
               {"family", Align::kLeft, true},
               {"gen"},
               {"GPU cores", Align::kRight},
               {"GB/s", Align::kRight},
               {"FP16 TFLOPS", Align::kRight},
               {"memory"},
               {"as of"},
               {"source", Align::kLeft, true}});
  for (const catalog::Chip& chip : catalog.chips) {
    table.Add({chip.id, chip.family, chip.generation,
               chip.gpu_cores ? absl::StrCat(*chip.gpu_cores) : "-",
               chip.memory_bandwidth ? FormatNumber(chip.memory_bandwidth->value / 1e9) : "-",
               chip.fp16_dense ? FormatNumber(chip.fp16_dense->value / 1e12) : "-",
               chip.unified_memory ? "unified" : "discrete", chip.provenance.as_of,
               chip.provenance.source});
  }
  return table.Render(style);
}

std::string QuantsText(const catalog::Catalog& catalog, const Style& style) {
  Table table({{"quantization"},
               {"family"},
               {"engines", Align::kLeft, true},
               {"nominal", Align::kRight},
               {"experts", Align::kRight},
               {"dense", Align::kRight},
               {"head", Align::kRight},
               {"whole file", Align::kRight},
               {"as of"},
               {"source", Align::kLeft, true}});
  for (const catalog::Quantization& quant : catalog.quantizations) {
    std::vector<std::string> engines;
    for (catalog::Engine engine : quant.engines) engines.push_back(Name(engine));
    auto bits = [&](double catalog::TensorBits::* field) {
      return quant.bits ? FormatNumber((*quant.bits).*field) : std::string("-");
    };
    table.Add({quant.id, quant.family, absl::StrJoin(engines, " "),
               NumberOrDash(quant.nominal_bits), bits(&catalog::TensorBits::experts),
               bits(&catalog::TensorBits::dense), bits(&catalog::TensorBits::head),
               NumberOrDash(quant.whole_file_bits_per_weight), quant.provenance.as_of,
               quant.provenance.source});
  }
  return table.Render(style);
}

std::string PricesText(const catalog::Catalog& catalog, const Style& style) {
  Table hardware({{"item", Align::kLeft, true},
                  {"condition"},
                  {"price", Align::kRight},
                  {"range", Align::kRight},
                  {"on sale"},
                  {"as of"},
                  {"source", Align::kLeft, true}});
  for (const catalog::PriceOffer& offer : catalog.offers) {
    const std::string range = offer.price_low && offer.price_high
                                  ? absl::StrCat(FormatUsd(offer.price_low->dollars()), "–",
                                                 FormatUsd(offer.price_high->dollars()))
                                  : "-";
    hardware.Add({offer.item, Name(offer.condition), FormatUsd(offer.price.dollars()), range,
                  offer.available ? "yes" : "no", offer.provenance.as_of, offer.provenance.source});
  }
  Table tokens({{"model", Align::kLeft, true},
                {"from", Align::kLeft, true},
                {"in $/Mtok", Align::kRight},
                {"out $/Mtok", Align::kRight},
                {"tier"},
                {"as of"},
                {"source", Align::kLeft, true}});
  for (const catalog::CloudModel& model : catalog.cloud_models) {
    tokens.Add({model.id, model.provider, FormatNumber(model.input.value),
                FormatNumber(model.output.value), model.tier, model.provenance.as_of,
                model.provenance.source});
  }
  for (const catalog::HostedOffer& offer : catalog.hosted) {
    tokens.Add({offer.model, offer.provider, FormatNumber(offer.input.value),
                FormatNumber(offer.output.value), "hosted", offer.provenance.as_of,
                offer.provenance.source});
  }
  return absl::StrCat(hardware.Render(style), "\n", tokens.Render(style));
}

std::string LinksText(const catalog::Catalog& catalog, const Style& style) {
  Table table({{"link", Align::kLeft, true},
               {"also", Align::kLeft, true},
               {"transport"},
               {"medium", Align::kLeft, true},
               {"Gbit/s", Align::kRight},
               {"cable", Align::kLeft, true},
               {"needs"},
               {"as of"},
               {"source", Align::kLeft, true}});
  for (const catalog::Link& link : catalog.links) {
    table.Add({link.id, absl::StrJoin(link.aliases, " "), Name(link.transport), link.medium,
               link.bandwidth ? FormatNumber(link.bandwidth->value / 1e9) : "-",
               OrDash(link.direct_cable),
               link.min_os_version.empty() ? "-" : absl::StrCat("macOS ", link.min_os_version),
               link.provenance.as_of, link.provenance.source});
  }
  return table.Render(style);
}

std::string PresetsText(const catalog::Catalog& catalog, const Style& style) {
  Table table({{"preset"},
               {"input:output", Align::kRight},
               {"cached", Align::kRight},
               {"context", Align::kRight},
               {"prompt", Align::kRight},
               {"streams", Align::kRight},
               {"hours", Align::kRight},
               {"what", Align::kLeft, true, 20},
               {"source", Align::kLeft, true}});
  for (const catalog::WorkloadPreset& preset : catalog.workload_presets) {
    table.Add({preset.id, absl::StrCat(FormatShort(preset.input_per_output), ":1"),
               FormatPercent(preset.cached_input_share), absl::StrCat(preset.context_tokens),
               absl::StrCat(preset.prompt_tokens), absl::StrCat(preset.concurrency),
               preset.utilization ? FormatPercent(*preset.utilization) : "-", preset.description,
               preset.provenance.source});
  }
  return table.Render(style);
}

}  // namespace

namespace {

// "131,072" tokens.
std::string Tokens(const std::optional<int>& tokens) {
  if (!tokens) return "-";
  std::string digits = absl::StrCat(*tokens);
  for (int i = static_cast<int>(digits.size()) - 3; i > 0; i -= 3) {
    digits.insert(static_cast<std::size_t>(i), ",");
  }
  return digits;
}

std::string LayerRange(const placement::NodeMemory& node) {
  if (node.layers == 0) return node.layer_share == 1 ? "all" : "";
  return absl::StrCat(node.first_layer, "–", node.first_layer + node.layers - 1);
}

// Every node's memory, term by term, in GB.
std::string Breakdown(const fleet::Fleet& fleet, const Placement& placement, const Style& style) {
  Table memory({{"node", Align::kLeft, true, 24},
                {"layers", Align::kRight},
                {"weights GB", Align::kRight},
                {"KV", Align::kRight},
                {"state", Align::kRight},
                {"buffers", Align::kRight},
                {"engine", Align::kRight},
                {"needs", Align::kRight},
                {"offers", Align::kRight}});
  const auto gb = [](Bytes bytes) { return bytes.count == 0 ? "-" : FormatNumber(bytes.gb()); };
  for (const placement::NodeMemory& node : placement.memory) {
    const fit::Demand& demand = node.demand;
    memory.Add({fleet.nodes()[static_cast<std::size_t>(node.node)].name, LayerRange(node),
                gb(demand.weights), gb(demand.kv_cache), gb(demand.recurrent_state),
                gb(demand.compute_buffers), gb(demand.engine_base), gb(demand.total()),
                gb(node.budget.bytes)});
  }
  return memory.Render(style);
}

}  // namespace

std::string FitText(const fleet::Scenario& scenario, const placement::Load& load,
                    const std::vector<Placement>& placements, const FitDetails& details,
                    const Style& style) {
  std::vector<Column> columns = {{"model", Align::kLeft, true},   {"quant"},
                                 {"where", Align::kLeft, true},   {"memory", Align::kRight},
                                 {"decode tok/s", Align::kRight}, {"prefill", Align::kRight},
                                 {"note", Align::kLeft, true}};
  if (details.longest_context) columns.insert(columns.end() - 1, {"longest", Align::kRight});
  Table fits(std::move(columns));
  std::string refused;
  std::string breakdown;
  for (std::size_t i = 0; i < placements.size(); ++i) {
    const Placement& placement = placements[i];
    if (placement.verdict == fit::Verdict::kDoesNotFit || !placement.why_not.empty()) {
      absl::StrAppend(&refused,
                      Wrap(absl::StrCat(placement.model->id, " ", placement.quant->id, " on ",
                                        Where(scenario.fleet, placement), ": ", placement.why_not),
                           style.width, 4),
                      "\n");
      continue;
    }
    std::vector<std::string> notes = placement.caveats;
    if (placement.verdict == fit::Verdict::kTight) notes.insert(notes.begin(), "tight");
    std::vector<std::string> cells = {
        placement.model->id,
        placement.quant->id,
        Where(scenario.fleet, placement),
        MemoryText(placement),
        placement.speed ? Interval(placement.speed->decode_tps) : "-",
        placement.speed ? FormatNumber(placement.speed->prefill_tps.mid) : "-"};
    if (details.longest_context) cells.push_back(Tokens((*details.longest_context)[i]));
    cells.push_back(absl::StrJoin(notes, "; "));
    fits.Add(std::move(cells));
    if (details.breakdown) {
      absl::StrAppend(
          &breakdown, "\n",
          Wrap(absl::StrCat(style.Bold(absl::StrCat(placement.model->id, " ", placement.quant->id)),
                            " on ", Where(scenario.fleet, placement)),
               style.width, 2),
          "\n", Breakdown(scenario.fleet, placement, style));
    }
  }
  std::string out = absl::StrCat(LoadSentence(load), ". Speeds are mid (80 % range).\n\n");
  if (!fits.empty()) absl::StrAppend(&out, style.Bold("FITS"), "\n", fits.Render(style));
  if (!refused.empty()) absl::StrAppend(&out, "\n", style.Bold("DOES NOT"), "\n", refused);
  absl::StrAppend(&out, breakdown);
  return out;
}

std::string PredictText(const fleet::Fleet& fleet, const Placement& placement,
                        const placement::Load& load, const throughput::Explanation* explanation,
                        const Style& style) {
  std::string out = absl::StrCat(
      Wrap(absl::StrCat(style.Bold(absl::StrCat(placement.model->id, " ", placement.quant->id)),
                        " on ", Where(fleet, placement), "; ", LoadSentence(load)),
           style.width, 2),
      "\n");
  if (placement.speed) {
    absl::StrAppend(&out, "decode   ", Interval(placement.speed->decode_tps), " tokens/s, ",
                    Name(placement.speed->decode_tps.source), "\nprefill  ",
                    Interval(placement.speed->prefill_tps), " tokens/s, ",
                    Name(placement.speed->prefill_tps.source), "\n");
  }
  absl::StrAppend(&out, "memory   ", fit::Name(placement.verdict), "\n");
  if (!placement.why_not.empty()) {
    absl::StrAppend(&out, Wrap(absl::StrCat("why not  ", placement.why_not), style.width, 9), "\n");
  }
  for (const std::string& caveat : placement.caveats) {
    absl::StrAppend(&out, Wrap(absl::StrCat("note     ", caveat), style.width, 9), "\n");
  }
  Table memory({{"node", Align::kLeft, true, 28},
                {"weights GB", Align::kRight},
                {"KV", Align::kRight},
                {"buffers", Align::kRight},
                {"engine", Align::kRight},
                {"needs", Align::kRight},
                {"offers", Align::kRight},
                {"budget from", Align::kLeft, true}});
  for (const placement::NodeMemory& node : placement.memory) {
    memory.Add({fleet.nodes()[static_cast<std::size_t>(node.node)].name,
                FormatNumber(node.demand.weights.gb()),
                FormatNumber((node.demand.kv_cache + node.demand.recurrent_state).gb()),
                FormatNumber(node.demand.compute_buffers.gb()),
                FormatNumber(node.demand.engine_base.gb()), FormatNumber(node.demand.total().gb()),
                FormatNumber(node.budget.bytes.gb()), node.budget.source});
  }
  if (!memory.empty()) absl::StrAppend(&out, "\n", memory.Render(style));
  if (explanation != nullptr) {
    absl::StrAppend(&out, "\n", style.Bold("decode, ms per token step"), "\n",
                    Terms(explanation->decode, style), "\n",
                    style.Bold("prefill, ms for the prompt"), "\n",
                    Terms(explanation->prefill, style));
    for (const std::string& reason : explanation->interval) {
      absl::StrAppend(&out, Wrap(absl::StrCat("range: ", reason), style.width, 7), "\n");
    }
  }
  return out;
}

std::string CatalogText(const catalog::Catalog& catalog, CatalogTopic topic, const Style& style) {
  switch (topic) {
    case CatalogTopic::kModels:
      return ModelsText(catalog, style);
    case CatalogTopic::kMachines:
      return MachinesText(catalog, style);
    case CatalogTopic::kChips:
      return ChipsText(catalog, style);
    case CatalogTopic::kQuants:
      return QuantsText(catalog, style);
    case CatalogTopic::kPrices:
      return PricesText(catalog, style);
    case CatalogTopic::kLinks:
      return LinksText(catalog, style);
    case CatalogTopic::kPresets:
      return PresetsText(catalog, style);
  }
  return "";
}

}  // namespace capacity::report
