#include "planner/modelfile/config.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <initializer_list>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/modelfile/composed.h"

namespace capacity::modelfile {
namespace {

using catalog::AttentionKind;
using catalog::LayerCache;

constexpr int kMostLayers = 4'096;

// model_type of the decoders whose layers' caches this file knows how to count (transformers 4.57
// and mlx-lm 0.28, their configuration files).
bool IsKnown(std::string_view type) {
  static const std::set<std::string_view> kKnown = {
      "llama",
      "llama4",
      "llama4_text",
      "mistral",
      "mistral3",
      "ministral",
      "ministral3",
      "mixtral",
      "qwen2",
      "qwen2_moe",
      "qwen2_vl",
      "qwen2_vl_text",
      "qwen2_5_vl",
      "qwen2_5_vl_text",
      "qwen3",
      "qwen3_moe",
      "qwen3_next",
      "qwen3_vl",
      "qwen3_vl_text",
      "qwen3_vl_moe",
      "qwen3_vl_moe_text",
      "qwen3_5",
      "qwen3_5_text",
      "qwen3_5_moe",
      "qwen3_5_moe_text",
      "gemma",
      "gemma2",
      "gemma3",
      "gemma3_text",
      "gemma3n",
      "gemma3n_text",
      "gemma4",
      "gemma4_text",
      "phi",
      "phi3",
      "phimoe",
      "phi4mm",
      "deepseek",
      "deepseek_v2",
      "deepseek_v3",
      "deepseek_v32",
      "kimi_k2",
      "kimi_linear",
      "gpt_oss",
      "glm",
      "glm4",
      "glm4_moe",
      "glm4v_moe",
      "glm4_moe_lite",
      "glm_moe_dsa",
      "cohere",
      "cohere2",
      "command-r",
      "granite",
      "granitemoe",
      "granitemoehybrid",
      "granitemoeshared",
      "nemotron",
      "nemotron_h",
      "jamba",
      "bamba",
      "falcon",
      "falcon_h1",
      "falcon_mamba",
      "mamba",
      "mamba2",
      "minimax",
      "minimax_m2",
      "olmo",
      "olmo2",
      "olmo3",
      "olmoe",
      "exaone",
      "exaone4",
      "starcoder2",
      "stablelm",
      "gpt2",
      "gpt_neox",
      "internlm2",
      "internlm3",
      "smollm3",
      "ernie4_5",
      "ernie4_5_moe",
      "hunyuan_v1_dense",
      "hunyuan_v1_moe",
      "seed_oss",
      "apertus",
      "dots1",
      "bailing_moe",
      "bailing_moe_v2",
      "lfm2",
      "lfm2_moe",
      "arcee",
      "solar",
      "dbrx",
      "mimo_v2_flash",
      "baichuan",
  };
  return kKnown.count(type) > 0;
}

// Windows that a config states and engines do not keep to: planned as the whole context.
bool IgnoresWindow(std::string_view type) {
  return type == "mistral" || type == "mixtral" || type == "phi3" || type == "phimoe" ||
         type == "starcoder2" || type == "minimax" || type == "ministral" || type == "ministral3";
}

std::string Words(std::string_view text) {
  constexpr std::size_t kMost = 120;
  std::string out;
  for (const char c : text.substr(0, kMost)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x20 && byte < 0x7f) out += c;
  }
  return out;
}

// The text decoder's object of a config that also describes towers.
const JsonValue& TextPart(const JsonValue& root) {
  for (const char* key : {"text_config", "llm_config", "language_config"}) {
    const JsonValue* part = root.Find(key);
    if (part != nullptr && part->is_object()) return *part;
  }
  if (const JsonValue* thinker = root.Find("thinker_config"); thinker != nullptr) {
    return TextPart(*thinker);
  }
  return root;
}

enum class LayerKind { kFull, kWindow, kRecurrent, kBoth, kNone };

class Reader {
 public:
  Reader(const JsonValue& root, const std::string& file)
      : root_(root), text_(TextPart(root)), file_(file) {}

