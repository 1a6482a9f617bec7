#include "planner/inventory/own_models.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "planner/inventory/catalog_yaml.h"

namespace capacity::inventory {
namespace {

// Length of the UTF-8 sequence that `text` begins with; 0 when it begins with none.
std::size_t SequenceAt(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t length = first >= 0xf0 && first < 0xf5   ? 4
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xc2 && first < 0xe0 ? 2
                                                             : 0;
  if (length == 0 || text.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  if (first == 0xe0 && byte(1) < 0xa0) return 0;
  if (first == 0xed && byte(1) >= 0xa0) return 0;
  if (first == 0xf0 && byte(1) < 0x90) return 0;
  if (first == 0xf4 && byte(1) >= 0x90) return 0;
  return length;
}

bool IsUtf8(std::string_view text) {
  while (!text.empty()) {
    const std::size_t length = SequenceAt(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

// Writes the fields of one map after the other; absent ones not at all.
class Writer {
 public:
  explicit Writer(int indent) : indent_(static_cast<std::size_t>(indent), ' ') {}

  void Text(std::string_view key, std::string_view value) {
    if (value.empty()) return;
    utf8_ = utf8_ && IsUtf8(value);
    std::string quoted = "\"";
    for (const char c : value) {
      const auto byte = static_cast<unsigned char>(c);
      if (c == '"' || c == '\\') {
        quoted += '\\';
        quoted += c;
      } else if (byte < 0x20 || byte == 0x7f) {
        absl::StrAppendFormat(&quoted, "\\x%02X", byte);
      } else {
        quoted += c;
      }
    }
    Raw(key, quoted + "\"");
  }
  void Number(std::string_view key, double value) { Raw(key, Digits(value)); }
  void Count(std::string_view key, int value) {
    if (value != 0) Raw(key, absl::StrCat(value));
  }
  template <class Value>
  void Maybe(std::string_view key, const std::optional<Value>& value) {
    if (value) Number(key, static_cast<double>(*value));
  }
  void Flag(std::string_view key, bool value) {
    if (value) Raw(key, "true");
  }
  void Engines(const std::vector<catalog::Engine>& engines) {
    std::string list = "[";
    for (catalog::Engine engine : engines) {
      absl::StrAppend(&list, list.size() > 1 ? ", " : "", Name(engine));
    }
    Raw("engines", list + "]");
  }
  void Bits(const std::optional<catalog::TensorBits>& bits) {
    if (!bits) return;
    std::string map =
        absl::StrCat("{experts: ", Digits(bits->experts), ", dense: ", Digits(bits->dense),
                     ", head: ", Digits(bits->head), ", embedding: ", Digits(bits->embedding));
    if (bits->mixer) absl::StrAppend(&map, ", mixer: ", Digits(*bits->mixer));
    Raw("bits", map + "}");
  }
  void Raw(std::string_view key, std::string_view value) {
    absl::StrAppend(&out_, indent_, std::string(key), ": ", std::string(value), "\n");
  }
  void Line(std::string_view text) { absl::StrAppend(&out_, indent_, std::string(text), "\n"); }

  const std::string& text() const { return out_; }
  bool utf8() const { return utf8_; }

  // As many digits as bring the very number back; whole numbers without a point.
  static std::string Digits(double value) {
    constexpr double kExact = 9007199254740992.0;
    if (value == std::floor(value) && std::abs(value) < kExact) {
      return absl::StrFormat("%.0f", value);
    }
    return absl::StrFormat("%.17g", value);
  }

 private:
  std::string indent_;
  std::string out_;
  bool utf8_ = true;
};

void WriteArchitecture(const catalog::Architecture& a, Writer& out) {
  out.Raw("attention", Name(a.attention));
  out.Count("layers", a.layers);
  out.Count("hidden_size", a.hidden_size);
  out.Count("heads", a.heads);
  out.Count("kv_heads", a.kv_heads);
  out.Maybe("head_dim", a.head_dim);
  out.Maybe("global_head_dim", a.global_head_dim);
  out.Maybe("ffn_size", a.ffn_size);
  out.Count("vocab", a.vocab);
  if (a.tied_embeddings) out.Raw("tied_embeddings", *a.tied_embeddings ? "true" : "false");
  out.Count("experts", a.experts);
  out.Count("experts_per_token", a.experts_per_token);
  out.Count("shared_experts", a.shared_experts);
  out.Maybe("shared_expert_ffn", a.shared_expert_ffn);
  out.Maybe("expert_ffn_size", a.expert_ffn_size);
  out.Maybe("first_dense_layers", a.first_dense_layers);
  out.Maybe("moe_layers", a.moe_layers);
  out.Maybe("expert_matrices", a.expert_matrices);
  out.Maybe("expert_input_size", a.expert_input_size);
  out.Flag("balanced_routing", a.balanced_routing);
  out.Maybe("recurrent_layers", a.recurrent_layers);
  out.Maybe("mlp_layers", a.mlp_layers);
  out.Count("norms_per_layer", a.norms_per_layer);
  out.Maybe("index_heads", a.index_heads);
  out.Maybe("index_head_dim", a.index_head_dim);
  out.Maybe("index_top_k", a.index_top_k);
  out.Maybe("kv_lora_rank", a.kv_lora_rank);
  out.Maybe("qk_rope_head_dim", a.qk_rope_head_dim);
  out.Maybe("qk_nope_head_dim", a.qk_nope_head_dim);
  out.Maybe("v_head_dim", a.v_head_dim);
  out.Maybe("q_lora_rank", a.q_lora_rank);
  out.Maybe("sliding_window", a.sliding_window);
  out.Text("window_pattern", a.window_pattern);
  out.Maybe("full_attention_layers", a.full_attention_layers);
  out.Text("linear_state", a.linear_state);
  out.Count("mtp_layers", a.mtp_layers);
}

void WriteParameters(const catalog::ParameterCounts& counts, Writer& out) {
  out.Maybe("published_total", counts.published_total);
  out.Maybe("published_active", counts.published_active);
  out.Maybe("total", counts.total);
  out.Maybe("decode_read", counts.decode_read);
  out.Maybe("routed_experts", counts.routed_experts);
  out.Maybe("head", counts.head);
  out.Maybe("embedding", counts.embedding);
  out.Maybe("not_read", counts.not_read);
  out.Maybe("towers", counts.towers);
}

// Calls `use` with each run of equal items.
template <class Item, class Equal, class Use>
void ForEachRun(const std::vector<Item>& items, Equal equal, Use use) {
  for (std::size_t first = 0; first < items.size();) {
    std::size_t end = first + 1;
    while (end < items.size() && equal(items[first], items[end])) ++end;
    use(items[first], end - first);
    first = end;
  }
}

void WriteCache(const catalog::KvCache& cache, Writer& out) {
  out.Maybe("global_bytes_per_token_bf16", cache.global_bytes_per_token_bf16);
  out.Number("window_bytes_per_token_bf16", cache.window_bytes_per_token_bf16);
  out.Number("recurrent_state_bytes", cache.recurrent_state_bytes);
  out.Maybe("decode_traffic_global_bytes_per_token_bf16",
            cache.decode_traffic_global_bytes_per_token_bf16);
  out.Maybe("decode_traffic_window_bytes_per_token_bf16",
            cache.decode_traffic_window_bytes_per_token_bf16);
  if (cache.layers.empty()) return;
  out.Line("layers:");
  ForEachRun(
      cache.layers,
      [](const catalog::LayerCache& a, const catalog::LayerCache& b) {
        return a.key_cells_per_token == b.key_cells_per_token &&
               a.value_cells_per_token == b.value_cells_per_token && a.windowed == b.windowed &&
               a.state_bytes == b.state_bytes;
      },
      [&](const catalog::LayerCache& layer, std::size_t count) {
        out.Line(absl::StrCat("  - {count: ", count, ", keys: ", layer.key_cells_per_token,
                              ", values: ", layer.value_cells_per_token,
                              ", windowed: ", layer.windowed ? "true" : "false",
                              ", state_bytes: ", Writer::Digits(layer.state_bytes), "}"));
      });
}

void WriteLayout(const catalog::FileLayout& layout, Writer& out) {
  out.Raw("input", absl::StrCat(layout.input.count));
  out.Line("layers:");
  ForEachRun(
      layout.layers, [](Bytes a, Bytes b) { return a == b; },
      [&](Bytes bytes, std::size_t count) {
        out.Line(absl::StrCat("  - {count: ", count, ", bytes: ", bytes.count, "}"));
      });
  out.Raw("output", absl::StrCat(layout.output.count));
  out.Flag("tied", layout.tied);
  out.Raw("other", absl::StrCat(layout.other.count));
}

// One list of one entry: its first line begins with a dash.
std::string Entry(std::string_view list, std::string fields) {
  fields.replace(2, 1, "-");
  return absl::StrCat("\n", std::string(list), ":\n", fields);
}

}  // namespace

bool IsModelId(std::string_view id) {
  constexpr std::size_t kLongest = 80;
  const auto word = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  return !id.empty() && id.size() <= kLongest && word(id.front()) &&
         std::all_of(id.begin(), id.end(),
                     [&](char c) { return word(c) || c == '.' || c == '_' || c == '-'; });
}

absl::StatusOr<std::string> ToYaml(const OwnModel& own) {
  const catalog::Model& model = *own.model;
  bool utf8 = true;
  Writer head(4);
  head.Text("id", model.id);
  head.Text("name", model.name);
  head.Text("model_type", model.model_type);
  head.Text("license", model.license);
  head.Maybe("max_context", model.max_context);
  head.Flag("fp8_block_scales", model.fp8_block_scales);
  head.Flag("unknown_architecture", model.unknown_architecture);
  std::string text = head.text();
  utf8 = utf8 && head.utf8();
  const auto part = [&](std::string_view key, auto write) {
    Writer inner(6);
    write(inner);
    utf8 = utf8 && inner.utf8();
    absl::StrAppend(&text, "    ", std::string(key), ":\n", inner.text());
  };
  part("architecture", [&](Writer& out) { WriteArchitecture(model.architecture, out); });
  part("parameters", [&](Writer& out) { WriteParameters(model.parameters, out); });
  part("kv_cache", [&](Writer& out) { WriteCache(model.kv_cache, out); });
  if (model.own_file) {
    part("own_file", [&](Writer& out) {
      out.Text("path", model.own_file->path);
      out.Text("quant", model.own_file->quant);
      out.Engines(model.own_file->engines);
      out.Text("same_as", model.own_file->same_as);
    });
  }
  Writer source(4);
  source.Text("source", model.provenance.source);
  source.Text("as_of", model.provenance.as_of);
  utf8 = utf8 && source.utf8();
  std::string out = absl::StrCat(
      "# Written by planner catalog add; planner catalog remove takes it away.\nschema: ",
      std::string(kCatalogSchema), "\n", Entry("models", text + source.text()));
  if (own.quant != nullptr) {
    Writer quant(4);
    quant.Text("id", own.quant->id);
    quant.Text("family", own.quant->family);
    quant.Engines(own.quant->engines);
    quant.Raw("native_to", absl::StrCat("[", model.id, "]"));
    quant.Flag("uncommon", own.quant->uncommon);
    quant.Maybe("nominal_bits", own.quant->nominal_bits);
    quant.Bits(own.quant->bits);
    quant.Text("notes", own.quant->notes);
    utf8 = utf8 && quant.utf8();
    absl::StrAppend(&out, Entry("quantizations", quant.text() + source.text()));
  }
  Writer artifact(4);
  artifact.Text("model", own.artifact->model);
  artifact.Text("quant", own.artifact->quant);
  artifact.Text("artifact", own.artifact->name);
  artifact.Raw("bytes", absl::StrCat(own.artifact->bytes.count));
  artifact.Raw("exact", own.artifact->exact ? "true" : "false");
  artifact.Bits(own.artifact->bits);
  std::string fields = artifact.text();
  if (own.artifact->layout) {
    Writer layout(6);
    WriteLayout(*own.artifact->layout, layout);
    absl::StrAppend(&fields, "    layout:\n", layout.text());
  }
  utf8 = utf8 && artifact.utf8();
  absl::StrAppend(&out, Entry("artifacts", fields + source.text()));
  if (!utf8) {
    return absl::InvalidArgumentError(
        "a name or path is no UTF-8, which a catalogue file must be; rename the file");
  }
  return out;
}

std::string OwnModelFile(const std::string& directory, const std::string& id) {
  return absl::StrCat(directory, "/", id, ".yaml");
}

std::vector<std::string> OwnModelFiles(const std::string& directory) {
  std::vector<std::string> files;
  std::error_code error;
  std::filesystem::directory_iterator entries(directory, error);
  for (const std::filesystem::directory_iterator end; !error && entries != end;
       entries.increment(error)) {
    if (entries->path().extension() == ".yaml") files.push_back(entries->path().string());
  }
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace capacity::inventory
