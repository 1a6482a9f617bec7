#include "planner/cli/measurement_import.h"

#include <map>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "planner/catalog/recognize.h"
#include "planner/fleet/measurement_yaml.h"

namespace capacity::cli {
namespace {

// Reads rows of a file as measurements on one node.
class RowImporter {
 public:
  // `node` null: no inventory says what machine `name` is.
  RowImporter(const catalog::Catalog& catalog, std::string name, const fleet::Node* node)
      : catalog_(catalog), name_(std::move(name)), node_(node), resolver_(catalog) {}

  // The measurement; else `why` says what speaks against it. `no_prefill`: why only the prefill is
  // left out, "" when it is not.
  std::optional<fleet::SpeedMeasurement> Read(const validation::Measurement& row, std::string& why,
                                              std::string& no_prefill) {
    fleet::SpeedMeasurement out;
    why = Name(row, out);
    if (why.empty()) why = OtherMachine(row);
    if (!why.empty()) return std::nullopt;
    auto resolved = resolver_.Resolve(AsResolved(row, out));
    if (const auto* unknown = std::get_if<std::string>(&resolved)) {
      why = *unknown;
      return std::nullopt;
    }
    const auto& found = std::get<validation::Case>(resolved);
    why = NotComparable(found);
    if (why.empty()) ReadSpeeds(row, found, out, no_prefill);
    if (why.empty() && !out.decode && !out.prefill) {
      why = no_prefill.empty() ? "it holds no speed" : no_prefill;
      no_prefill.clear();
    }
    if (!why.empty()) return std::nullopt;
    return out;
  }

 private:
  // Model, quantization and engine; else why not.
  std::string Name(const validation::Measurement& row, fleet::SpeedMeasurement& out) const {
    const std::string engine = row.engine_family.empty() ? row.engine : row.engine_family;
    if (engine.empty()) return "no engine: column engine_family";
    const auto known = catalog::ParseEngine(engine);
    if (!known) {
      return absl::StrCat("unknown engine \"", engine,
                          "\"; llama.cpp, mlx, vllm, exo, ollama or other");
    }
    if (row.model.empty()) return "no model: column model_id";
    catalog::SeenModel seen{engine, row.model, row.quant, {}, {}};
    seen.stated_model = catalog_.FindModel(row.model);
    // The name of a file says more than what llama.cpp calls its mixture.
    if (seen.stated_model != nullptr) seen.stated_quant = catalog_.FindQuantization(row.quant);
    const catalog::Recognized recognized = catalog::Recognize(catalog_, seen);
    out.model = recognized.model;
    out.quant = recognized.quant;
    out.engine = *known;
    const bool no_column = out.model != nullptr && out.quant == nullptr && row.quant.empty();
    return absl::StrCat(recognized.why,
                        no_column ? ", and it has no quantization: column quant_id" : "");
  }

  std::string OtherMachine(const validation::Measurement& row) const {
    const bool several = row.world.value_or(1) > 1 || row.nodes.value_or(1) > 1;
    if (several || (!row.strategy.empty() && row.strategy != "single")) {
      return "several accelerators took part; write it under measurements: by hand";
    }
    if (node_ == nullptr || node_->chip == nullptr) return "";
    const catalog::Chip* chip = catalog_.FindChip(row.chip);
    const bool other_chip = !row.chip.empty() && chip != node_->chip;
    const bool other_family =
        row.chip.empty() && !row.chip_family.empty() && row.chip_family != node_->chip->family;
    if (other_chip || other_family) {
      return absl::StrCat("it was measured on ", row.chip.empty() ? row.chip_family : row.chip,
                          ", and ", name_, " has ", node_->chip->id);
    }
    const int accelerators = node_->machine != nullptr ? node_->cards() : 1;
    if (row.world && *row.world != accelerators) {
      return absl::StrCat("one accelerator took part, and ", name_, " has ", accelerators);
    }
    return "";
  }

  // The row with what is known by now, on its own: `validate` understands ids only.
  validation::Measurement AsResolved(const validation::Measurement& row,
                                     const fleet::SpeedMeasurement& named) const {
    validation::Measurement out = row;
    out.model = named.model->id;
    out.quant = named.quant->id;
    out.engine_family = catalog::Name(named.engine);
    out.strategy = "single";
    out.interconnect = "none";
    out.nodes = out.world = 1;
    if (node_ != nullptr && node_->chip != nullptr) {
      out.chip = node_->chip->id;
    } else {
      // Any: what makes a row comparable does not depend on it.
      out.chip_family = "other";
      out.bandwidth_gbps = 1;
    }
    return out;
  }

  static std::string NotComparable(const validation::Case& found) {
    constexpr double kWideCache = 16;
    if (found.wall_clock_tokens) return "its speed is of whole requests, prompts included";
    if (found.query.kv_bits != kWideCache) {
      return absl::StrCat("its cache has ", found.query.kv_bits, " bits, not 16");
    }
    if (found.query.build == throughput::EngineBuild::kBefore2025) {
      return "its engine is of 2024 or before, and today's are faster";
    }
    return "";
  }

  static void ReadSpeeds(const validation::Measurement& row, const validation::Case& found,
                         fleet::SpeedMeasurement& out, std::string& no_prefill) {
    out.nodes = {0};
    out.batch = found.query.batch;
    out.context_tokens = row.context_tokens || found.query.prompt_depth == 0
                             ? found.query.context_tokens
                             : found.query.prompt_depth;
    if (row.decode_tps) out.decode = TokensPerSecond{*row.decode_tps};
    out.as_of = row.date;
    if (!row.prefill_tps) return;
    if (!found.prefill_unusable.empty()) {
      no_prefill = found.prefill_unusable;
    } else if (found.query.prompt_depth > 0) {
      no_prefill = absl::StrCat("its prompt was read with ", found.query.prompt_depth,
                                " tokens in the cache");
    } else if (row.prompt_tokens.value_or(0) < 1) {
      no_prefill = "the length of its prompt is not said: column prompt_tokens";
    } else {
      out.prompt_tokens = found.query.prompt_tokens;
      out.prefill = TokensPerSecond{*row.prefill_tps};
    }
  }

  const catalog::Catalog& catalog_;
  const std::string name_;
  const fleet::Node* node_;
  validation::Resolver resolver_;
};

}  // namespace

ImportedRows ImportRows(const catalog::Catalog& catalog,
                        const std::vector<validation::Measurement>& rows, const std::string& name,
                        const fleet::Node* node) {
  RowImporter importer(catalog, name, node);
  ImportedRows out;
  std::map<std::string, std::string> known;  // entries, with the row that was first
  for (const validation::Measurement& row : rows) {
    std::string why;
    std::string no_prefill;
    const auto measured = importer.Read(row, why, no_prefill);
    if (!measured) {
      out.left_out.push_back({row.id, why});
      continue;
    }
    if (!no_prefill.empty()) out.left_out.push_back({row.id + " (prefill)", no_prefill});
    const std::string entry = fleet::MeasurementYaml(*measured, {name}, 4);
    const auto [same, is_new] = known.insert({entry, row.id});
    if (!is_new) {
      out.left_out.push_back({row.id, absl::StrCat("it says the same as ", same->second)});
      continue;
    }
    out.yaml += entry;
    ++out.count;
  }
  return out;
}

}  // namespace capacity::cli