  absl::StatusOr<Config> Run() {
    for (absl::Status (Reader::*step)() : {&Reader::Identify, &Reader::Quantization, &Reader::Shape,
                                           &Reader::Experts, &Reader::Kinds, &Reader::Caches}) {
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    return std::move(out_);
  }

 private:
  absl::Status Wrong(std::string_view path, std::string_view what) const {
    return absl::InvalidArgumentError(
        absl::StrCat(file_, ": /", std::string(path), ": ", std::string(what)));
  }

  const JsonValue* Find(std::string_view key) const {
    const JsonValue* held = text_.Find(key);
    return held != nullptr ? held : root_.Find(key);
  }

  // The first of the keys that the text part has, as a count; 0 for a count below 0 (some configs
  // write -1 for "none").
  std::optional<int> CountOf(std::initializer_list<std::string_view> keys) const {
    for (std::string_view key : keys) {
      if (const std::optional<double> number = text_.Number(key)) {
        return *number < 0 ? 0 : Count(number);
      }
    }
    return std::nullopt;
  }

  absl::Status Identify() {
    if (!root_.is_object()) return Wrong("", "no JSON object; a model's config.json was expected");
    if (const JsonValue* names = root_.Find("architectures");
        names != nullptr && !names->items.empty() &&
        names->items[0].kind == JsonValue::Kind::kString) {
      out_.architecture = Words(names->items[0].text);
    }
    out_.model_type = Words(text_.Text("model_type"));
    if (out_.model_type.empty()) out_.model_type = Words(root_.Text("model_type"));
    if (out_.model_type.empty()) {
      return Wrong("model_type", "missing; a text model's config states it, for example \"qwen3\"");
    }
    if (out_.architecture.empty()) out_.architecture = out_.model_type;
    out_.known = IsKnown(out_.model_type);
    out_.name = Words(root_.Text("_name_or_path"));
    for (const char* key : {"max_position_embeddings", "n_positions", "max_seq_len",
                            "max_sequence_length", "seq_length", "model_max_length"}) {
      const std::optional<double> length = text_.Number(key);
      if (!length || !(*length > 0) || *length > 1e9) continue;
      out_.max_context = static_cast<std::int64_t>(*length);
      break;
    }
    return absl::OkStatus();
  }

  // ---------------------------------------------------------------- quantization

  absl::Status Quantization() {
    QuantScheme& quant = out_.quant;
    quant.number_type = Words(text_.Text("torch_dtype"));
    for (const JsonValue* part : {&text_, &root_}) {
      if (quant.number_type.empty()) quant.number_type = Words(part->Text("dtype"));
      if (quant.number_type.empty()) quant.number_type = Words(part->Text("torch_dtype"));
    }
    const JsonValue* mlx = Find("quantization");
    const JsonValue* block = Find("quantization_config");
    if (block == nullptr) block = Find("compression_config");
    // MLX writes its own block under both names; Hugging Face's always states a method.
    if (mlx != nullptr && mlx->is_object() && mlx->Number("group_size")) return MlxBlock(*mlx);
    if (block == nullptr || !block->is_object()) return absl::OkStatus();
    if (block->Text("quant_method").empty() && block->Number("group_size") &&
        block->Number("bits")) {
      return MlxBlock(*block);
    }
    return HuggingFaceBlock(*block);
  }

  absl::StatusOr<GroupBits> ReadGroup(const JsonValue& value, const std::string& path,
                                      const GroupBits& usual) const {
    GroupBits out = usual;
    if (const std::optional<double> bits = value.Number("bits")) {
      out.bits = Count(bits).value_or(0);
    }
    if (const std::optional<double> group = value.Number("group_size")) {
      out.group = Count(group).value_or(0);
    }
    if (!value.Text("mode").empty()) out.mode = Words(value.Text("mode"));
    if (out.bits < 1 || out.bits > 8) return Wrong(path + "/bits", "1 to 8 would be right");
    if (out.group < 1 || out.group > 65'536) {
      return Wrong(path + "/group_size", "1 to 65536 would be right");
    }
    return out;
  }

  absl::Status MlxBlock(const JsonValue& block) {
    QuantScheme& quant = out_.quant;
    quant.packing = Packing::kMlx;
    quant.method = "mlx";
    absl::StatusOr<GroupBits> usual = ReadGroup(block, "quantization", {0, 64, "affine"});
    if (!usual.ok()) return usual.status();
    quant.usual = *std::move(usual);
    for (std::size_t i = 0; i < block.items.size(); ++i) {
      if (!block.items[i].is_object()) continue;  // false: that module is not quantized
      absl::StatusOr<GroupBits> own =
          ReadGroup(block.items[i], "quantization/" + Words(block.keys[i]), quant.usual);
      if (!own.ok()) return own.status();
      quant.overrides[block.keys[i]] = *std::move(own);
    }
    return absl::OkStatus();
  }

  absl::Status HuggingFaceBlock(const JsonValue& block) {
    QuantScheme& quant = out_.quant;
    quant.method = Words(block.Text("quant_method"));
    if (quant.method.empty()) quant.method = Words(block.Text("quant_algo"));
    const std::string& method = quant.method;
    quant.usual.bits = 4;
    if (const std::optional<int> bits = Count(block.Number("bits"))) quant.usual.bits = *bits;
    if (const std::optional<int> group = Count(block.Number("group_size"))) {
      quant.usual.group = *group;
    }
    if (method == "fp8" || method == "fbgemm_fp8" || method == "FP8") {
      quant.packing = Packing::kFp8;
      quant.usual.bits = 8;
      quant.block_scales = block.Find("weight_block_size") != nullptr;
    } else if (method == "awq" || method == "gptq" || method == "auto-round" ||
               method == "intel/auto-round") {
      quant.packing = Packing::kAwq;
    } else if (method == "mxfp4") {
      quant.packing = Packing::kMxfp4;
      quant.usual.group = 32;
    } else if (method == "compressed-tensors") {
      return CompressedTensors(block);
    } else if (method == "modelopt" || method == "modelopt_fp4" || method == "NVFP4") {
      ModelOpt(block);
    } else if (method == "bitsandbytes") {
      quant.packing = Packing::kBitsAndBytes;
      quant.usual.bits = block.Flag("load_in_8bit").value_or(false) ? 8 : 4;
      quant.usual.group = 64;
    } else {
      return Wrong("quantization_config/quant_method",
                   absl::StrCat("\"", method,
                                "\" is not known; fp8, awq, gptq, mxfp4, "
                                "compressed-tensors, modelopt and bitsandbytes are"));
    }
    if (quant.usual.bits < 1 || quant.usual.bits > 16) {
      return Wrong("quantization_config/bits", "1 to 16 would be right");
    }
    return absl::OkStatus();
  }

  void ModelOpt(const JsonValue& block) {
    QuantScheme& quant = out_.quant;
    std::string_view algorithm = block.Text("quant_algo");
    if (const JsonValue* inner = block.Find("quantization");
        algorithm.empty() && inner != nullptr) {
      algorithm = inner->Text("quant_algo");
    }
    const bool fp8 = algorithm.substr(0, 3) == "FP8";
    quant.packing = fp8 ? Packing::kFp8 : Packing::kNvfp4;
    quant.usual = {fp8 ? 8 : 4, fp8 ? 0 : 16, ""};
  }

  absl::Status CompressedTensors(const JsonValue& block) {
    QuantScheme& quant = out_.quant;
    const std::string format = Words(block.Text("format"));
    const JsonValue* groups = block.Find("config_groups");
    const JsonValue* weights = nullptr;
    if (groups != nullptr && !groups->items.empty()) weights = groups->items[0].Find("weights");
    if (weights != nullptr) {
      quant.usual.bits = Count(weights->Number("num_bits")).value_or(4);
      quant.usual.group = Count(weights->Number("group_size")).value_or(0);
      quant.block_scales = weights->Find("block_structure") != nullptr;
    }
    if (format == "nvfp4-pack-quantized") {
      quant.packing = Packing::kNvfp4;
    } else if (format == "mxfp4-pack-quantized") {
      quant.packing = Packing::kMxfp4;
    } else if (format == "pack-quantized" || format == "marlin-24") {
      quant.packing = Packing::kPacked;
    } else if (format == "float-quantized" || format == "naive-quantized") {
      quant.packing = Packing::kFp8;
    } else if (format == "int-quantized") {
      quant.packing = Packing::kInt8;
    } else if (format == "mixed-precision") {
      quant.packing = Packing::kPacked;
    } else {
      return Wrong(
          "quantization_config/format",
          absl::StrCat("\"", format,
                       "\" is not known; pack-quantized, float-quantized, "
                       "int-quantized, nvfp4-pack-quantized and mxfp4-pack-quantized are"));
    }
    if (quant.usual.bits < 1 || quant.usual.bits > 16) {
      return Wrong("quantization_config/config_groups", "num_bits of 1 to 16 would be right");
    }
    return absl::OkStatus();
  }

  // ---------------------------------------------------------------- shape

  absl::Status Shape() {
    catalog::Architecture& shape = out_.shape;
    const std::optional<int> layers =
        CountOf({"num_hidden_layers", "n_layer", "num_layers", "n_layers"});
    if (!layers || *layers < 1 || *layers > kMostLayers) {
      return Wrong("num_hidden_layers",
                   absl::StrCat("missing or no count from 1 to ", kMostLayers));
    }
    shape.layers = *layers;
    shape.hidden_size = CountOf({"hidden_size", "n_embd", "d_model", "dim"}).value_or(0);
    shape.heads = CountOf({"num_attention_heads", "n_head", "n_heads"}).value_or(0);
    shape.kv_heads = KvHeads(shape.heads);
    shape.head_dim = CountOf({"head_dim", "kv_channels", "attention_head_dim"});
    if (!shape.head_dim && shape.heads > 0) shape.head_dim = shape.hidden_size / shape.heads;
    if (shape.head_dim == 0) shape.head_dim.reset();
    shape.global_head_dim = CountOf({"global_head_dim"});
    if (shape.global_head_dim == 0) shape.global_head_dim.reset();
    shape.ffn_size = CountOf({"intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size"});
    shape.vocab = CountOf({"vocab_size"}).value_or(0);
    if (shape.vocab > 0) out_.vocab = shape.vocab;
    if (shape.vocab == 0) shape.vocab = Count(root_.Number("vocab_size")).value_or(0);
    shape.mtp_layers =
        CountOf({"num_nextn_predict_layers", "num_mtp_modules", "mtp_num_hidden_layers"})
            .value_or(0);
    if (const std::optional<int> rank = CountOf({"kv_lora_rank"}); rank.value_or(0) > 0) {
      shape.kv_lora_rank = rank;
      shape.qk_rope_head_dim = CountOf({"qk_rope_head_dim"});
      shape.qk_nope_head_dim = CountOf({"qk_nope_head_dim"});
      shape.v_head_dim = CountOf({"v_head_dim"});
      shape.q_lora_rank = CountOf({"q_lora_rank"});
      shape.attention = AttentionKind::kMla;
      if (const std::optional<int> dim = CountOf({"index_head_dim"}); dim.value_or(0) > 0) {
        shape.attention = AttentionKind::kMlaSparse;
        shape.index_head_dim = dim;
        shape.index_heads = CountOf({"index_n_heads"});
        shape.index_top_k = CountOf({"index_topk"});
      }
    }
    const bool gemma = out_.model_type.substr(0, 5) == "gemma" && out_.model_type != "gemma";
    shape.norms_per_layer = gemma ? 4 : 2;
    return absl::OkStatus();
  }

  int KvHeads(int heads) const {
    if (const std::optional<int> stated =
            CountOf({"num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num",
                     "num_query_groups"})) {
      return *stated;
    }
    const bool one = text_.Flag("multi_query").value_or(false) &&
                     !text_.Flag("new_decoder_architecture").value_or(false);
    return one ? 1 : heads;
  }

  absl::Status Experts() {
    catalog::Architecture& shape = out_.shape;
    shape.experts = CountOf({"num_local_experts", "num_experts", "n_routed_experts",
                             "moe_num_experts", "num_routed_experts"})
                        .value_or(0);
    if (shape.experts <= 1) {
      shape.experts = 0;
      return absl::OkStatus();
    }
    shape.experts_per_token =
        CountOf({"num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k",
                 "top_k_experts", "moe_top_k", "num_selected_experts", "experts_per_token"})
            .value_or(0);
    if (shape.experts_per_token <= 0 || shape.experts_per_token > shape.experts) {
      out_.warnings.push_back(
          "how many experts a token passes is not stated: all are taken to be read");
      shape.experts_per_token = shape.experts;
    }
    shape.expert_ffn_size = CountOf({"moe_intermediate_size", "expert_ffn_size"});
    if (!shape.expert_ffn_size) shape.expert_ffn_size = shape.ffn_size;
    const std::optional<int> shared =
        CountOf({"n_shared_experts", "num_shared_experts", "num_shared_expert"});
    const std::optional<int> width =
        CountOf({"shared_expert_intermediate_size", "moe_shared_expert_intermediate_size",
                 "shared_intermediate_size", "share_expert_dim"});
    if (shared.value_or(0) > 0 || width.value_or(0) > 0) {
      shape.shared_experts = std::max(1, shared.value_or(1));
      const double total =
          width ? *width
                : static_cast<double>(shape.shared_experts) * shape.expert_ffn_size.value_or(0);
      shape.shared_expert_ffn = Count(total);
    }
    shape.first_dense_layers = CountOf({"first_k_dense_replace", "moe_layer_start_index"});
    shape.balanced_routing = text_.Text("scoring_func") == "sigmoid" ||
                             text_.Text("topk_method") == "noaux_tc" ||
                             text_.Text("score_function") == "sigmoid";
    return absl::OkStatus();
  }

  // ---------------------------------------------------------------- layers

  std::optional<LayerKind> KindNamed(std::string_view name) const {
    static constexpr std::pair<std::string_view, LayerKind> kNames[] = {
        {"full_attention", LayerKind::kFull},
        {"attention", LayerKind::kFull},
        {"sliding_attention", LayerKind::kWindow},
        {"chunked_attention", LayerKind::kWindow},
        {"linear_attention", LayerKind::kRecurrent},
        {"mamba", LayerKind::kRecurrent},
        {"mamba2", LayerKind::kRecurrent},
        {"conv", LayerKind::kRecurrent},
        {"recurrent", LayerKind::kRecurrent},
        {"hybrid", LayerKind::kBoth},
        {"mlp", LayerKind::kNone},
        {"moe", LayerKind::kNone},
        {"global", LayerKind::kFull},
        {"local", LayerKind::kWindow},
    };
    for (const auto& [candidate, kind] : kNames) {
      if (candidate == name) return kind;
    }
    return std::nullopt;
  }

  absl::Status Kinds() {
    const auto layers = static_cast<std::size_t>(out_.shape.layers);
    kinds_.assign(layers, LayerKind::kFull);
    window_ =
        CountOf({"sliding_window", "sliding_window_size", "attention_chunk_size"}).value_or(0);
    for (const char* key : {"layer_types", "layers_block_type"}) {
      if (const JsonValue* list = text_.Find(key); list != nullptr && list->is_array()) {
        return StatedKinds(key, *list);
      }
    }
    if (const std::string_view pattern = text_.Text("hybrid_override_pattern"); !pattern.empty()) {
      return LetteredKinds(pattern);
    }
    if (out_.model_type == "kimi_linear") return KimiLinearKinds();
    UsualKinds();
    return absl::OkStatus();
  }

  absl::Status StatedKinds(const std::string& key, const JsonValue& list) {
    if (list.items.size() < kinds_.size()) {
      return Wrong(key, absl::StrCat(list.items.size(), " items for ", kinds_.size(), " layers"));
    }
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      const std::optional<LayerKind> kind = KindNamed(list.items[i].text);
      if (!kind) {
        return Wrong(absl::StrCat(key, "/", i),
                     absl::StrCat("\"", Words(list.items[i].text),
                                  "\" is no kind of layer that is "
                                  "known; full_attention, sliding_attention, linear_attention and "
                                  "mamba are"));
      }
      kinds_[i] = *kind;
    }
    return absl::OkStatus();
  }

