#include "planner/inventory/catalog_entries.h"

#include <map>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "planner/inventory/entry_fields.h"

namespace capacity::inventory {
namespace {

using catalog::AttentionKind;
using catalog::Engine;

// Bounds that only a slip of the pen exceeds.
constexpr Range kCount = Between(0, 1e9);
constexpr Range kPositiveCount = Between(1, 1e9);
constexpr Range kParameters = Between(0, 1e15);
constexpr Range kBits = Above(0, 64);

catalog::Architecture ReadArchitecture(const Value& value, Problems& problems) {
  Fields fields(value, "architecture", problems);
  catalog::Architecture out;
  fields.Require({"attention", "layers"});
  out.attention =
      fields
          .Choice("attention", {AttentionKind::kGqa, AttentionKind::kMla, AttentionKind::kMlaSparse,
                                AttentionKind::kSliding, AttentionKind::kChunked,
                                AttentionKind::kHybridDeltaNet, AttentionKind::kHybridMamba2})
          .value_or(AttentionKind::kGqa);
  out.layers = fields.Integer("layers", kPositiveCount).value_or(0);
  out.hidden_size = fields.Integer("hidden_size", kPositiveCount).value_or(0);
  out.heads = fields.Integer("heads", kCount).value_or(0);
  out.kv_heads = fields.Integer("kv_heads", kCount).value_or(0);
  out.head_dim = fields.Integer("head_dim", kPositiveCount);
  out.global_head_dim = fields.Integer("global_head_dim", kPositiveCount);
  out.ffn_size = fields.Integer("ffn_size", kCount);
  out.vocab = fields.Integer("vocab", kPositiveCount).value_or(0);
  out.tied_embeddings = fields.Flag("tied_embeddings");
  out.experts = fields.Integer("experts", kCount).value_or(0);
  out.experts_per_token = fields.Integer("experts_per_token", kCount).value_or(0);
  out.shared_experts = fields.Integer("shared_experts", kCount).value_or(0);
  out.shared_expert_ffn = fields.Integer("shared_expert_ffn", kCount);
  out.expert_ffn_size = fields.Integer("expert_ffn_size", kCount);
  out.first_dense_layers = fields.Integer("first_dense_layers", kCount);
  out.moe_layers = fields.Integer("moe_layers", kCount);
  out.expert_matrices = fields.Integer("expert_matrices", Between(1, 8));
  out.expert_input_size = fields.Integer("expert_input_size", kPositiveCount);
  out.balanced_routing = fields.Flag("balanced_routing").value_or(false);
  out.recurrent_layers = fields.Integer("recurrent_layers", kCount);
  out.mlp_layers = fields.Integer("mlp_layers", kCount);
  out.norms_per_layer = fields.Integer("norms_per_layer", Between(1, 8)).value_or(2);
  out.index_heads = fields.Integer("index_heads", kPositiveCount);
  out.index_head_dim = fields.Integer("index_head_dim", kPositiveCount);
  out.index_top_k = fields.Integer("index_top_k", kPositiveCount);
  out.kv_lora_rank = fields.Integer("kv_lora_rank", kPositiveCount);
  out.qk_rope_head_dim = fields.Integer("qk_rope_head_dim", kCount);
  out.qk_nope_head_dim = fields.Integer("qk_nope_head_dim", kCount);
  out.v_head_dim = fields.Integer("v_head_dim", kCount);
  out.q_lora_rank = fields.Integer("q_lora_rank", kCount);
  out.sliding_window = fields.Integer("sliding_window", kPositiveCount);
  out.window_pattern = fields.Text("window_pattern").value_or("");
  out.full_attention_layers = fields.Integer("full_attention_layers", kCount);
  out.linear_state = fields.Text("linear_state").value_or("");
  out.mtp_layers = fields.Integer("mtp_layers", kCount).value_or(0);
  fields.ReportUnknown();
  return out;
}

catalog::ParameterCounts ReadParameters(const Value& value, Problems& problems) {
  Fields fields(value, "parameters", problems);
  catalog::ParameterCounts out;
  out.published_total = fields.Number("published_total", kParameters);
  out.published_active = fields.Number("published_active", kParameters);
  out.total = fields.Number("total", kParameters);
  out.decode_read = fields.Number("decode_read", kParameters);
  out.routed_experts = fields.Number("routed_experts", kParameters);
  out.head = fields.Number("head", kParameters);
  out.embedding = fields.Number("embedding", kParameters);
  out.not_read = fields.Number("not_read", kParameters);
  out.towers = fields.Number("towers", kParameters);
  fields.ReportUnknown();
  return out;
}

// A run of like layers: {count: 12, keys: 1024, values: 1024, windowed: true, state_bytes: 0}.
void ReadLayerRun(const Value& value, catalog::KvCache& cache, Problems& problems) {
  Fields fields(value, "layer_cache", problems);
  fields.Require({"count"});
  const int count = fields.Integer("count", Between(1, 4096)).value_or(0);
  catalog::LayerCache layer;
  layer.key_cells_per_token = fields.Integer("keys", kCount).value_or(0);
  layer.value_cells_per_token = fields.Integer("values", kCount).value_or(0);
  layer.windowed = fields.Flag("windowed").value_or(false);
  layer.state_bytes = fields.Number("state_bytes", Between(0, 1e12)).value_or(0);
  fields.ReportUnknown();
  constexpr std::size_t kMostLayers = 65'536;
  if (cache.layers.size() + static_cast<std::size_t>(count) > kMostLayers) {
    problems.Add(value, "more layers than any model has");
    return;
  }
  cache.layers.insert(cache.layers.end(), static_cast<std::size_t>(count), layer);
}

catalog::KvCache ReadKvCache(const Value& value, Problems& problems) {
  Fields fields(value, "kv_cache", problems);
  catalog::KvCache out;
  constexpr Range kBytes = Between(0, 1e12);
  out.global_bytes_per_token_bf16 = fields.Number("global_bytes_per_token_bf16", kBytes);
  out.window_bytes_per_token_bf16 =
      fields.Number("window_bytes_per_token_bf16", kBytes).value_or(0);
  out.recurrent_state_bytes = fields.Number("recurrent_state_bytes", kBytes).value_or(0);
  out.decode_traffic_global_bytes_per_token_bf16 =
      fields.Number("decode_traffic_global_bytes_per_token_bf16", kBytes);
  out.decode_traffic_window_bytes_per_token_bf16 =
      fields.Number("decode_traffic_window_bytes_per_token_bf16", kBytes);
  for (const Value* run : fields.List("layers")) ReadLayerRun(*run, out, problems);
  fields.ReportUnknown();
  return out;
}

catalog::OwnFile ReadOwnFile(const Value& value, Problems& problems) {
  Fields fields(value, "own_file", problems);
  fields.Require({"path", "quant", "engines"});
  catalog::OwnFile file;
  file.path = fields.Text("path").value_or("");
  file.quant = fields.Text("quant").value_or("");
  file.engines = ReadEngines(fields, problems);
  file.same_as = fields.Text("same_as").value_or("");
  fields.ReportUnknown();
  return file;
}

}  // namespace

catalog::Model ReadModel(Fields& fields, Problems& problems) {
  catalog::Model model;
  fields.Require({"id", "name", "architecture"});
  model.id = fields.Text("id").value_or("");
  model.name = fields.Text("name").value_or("");
  model.hf_id = fields.Text("hf_id").value_or("");
  model.model_type = fields.Text("model_type").value_or("");
  model.aliases = fields.Texts("aliases");
  model.license = fields.Text("license").value_or("");
  model.max_context = fields.Integer("max_context", kPositiveCount);
  if (const Value* value = fields.Find("architecture")) {
    model.architecture = ReadArchitecture(*value, problems);
  }
  model.fp8_block_scales = fields.Flag("fp8_block_scales").value_or(false);
  model.released_as = fields.Text("released_as").value_or("");
  if (const Value* value = fields.Find("parameters")) {
    model.parameters = ReadParameters(*value, problems);
  }
  if (const Value* value = fields.Find("kv_cache")) model.kv_cache = ReadKvCache(*value, problems);
  if (const Value* value = fields.Find("own_file")) model.own_file = ReadOwnFile(*value, problems);
  model.unknown_architecture = fields.Flag("unknown_architecture").value_or(false);
  const std::size_t described = model.kv_cache.layers.size();
  if (described > 0 && described != static_cast<std::size_t>(model.architecture.layers)) {
    problems.Add(fields.value(), absl::StrCat("kv_cache describes ", described, " layers of ",
                                              model.architecture.layers));
  }
  model.notes = fields.Text("notes").value_or("");
  model.provenance = ReadProvenance(fields);
  return model;
}

namespace {

catalog::TensorBits ReadTensorBits(const Value& value, Problems& problems) {
  Fields fields(value, "bits", problems);
  fields.Require({"experts", "dense", "head", "embedding"});
  catalog::TensorBits bits;
  bits.experts = fields.Number("experts", kBits).value_or(0);
  bits.dense = fields.Number("dense", kBits).value_or(0);
  bits.head = fields.Number("head", kBits).value_or(0);
  bits.embedding = fields.Number("embedding", kBits).value_or(0);
  bits.mixer = fields.Number("mixer", kBits);
  fields.ReportUnknown();
  return bits;
}

std::map<Engine, catalog::TensorBits> ReadBitsByEngine(const Value& value, Problems& problems) {
  Fields fields(value, "bits_by_engine", problems);
  std::map<Engine, catalog::TensorBits> bits;
  for (Engine engine : catalog::kAllEngines) {
    if (const Value* of_engine = fields.Find(Name(engine))) {
      bits[engine] = ReadTensorBits(*of_engine, problems);
    }
  }
  fields.ReportUnknown();
  return bits;
}

}  // namespace

catalog::Quantization ReadQuantization(Fields& fields, Problems& problems) {
  catalog::Quantization quant;
  fields.Require({"id", "family", "engines"});
  quant.id = fields.Text("id").value_or("");
  quant.aliases = fields.Texts("aliases");
  quant.family = fields.OneOf("family", {"gguf", "mlx", "safetensors"}).value_or("");
  quant.engines = ReadEngines(fields, problems);
  quant.platforms = fields.Texts("platforms");
  quant.native_to = fields.Texts("native_to");
  quant.chip_generations = fields.Texts("chip_generations");
  quant.uncommon = fields.Flag("uncommon").value_or(false);
  if (const Value* value = fields.Find("bits")) quant.bits = ReadTensorBits(*value, problems);
  if (const Value* value = fields.Find("bits_by_engine")) {
    quant.bits_by_engine = ReadBitsByEngine(*value, problems);
  }
  quant.unaligned_expert_bits = fields.Number("unaligned_expert_bits", kBits);
  if (const Value* value = fields.Find("bits_moe")) {
    quant.bits_moe = ReadTensorBits(*value, problems);
  }
  if (const Value* value = fields.Find("bits_unaligned")) {
    quant.bits_unaligned = ReadTensorBits(*value, problems);
  }
  quant.row_multiple = fields.Integer("row_multiple", kPositiveCount);
  quant.mamba_attention_16_bit = fields.Flag("mamba_attention_16_bit").value_or(false);
  quant.nominal_bits = fields.Number("nominal_bits", kBits);
  quant.whole_file_bits_per_weight = fields.Number("whole_file_bits_per_weight", kBits);
  quant.notes = fields.Text("notes").value_or("");
  quant.provenance = ReadProvenance(fields);
  return quant;
}

catalog::KvCacheType ReadKvCacheType(Fields& fields, Problems& problems) {
  catalog::KvCacheType type;
  fields.Require({"id", "bits"});
  type.id = fields.Text("id").value_or("");
  type.aliases = fields.Texts("aliases");
  type.bits = fields.Number("bits", kBits).value_or(16);
  type.engines = ReadEngines(fields, problems);
  type.notes = fields.Text("notes").value_or("");
  type.provenance = ReadProvenance(fields);
  return type;
}

namespace {

catalog::FileLayout ReadLayout(const Value& value, Problems& problems) {
  constexpr Range kBytes = Between(0, 1e15);
  Fields fields(value, "layout", problems);
  fields.Require({"input", "layers", "output"});
  const auto bytes = [](std::optional<double> number) {
    return Bytes{static_cast<std::int64_t>(number.value_or(0))};
  };
  catalog::FileLayout layout;
  layout.input = bytes(fields.Number("input", kBytes));
  for (const Value* run : fields.List("layers")) {  // {count: 12, bytes: 1000}
    Fields run_fields(*run, "layout_run", problems);
    run_fields.Require({"count", "bytes"});
    const int count = run_fields.Integer("count", Between(1, 4096)).value_or(0);
    const Bytes each = bytes(run_fields.Number("bytes", kBytes));
    run_fields.ReportUnknown();
    layout.layers.insert(layout.layers.end(), static_cast<std::size_t>(count), each);
  }
  layout.output = bytes(fields.Number("output", kBytes));
  layout.tied = fields.Flag("tied").value_or(false);
  layout.other = bytes(fields.Number("other", kBytes));
  fields.ReportUnknown();
  return layout;
}

}  // namespace

catalog::Artifact ReadArtifact(Fields& fields, Problems& problems) {
  catalog::Artifact artifact;
  fields.Require({"model", "quant", "bytes", "exact"});
  artifact.model = fields.Text("model").value_or("");
  artifact.quant = fields.Text("quant").value_or("");
  artifact.name = fields.Text("artifact").value_or("");
  artifact.bytes = {
      static_cast<std::int64_t>(fields.Number("bytes", Between(1, 1e15)).value_or(0))};
  artifact.exact = fields.Flag("exact").value_or(false);
  if (const Value* value = fields.Find("bits")) artifact.bits = ReadTensorBits(*value, problems);
  if (const Value* value = fields.Find("layout")) artifact.layout = ReadLayout(*value, problems);
  artifact.notes = fields.Text("notes").value_or("");
  artifact.provenance = ReadProvenance(fields);
  return artifact;
}

}  // namespace capacity::inventory
