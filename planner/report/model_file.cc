#include "planner/report/model_file.h"

#include <map>
#include <tuple>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "nlohmann/json.hpp"
#include "planner/modelfile/shown_text.h"
#include "planner/report/json_values.h"

namespace capacity::report {
namespace {

using modelfile::ClassTotal;
using modelfile::Description;
using modelfile::TensorClass;

std::string Gigabytes(Bytes bytes) {
  return absl::StrFormat("%.2f", static_cast<double>(bytes.count) / 1e9);
}

std::string TypesText(const ClassTotal& total) {
  std::vector<std::string> types;
  for (const modelfile::TypeShare& share : total.types) types.push_back(share.type);
  return absl::StrJoin(types, ", ");
}

std::vector<std::string> EngineNames(const Description& description) {
  std::vector<std::string> names;
  for (catalog::Engine engine : description.model.own_file->engines) names.push_back(Name(engine));
  return names;
}

// "12 x 1024 + 1024 cells in a window of 4096": layers with the same cache together.
std::string CacheText(const Description& description) {
  const catalog::Model& model = description.model;
  std::map<std::tuple<int, int, bool, double>, int> kinds;
  for (const catalog::LayerCache& layer : model.kv_cache.layers) {
    ++kinds[{layer.key_cells_per_token, layer.value_cells_per_token, layer.windowed,
             layer.state_bytes}];
  }
  std::vector<std::string> parts;
  for (const auto& [kind, layers] : kinds) {
    const auto& [keys, values, windowed, state] = kind;
    std::string part = absl::StrCat(layers, " layers ");
    if (keys + values > 0) absl::StrAppend(&part, keys, " + ", values, " cells per token");
    if (windowed) {
      absl::StrAppend(&part, " within ", model.architecture.sliding_window.value_or(0), " tokens");
    }
    if (state > 0) {
      absl::StrAppend(&part, keys + values > 0 ? " and " : "", FormatNumber(state / 1e6),
                      " MB of state per sequence");
    }
    if (keys + values == 0 && state == 0) absl::StrAppend(&part, "without a cache of their own");
    parts.push_back(part);
  }
  return absl::StrJoin(parts, "; ");
}

std::string ShapeText(const catalog::Architecture& shape) {
  std::string text =
      absl::StrCat(shape.layers, " layers of ", shape.hidden_size, ", ", Name(shape.attention),
                   " with ", shape.heads, " heads on ", shape.kv_heads, ", vocabulary ",
                   shape.vocab, shape.tied_embeddings.value_or(false) ? " (tied)" : "");
  if (shape.is_moe()) {
    absl::StrAppend(&text, ", ", shape.experts_per_token, " of ", shape.experts, " experts");
    if (shape.shared_experts > 0) absl::StrAppend(&text, " and ", shape.shared_experts, " shared");
  }
  return text;
}

template <class Value>
Json OrNull(const std::optional<Value>& value) {
  return value ? Json(*value) : Json(nullptr);
}

Json ClassesJson(const Description& description) {
  Json classes = Json::array();
  for (int i = 0; i < modelfile::kTensorClasses; ++i) {
    const auto kind = static_cast<TensorClass>(i);
    const ClassTotal& total = description.Of(kind);
    if (total.tensors == 0) continue;
    Json types = Json::array();
    for (const modelfile::TypeShare& share : total.types) {
      types.push_back(
          {{"type", share.type}, {"parameters", share.parameters}, {"bytes", share.bytes.count}});
    }
    classes.push_back({{"class", Name(kind)},
                       {"tensors", total.tensors},
                       {"parameters", total.parameters},
                       {"bytes", total.bytes.count},
                       {"types", types}});
  }
  return classes;
}

Json LayersJson(const Description& description) {
  Json layers = Json::array();
  for (std::size_t i = 0; i < description.layers.size(); ++i) {
    const catalog::LayerCache& cache = description.model.kv_cache.layers[i];
    layers.push_back({{"parameters", description.layers[i].parameters},
                      {"bytes", description.layers[i].bytes.count},
                      {"key_cells_per_token", cache.key_cells_per_token},
                      {"value_cells_per_token", cache.value_cells_per_token},
                      {"windowed", cache.windowed},
                      {"state_bytes", cache.state_bytes}});
  }
  return layers;
}

}  // namespace

std::string ModelFileHead(const Description& description, const Style& style) {
  const catalog::Model& model = description.model;
  std::string text = absl::StrCat(
      model.id, ": ",
      description.name.empty() ? modelfile::Shown(description.path) : description.name, ", ",
      description.architecture, ", ", FormatNumber(*model.parameters.total / 1e9),
      " B parameters, ", description.quantization, ", ", Gigabytes(description.artifact.bytes),
      " GB in ", description.files.size(), description.files.size() == 1 ? " file" : " files");
  if (!description.same_as.empty()) {
    absl::StrAppend(&text, ". This is ", description.same_as,
                    " of the catalogue: money and hosted prices come from there");
  }
  return absl::StrCat(Wrap(text, style.width, 2), "\n");
}

std::string ModelFileText(const Description& description, const std::string& kept_in,
                          const Style& style) {
  const catalog::Model& model = description.model;
  std::string out = ModelFileHead(description, style);
  const auto line = [&](const std::string& text) {
    absl::StrAppend(&out, Wrap(text, style.width, 2), "\n");
  };
  line(ShapeText(model.architecture));
  line(absl::StrCat("cache: ", CacheText(description)));
  line(absl::StrCat("read for one token: ", FormatNumber(*model.parameters.decode_read / 1e9),
                    " B parameters; context ",
                    model.max_context ? absl::StrCat(*model.max_context) : "not stated",
                    "; loaded by ", absl::StrJoin(EngineNames(description), ", "), " as ",
                    description.quant.id));
  Table table({{"class"},
               {"tensors", Align::kRight},
               {"params M", Align::kRight},
               {"GB", Align::kRight},
               {"bits", Align::kRight},
               {"types", Align::kLeft, true}});
  for (int i = 0; i < modelfile::kTensorClasses; ++i) {
    const auto kind = static_cast<TensorClass>(i);
    const ClassTotal& total = description.Of(kind);
    if (total.tensors == 0) continue;
    const double bits =
        total.parameters > 0 ? 8.0 * static_cast<double>(total.bytes.count) / total.parameters : 0;
    table.Add({Name(kind), absl::StrCat(total.tensors),
               absl::StrFormat("%.1f", total.parameters / 1e6),
               absl::StrFormat("%.3f", static_cast<double>(total.bytes.count) / 1e9),
               absl::StrFormat("%.3f", bits), TypesText(total)});
  }
  absl::StrAppend(&out, "\n", table.Render(style));
  if (!kept_in.empty()) absl::StrAppend(&out, "\nkept in ", kept_in, "\n");
  return out;
}

std::string ModelFileJson(const Description& description, const std::string& kept_in) {
  const catalog::Model& model = description.model;
  const catalog::Architecture& shape = model.architecture;
  const catalog::FileLayout& layout = *description.artifact.layout;
  return Document(
      "model-file",
      {{"id", model.id},
       {"path", description.path},
       {"files", description.files},
       {"form", Name(description.form)},
       {"name", description.name},
       {"architecture", description.architecture},
       {"known_architecture", description.known_architecture},
       {"same_as", description.same_as.empty() ? Json(nullptr) : Json(description.same_as)},
       {"quantization", description.quantization},
       {"quant", description.quant.id},
       {"engines", EngineNames(description)},
       {"attention", Name(shape.attention)},
       {"hidden_size", shape.hidden_size},
       {"heads", shape.heads},
       {"kv_heads", shape.kv_heads},
       {"vocabulary", shape.vocab},
       {"experts", shape.experts},
       {"experts_per_token", shape.experts_per_token},
       {"shared_experts", shape.shared_experts},
       {"sliding_window", OrNull(shape.sliding_window)},
       {"max_context", OrNull(model.max_context)},
       {"parameters", OrNull(model.parameters.total)},
       {"decode_read_parameters", OrNull(model.parameters.decode_read)},
       {"kv_bytes_per_token_bf16", OrNull(model.kv_cache.global_bytes_per_token_bf16)},
       {"kv_window_bytes_per_token_bf16", model.kv_cache.window_bytes_per_token_bf16},
       {"recurrent_state_bytes", model.kv_cache.recurrent_state_bytes},
       {"bytes", description.artifact.bytes.count},
       {"layout",
        {{"input_bytes", layout.input.count},
         {"output_bytes", layout.output.count},
         {"other_bytes", layout.other.count},
         {"tied", layout.tied}}},
       {"classes", ClassesJson(description)},
       {"layers", LayersJson(description)},
       {"warnings", description.warnings},
       {"kept_in", kept_in.empty() ? Json(nullptr) : Json(kept_in)}});
}

std::string ModelRemovedText(const std::string& id, const std::string& file) {
  return absl::StrCat("removed ", id, " (", file, ")\n");
}

std::string ModelRemovedJson(const std::string& id, const std::string& file) {
  return Document("done", {{"done", "removed"}, {"model", id}, {"file", file}});
}

}  // namespace capacity::report