  // Nemotron-H: one letter for each block, which is a mixer or a feed-forward, not both.
  absl::Status LetteredKinds(std::string_view pattern) {
    if (pattern.size() < kinds_.size()) {
      return Wrong("hybrid_override_pattern",
                   absl::StrCat(pattern.size(), " letters for ", kinds_.size(), " layers"));
    }
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      const char letter = pattern[i];
      if (letter != 'M' && letter != '*' && letter != '-' && letter != 'E') {
        return Wrong("hybrid_override_pattern",
                     absl::StrCat("letter ", i + 1, " is none of M, *, - and E"));
      }
      kinds_[i] = letter == 'M'   ? LayerKind::kRecurrent
                  : letter == '*' ? LayerKind::kFull
                                  : LayerKind::kNone;
    }
    return absl::OkStatus();
  }

  absl::Status KimiLinearKinds() {
    const JsonValue* linear = text_.Find("linear_attn_config");
    const JsonValue* list = linear == nullptr ? nullptr : linear->Find("kda_layers");
    if (list == nullptr) return Wrong("linear_attn_config/kda_layers", "missing");
    for (const JsonValue& item : list->items) {
      const double layer = item.number;  // counted from 1
      if (!(layer >= 1) || layer > static_cast<double>(kinds_.size())) {
        return Wrong("linear_attn_config/kda_layers", "names a layer that does not exist");
      }
      kinds_[static_cast<std::size_t>(layer) - 1] = LayerKind::kRecurrent;
    }
    return absl::OkStatus();
  }

  // Every `period`-th layer is full, the others are of another kind.
  void Every(int period, LayerKind others) {
    if (period < 1) return;
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      if ((i + 1) % static_cast<std::size_t>(period) != 0) kinds_[i] = others;
    }
  }

  void UsualKinds() {
    const std::string& type = out_.model_type;
    if (const std::optional<int> interval = CountOf({"full_attention_interval"});
        interval.value_or(0) > 0 && CountOf({"linear_num_value_heads"})) {
      return Every(*interval, LayerKind::kRecurrent);
    }
    if (type == "qwen3_next" || type.substr(0, 7) == "qwen3_5") {
      return Every(4, LayerKind::kRecurrent);
    }
    if (type == "mamba" || type == "mamba2" || type == "falcon_mamba" ||
        type.substr(0, 4) == "rwkv") {
      return std::fill(kinds_.begin(), kinds_.end(), LayerKind::kRecurrent);
    }
    if (type == "falcon_h1") return std::fill(kinds_.begin(), kinds_.end(), LayerKind::kBoth);
    if (type == "jamba") return Jamba();
    if (const JsonValue* list = text_.Find("attn_layer_indices");
        list != nullptr && list->is_array()) {  // Bamba
      return Listed(*list, LayerKind::kRecurrent);
    }
    if (const JsonValue* list = text_.Find("full_attn_idxs"); list != nullptr && list->is_array()) {
      return Listed(*list, LayerKind::kRecurrent);  // LFM2
    }
    if (const JsonValue* list = text_.Find("attn_type_list"); list != nullptr) {
      for (std::size_t i = 0; i < kinds_.size() && i < list->items.size(); ++i) {
        if (list->items[i].number == 0) kinds_[i] = LayerKind::kRecurrent;  // MiniMax-01
      }
      return;
    }
    if (const JsonValue* list = text_.Find("hybrid_layer_pattern"); list != nullptr) {
      for (std::size_t i = 0; i < kinds_.size() && i < list->items.size(); ++i) {
        if (list->items[i].number == 1) kinds_[i] = LayerKind::kWindow;  // MiMo-V2
      }
      return;
    }
    if (window_ > 0) UsualWindows();
  }

  void Jamba() {
    const int period = CountOf({"attn_layer_period"}).value_or(8);
    const int offset = CountOf({"attn_layer_offset"}).value_or(4);
    for (std::size_t i = 0; i < kinds_.size() && period > 0; ++i) {
      if (static_cast<int>(i) % period != offset) kinds_[i] = LayerKind::kRecurrent;
    }
  }

  void Listed(const JsonValue& full, LayerKind others) {
    std::fill(kinds_.begin(), kinds_.end(), others);
    for (const JsonValue& item : full.items) {
      if (item.kind == JsonValue::Kind::kNumber && item.number >= 0 &&
          item.number < static_cast<double>(kinds_.size())) {
        kinds_[static_cast<std::size_t>(item.number)] = LayerKind::kFull;
      }
    }
  }

  void UsualWindows() {
    const std::string& type = out_.model_type;
    if (const std::optional<int> pattern =
            CountOf({"sliding_window_pattern", "_sliding_window_pattern"});
        pattern.value_or(0) > 0) {
      return Every(*pattern, LayerKind::kWindow);
    }
    if (type.substr(0, 6) == "llama4") return ChunkedLayers();
    if (type.substr(0, 6) == "gemma3")
      return Every(type.substr(0, 7) == "gemma3n" ? 5 : 6, LayerKind::kWindow);
    if (type == "gemma2" || type == "gpt_oss") return Every(2, LayerKind::kWindow);
    if (type == "cohere2" || type == "exaone4" || type == "olmo3") {
      return Every(4, LayerKind::kWindow);
    }
    if (IgnoresWindow(type) || text_.Flag("use_sliding_window") == false) return;
    if (text_.Find("use_sliding_window") == nullptr || text_.Flag("use_sliding_window") == true) {
      out_.warnings.push_back(absl::StrCat("which layers keep only their window of ", window_,
                                           " tokens is not stated: all are planned to keep the "
                                           "whole context"));
    }
  }

  // Llama 4: layers with rotary positions see their chunk only.
  void ChunkedLayers() {
    if (const JsonValue* list = text_.Find("no_rope_layers");
        list != nullptr && list->items.size() >= kinds_.size()) {
      for (std::size_t i = 0; i < kinds_.size(); ++i) {
        if (list->items[i].number == 1) kinds_[i] = LayerKind::kWindow;
      }
      return;
    }
    Every(CountOf({"no_rope_layer_interval"}).value_or(4), LayerKind::kWindow);
  }

  // ---------------------------------------------------------------- caches

  // Recurrent state of one layer and sequence: 32-bit numbers.
  double StateBytes() const {
    constexpr double kBytes = 4;
    const catalog::Architecture& shape = out_.shape;
    const auto count = [&](std::initializer_list<std::string_view> keys) {
      return static_cast<double>(CountOf(keys).value_or(0));
    };
    if (const double heads = count({"linear_num_value_heads"}); heads > 0) {  // gated delta rule
      const double keys = count({"linear_key_head_dim"});
      const double values = count({"linear_value_head_dim"});
      const double mixed = 2 * count({"linear_num_key_heads"}) * keys + heads * values;
      return kBytes *
             (heads * keys * values + std::max(0.0, count({"linear_conv_kernel_dim"}) - 1) * mixed);
    }
    if (const JsonValue* linear = text_.Find("linear_attn_config"); linear != nullptr) {  // KDA
      const double heads = Count(linear->Number("num_heads")).value_or(0);
      const double dim = Count(linear->Number("head_dim")).value_or(0);
      const double kernel = Count(linear->Number("short_conv_kernel_size")).value_or(1);
      return kBytes * (heads * dim * dim + 3 * std::max(0.0, kernel - 1) * heads * dim);
    }
    if (out_.model_type == "minimax") {  // lightning attention
      return kBytes * shape.heads * std::pow(shape.head_dim.value_or(0), 2);
    }
    if (const double length = count({"conv_L_cache"}); length > 0) {
      return kBytes * shape.hidden_size * (length - 1);
    }
    if (out_.model_type.substr(0, 4) == "rwkv") {
      const double head = count({"head_dim", "head_size"});
      return kBytes * shape.hidden_size * (head + 2);
    }
    const double heads = count({"mamba_num_heads", "mamba_n_heads", "num_heads"});
    const double dim = count({"mamba_head_dim", "mamba_d_head"});
    const double state = count({"ssm_state_size", "mamba_d_state", "state_size"});
    const double groups = count({"n_groups", "mamba_n_groups", "mamba_ngroups"});
    const double kernel = count({"conv_kernel", "mamba_d_conv", "mamba_conv_kernel"});
    double inner = heads * dim;
    if (inner == 0) inner = count({"mamba_d_ssm", "intermediate_size"});
    if (out_.model_type == "jamba") inner = count({"mamba_expand"}) * shape.hidden_size;
    const double mixed = inner + (out_.model_type == "jamba" ? 0 : 2 * groups * state);
    return kBytes * (inner * state + std::max(0.0, kernel - 1) * mixed);
  }

  // Key and value cells of one attending layer.
  std::pair<double, double> Cells(LayerKind kind) const {
    const catalog::Architecture& shape = out_.shape;
    if (shape.is_mla()) {
      return {static_cast<double>(*shape.kv_lora_rank) + shape.qk_rope_head_dim.value_or(0) +
                  shape.index_head_dim.value_or(0),
              0};
    }
    double heads = shape.kv_heads;
    double keys = shape.head_dim.value_or(0);
    std::optional<int> values = CountOf({"v_head_dim"});
    if (kind == LayerKind::kWindow) {
      heads = CountOf({"swa_num_key_value_heads"}).value_or(shape.kv_heads);
      keys = CountOf({"swa_head_dim"}).value_or(shape.head_dim.value_or(0));
      if (const std::optional<int> own = CountOf({"swa_v_head_dim"})) values = own;
    } else if (shape.global_head_dim) {
      heads = CountOf({"num_global_key_value_heads"}).value_or(shape.kv_heads);
      keys = *shape.global_head_dim;
    }
    return {heads * keys, heads * values.value_or(static_cast<int>(keys))};
  }

  absl::Status Caches() {
    catalog::Architecture& shape = out_.shape;
    const int shared = CountOf({"num_kv_shared_layers"}).value_or(0);
    const int own = std::max(0, shape.layers - shared);
    bool complete = true;
    std::vector<LayerCache> caches;
    for (int i = 0; i < shape.layers; ++i) {
      const LayerKind kind = kinds_[static_cast<std::size_t>(i)];
      LayerCache cache;
      cache.windowed = kind == LayerKind::kWindow;
      if (kind == LayerKind::kRecurrent || kind == LayerKind::kBoth) {
        cache.state_bytes = StateBytes();
        if (!(cache.state_bytes > 0) || cache.state_bytes > 1e12) {
          return Wrong("", absl::StrCat("layer ", i,
                                        " is recurrent and the config does not say "
                                        "how large its state is"));
        }
      }
      const bool attends = kind != LayerKind::kRecurrent && kind != LayerKind::kNone;
      if (attends && i < own) {
        const auto [keys, values] = Cells(kind);
        complete = complete && keys > 0;
        if (!Count(keys) || !Count(values)) {
          return Wrong("num_key_value_heads", "heads and widths that make no cache");
        }
        cache.key_cells_per_token = static_cast<int>(keys);
        cache.value_cells_per_token = static_cast<int>(values);
      }
      caches.push_back(cache);
    }
    if (complete) out_.cache = std::move(caches);
    Summary();
    return absl::OkStatus();
  }

  void Summary() {
    catalog::Architecture& shape = out_.shape;
    int full = 0;
    int windowed = 0;
    int recurrent = 0;
    for (LayerKind kind : kinds_) {
      full += kind == LayerKind::kFull || kind == LayerKind::kBoth ? 1 : 0;
      windowed += kind == LayerKind::kWindow ? 1 : 0;
      recurrent += kind == LayerKind::kRecurrent || kind == LayerKind::kBoth ? 1 : 0;
    }
    if (windowed > 0) {
      shape.sliding_window = window_ > 0 ? window_ : 4'096;
      if (out_.model_type.substr(0, 6) == "llama4" && window_ == 0) shape.sliding_window = 8'192;
      shape.attention = out_.model_type.substr(0, 6) == "llama4" ? AttentionKind::kChunked
                                                                 : AttentionKind::kSliding;
      shape.full_attention_layers = full;
    }
    if (recurrent > 0) {
      const bool delta = CountOf({"linear_num_value_heads"}) ||
                         text_.Find("linear_attn_config") != nullptr ||
                         out_.model_type.substr(0, 4) == "rwkv" || out_.model_type == "minimax";
      shape.attention = delta ? AttentionKind::kHybridDeltaNet : AttentionKind::kHybridMamba2;
      shape.recurrent_layers = recurrent;
      shape.full_attention_layers = full;
    }
  }

  const JsonValue& root_;
  const JsonValue& text_;
  const std::string& file_;
  Config out_;
  std::vector<LayerKind> kinds_;
  int window_ = 0;
};

}  // namespace

absl::StatusOr<Config> ReadConfig(const JsonValue& root, const std::string& file) {
  return Reader(root, file).Run();
}

}  // namespace capacity::modelfile
