#include "planner/modelfile/config.h"

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <map>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/modelfile/composed.h"
#include "planner/modelfile/decoder_types.h"
#include "planner/modelfile/shown_text.h"

namespace capacity::modelfile {
namespace {

using catalog::AttentionKind;
using catalog::LayerCache;

constexpr int kMostLayers = 4'096;

std::string Words(std::string_view text) {
  constexpr std::size_t kMost = 120;
  return Printable(text, kMost);
}

// The text decoder's object of a config that also describes towers.
const JsonValue& TextPart(const JsonValue& root) {
  for (const char* key : {"text_config", "llm_config", "language_config"}) {
    const JsonValue* part = root.Find(key);
    if (part != nullptr && part->is_object()) return *part;
  }
  // Qwen's Omni models: one that thinks, whose text is planned, and one that talks.
  const JsonValue* thinker = root.Find("thinker_config");
  if (thinker == nullptr || !thinker->is_object()) return root;
  const JsonValue* part = thinker->Find("text_config");
  return part != nullptr && part->is_object() ? *part : *thinker;
}

// The members of an object by their names: a stranger's object may have a million.
class Fields {
 public:
  explicit Fields(const JsonValue& object) {
    for (std::size_t i = 0; i < object.keys.size() && i < object.items.size(); ++i) {
      by_name_[object.keys[i]] = &object.items[i];
    }
  }

  bool Has(std::string_view key) const { return by_name_.count(key) > 0; }
  // Null where there is none, and where it is null.
  const JsonValue* Find(std::string_view key) const {
    const auto held = by_name_.find(key);
    if (held == by_name_.end() || held->second->kind == JsonValue::Kind::kNull) return nullptr;
    return held->second;
  }

 private:
  std::map<std::string_view, const JsonValue*> by_name_;
};

// A count, or the largest of a list of them; 0 for a count below 0 (some configs write -1 for
// "none"). Nullopt for what is neither.
std::optional<int> CountIn(const JsonValue& value) {
  if (value.kind == JsonValue::Kind::kNumber) {
    return value.number < 0 ? 0 : Count(value.number);
  }
  if (!value.is_array()) return std::nullopt;
  std::optional<int> most;
  for (std::size_t i = 0; i < value.items.size() && i < kMostLayers; ++i) {
    const JsonValue& item = value.items[i];
    if (item.kind != JsonValue::Kind::kNumber) continue;
    const std::optional<int> count = Count(item.number);
    if (count && (!most || *count > *most)) most = count;
  }
  return most;
}

enum class LayerKind { kFull, kWindow, kRecurrent, kBoth, kNone };

class Reader {
 public:
  Reader(const JsonValue& root, const std::string& file)
      : root_(root), text_(TextPart(root)), fields_(text_), file_(file) {}

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

  // The first of the keys that the text part has, as a count. What a nested config leaves out has
  // its type's default; the first key is the one that defaults go by.
  std::optional<int> CountOf(std::initializer_list<std::string_view> keys) const {
    for (std::string_view key : keys) {
      const JsonValue* value = fields_.Find(key);
      if (value == nullptr) continue;
      if (const std::optional<int> count = CountIn(*value)) return count;
      if (value->kind == JsonValue::Kind::kNumber) return std::nullopt;
    }
    return Default(*keys.begin());
  }

  std::optional<int> Default(std::string_view key) const {
    if (fields_.Has(key)) return std::nullopt;  // null: expressly none
    const bool nested = &text_ != &root_;
    if (!nested && key != "head_dim") return std::nullopt;
    return DefaultOf(out_.model_type, key);
  }

  // The item for `layer` of the first key that holds a list.
  std::optional<int> ItemOf(std::initializer_list<std::string_view> keys, int layer) const {
    for (std::string_view key : keys) {
      const JsonValue* list = fields_.Find(key);
      const auto index = static_cast<std::size_t>(layer);
      if (list == nullptr || !list->is_array() || index >= list->items.size()) continue;
      if (list->items[index].kind == JsonValue::Kind::kNumber) return CountIn(list->items[index]);
    }
    return std::nullopt;
  }

  // DBRX and MPT keep some fields in objects of their own.
  std::optional<int> CountWithin(std::string_view object, std::string_view key) const {
    const JsonValue* held = fields_.Find(object);
    const JsonValue* value = held == nullptr ? nullptr : held->Find(key);
    return value == nullptr ? std::nullopt : CountIn(*value);
  }

  absl::Status Identify() {
    if (!root_.is_object()) return Wrong("", "no JSON object; a model's config.json was expected");
    if (const JsonValue* names = root_.Find("architectures");
        names != nullptr && !names->items.empty() &&
        names->items[0].kind == JsonValue::Kind::kString) {
      out_.architecture = Words(names->items[0].text);
    }
    out_.model_type = Words(text_.Text("model_type"));
    if (out_.model_type.empty()) {
      out_.model_type = Words(root_.Text("model_type"));
      const std::string_view inside = TextTypeOf(out_.model_type);
      if (&text_ != &root_ && !inside.empty()) out_.model_type = inside;
    }
    if (out_.model_type.empty()) {
      return Wrong("model_type", "missing; a text model's config states it, for example \"qwen3\"");
    }
    out_.whole_type = Words(root_.Text("model_type"));
    if (out_.whole_type.empty()) out_.whole_type = out_.model_type;
    if (out_.architecture.empty()) out_.architecture = out_.model_type;
    if (absl::Status status = CheckDecodes(); !status.ok()) return status;
    out_.known = KnowsCaches(out_.model_type);
    out_.name = Words(root_.Text("_name_or_path"));
    for (const char* key :
         {"max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length",
          "seq_length", "model_max_length", "max_context_length", "context_length", "n_ctx"}) {
      const JsonValue* length = fields_.Find(key);
      if (length == nullptr || !(length->number > 0) || length->number > 1e9) continue;
      out_.max_context = static_cast<std::int64_t>(length->number);
      break;
    }
    if (!out_.max_context) out_.max_context = Default("max_position_embeddings");
    return absl::OkStatus();
  }

  absl::Status CheckDecodes() const {
    std::string_view other = NoDecoder(out_.model_type);
    if (other.empty() && text_.Flag("is_encoder_decoder") == true) other = NoDecoder("t5");
    if (other.empty() && text_.Flag("use_bidirectional_attention") == true) {
      other = NoDecoder("bert");  // EmbeddingGemma
    }
    if (other.empty()) return absl::OkStatus();
    return Wrong("model_type", absl::StrCat("\"", out_.model_type, "\" is ", std::string(other)));
  }

  absl::Status Quantization() {
    absl::StatusOr<QuantScheme> scheme = ReadQuantScheme(root_, text_, file_);
    if (!scheme.ok()) return scheme.status();
    out_.quant = *std::move(scheme);
    return absl::OkStatus();
  }

  // ---------------------------------------------------------------- shape

  absl::Status Shape() {
    catalog::Architecture& shape = out_.shape;
    const std::optional<int> layers = CountOf(
        {"num_hidden_layers", "n_layer", "num_layers", "n_layers", "num_transformer_layers"});
    if (!layers || *layers < 1 || *layers > kMostLayers) {
      return Wrong("num_hidden_layers",
                   absl::StrCat("missing or no count from 1 to ", kMostLayers));
    }
    shape.layers = *layers;
    for (const char* key :
         {"hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim"}) {
      const JsonValue* value = fields_.Find(key);
      if (value != nullptr && !CountIn(*value)) return Wrong(key, "no count; a whole number is");
    }
    shape.hidden_size =
        CountOf({"hidden_size", "n_embd", "n_embed", "d_model", "dim", "model_dim"}).value_or(0);
    shape.heads =
        CountOf({"num_attention_heads", "n_head", "n_heads", "attention_heads", "num_query_heads"})
            .value_or(out_.model_type == "gpt_neo" ? CountOf({"num_heads"}).value_or(0) : 0);
    shape.kv_heads = KvHeads(shape.heads);
    if (out_.model_type.substr(0, 5) == "zamba") {  // twice as wide as the model
      shape.head_dim = CountOf({"attention_head_dim"});
    }
    if (!shape.head_dim) {
      shape.head_dim = CountOf({"head_dim", "kv_channels", "attention_head_dim"});
    }
    if (!shape.head_dim && shape.heads > 0) shape.head_dim = shape.hidden_size / shape.heads;
    if (shape.head_dim == 0) shape.head_dim.reset();
    shape.global_head_dim = CountOf({"global_head_dim"});
    if (shape.global_head_dim == 0) shape.global_head_dim.reset();
    shape.ffn_size =
        CountOf({"intermediate_size", "ffn_dim", "n_inner", "ffn_hidden_size", "block_ff_dim"});
    if (!shape.ffn_size) shape.ffn_size = CountWithin("ffn_config", "ffn_hidden_size");
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
    const bool one_for_all = text_.Flag("multi_query").value_or(false);
    if (out_.model_type == "falcon") {
      // Its num_kv_heads counts in the new architecture only.
      if (text_.Flag("new_decoder_architecture").value_or(false)) {
        return CountOf({"num_kv_heads", "n_head_kv"}).value_or(heads);
      }
      return one_for_all ? 1 : heads;
    }
    if (out_.model_type == "gpt_bigcode") return one_for_all ? 1 : heads;
    if (out_.model_type == "chatglm") {
      return text_.Flag("multi_query_attention").value_or(false)
                 ? CountOf({"multi_query_group_num"}).value_or(heads)
                 : heads;
    }
    if (const std::optional<int> stated =
            CountOf({"num_key_value_heads", "num_kv_heads", "n_head_kv", "multi_query_group_num",
                     "num_query_groups"})) {
      return *stated;
    }
    if (const std::optional<int> stated = CountWithin("attn_config", "kv_n_heads")) return *stated;
    return one_for_all ? 1 : heads;
  }

  absl::Status Experts() {
    catalog::Architecture& shape = out_.shape;
    shape.experts = CountOf({"num_local_experts", "num_experts", "n_routed_experts",
                             "moe_num_experts", "num_routed_experts"})
                        .value_or(CountWithin("ffn_config", "moe_num_experts").value_or(0));
    if (shape.experts <= 1) {
      shape.experts = 0;
      return absl::OkStatus();
    }
    shape.experts_per_token =
        CountOf({"num_experts_per_tok", "num_experts_per_token", "moe_topk", "moe_k",
                 "top_k_experts", "moe_top_k", "num_selected_experts", "experts_per_token"})
            .value_or(CountWithin("ffn_config", "moe_top_k").value_or(0));
    if (shape.experts_per_token <= 0 || shape.experts_per_token > shape.experts) {
      out_.warnings.push_back(
          "how many experts a token passes is not stated: all are taken to be read");
      shape.experts_per_token = shape.experts;
    }
    shape.expert_ffn_size = CountOf({"moe_intermediate_size", "expert_ffn_size"});
    if (!shape.expert_ffn_size) shape.expert_ffn_size = shape.ffn_size;
    const std::optional<int> shared = CountOf(
        {"n_shared_experts", "num_shared_experts", "num_shared_expert", "moe_num_shared_experts"});
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
    window_ = CountOf({"sliding_window", "sliding_window_size", "attention_chunk_size",
                       "attention_window_size"})
                  .value_or(0);
    for (const char* key : {"layer_types", "layers_block_type"}) {
      if (const JsonValue* list = text_.Find(key); list != nullptr && list->is_array()) {
        return StatedKinds(key, *list);
      }
    }
    if (const std::string_view pattern = text_.Text("hybrid_override_pattern"); !pattern.empty()) {
      return LetteredKinds(pattern);
    }
    if (out_.model_type == "kimi_linear") return KimiLinearKinds();
    if (out_.model_type == "recurrent_gemma") return GriffinKinds();
    if (const JsonValue* blocks = fields_.Find("block_configs");
        blocks != nullptr && blocks->is_array()) {
      return SearchedKinds(*blocks);
    }
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

  // RecurrentGemma: a few names, over and over; its attention sees a window.
  absl::Status GriffinKinds() {
    const JsonValue* list = fields_.Find("block_types");
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      const bool attends = list != nullptr && !list->items.empty()
                               ? list->items[i % list->items.size()].text == "attention"
                               : i % 3 == 2;
      kinds_[i] = attends ? LayerKind::kWindow : LayerKind::kRecurrent;
    }
    return absl::OkStatus();
  }

  // Nemotron-NAS: each block was searched for, and may lack its attention or all.
  absl::Status SearchedKinds(const JsonValue& blocks) {
    if (blocks.items.size() < kinds_.size()) {
      return Wrong("block_configs",
                   absl::StrCat(blocks.items.size(), " items for ", kinds_.size(), " layers"));
    }
    for (std::size_t i = 0; i < kinds_.size(); ++i) {
      const JsonValue* attention = blocks.items[i].Find("attention");
      if (attention == nullptr) continue;
      const bool none = attention->Flag("no_op").value_or(false);
      const bool linear = attention->Flag("replace_with_linear").value_or(false);
      if (none || linear) kinds_[i] = LayerKind::kNone;
      const JsonValue* ffn = blocks.items[i].Find("ffn");
      if (none && ffn != nullptr && ffn->Flag("no_op").value_or(false)) empty_.insert(i);
      const int shared = Count(attention->Number("n_heads_in_group")).value_or(0);
      if (shared > 0) kv_heads_of_[i] = out_.shape.heads / shared;
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
    if (IsLightning()) return kBytes * shape.heads * std::pow(shape.head_dim.value_or(0), 2);
    if (const double length = count({"conv_L_cache"}); length > 0) {
      return kBytes * shape.hidden_size * (length - 1);
    }
    if (out_.model_type == "rwkv") {  // version 4: two shifts, and three sums of the attention's
      const double width = count({"attention_hidden_size"});
      return kBytes * (2.0 * shape.hidden_size + 3 * (width > 0 ? width : shape.hidden_size));
    }
    if (out_.model_type.substr(0, 4) == "rwkv") {
      const double head = count({"head_dim", "head_size"});
      return kBytes * shape.hidden_size * (head + 2);
    }
    if (out_.model_type == "recurrent_gemma") {  // RG-LRU and its convolution
      const double width = count({"lru_width"});
      return kBytes * (width > 0 ? width : shape.hidden_size) *
             CountOf({"conv1d_width"}).value_or(4);
    }
    return MambaBytes();
  }

  double MambaBytes() const {
    constexpr double kBytes = 4;
    const auto count = [&](std::initializer_list<std::string_view> keys) {
      return static_cast<double>(CountOf(keys).value_or(0));
    };
    const std::string& type = out_.model_type;
    const bool first = type == "mamba" || type == "falcon_mamba" || type == "jamba";
    const double state = count({"ssm_state_size", "mamba_d_state", "state_size"});
    const double groups = first ? 0 : count({"n_groups", "mamba_n_groups", "mamba_ngroups"});
    const double kernel = count({"conv_kernel", "mamba_d_conv", "mamba_conv_kernel"});
    const double inner = MambaWidth(first);
    return kBytes * (inner * state + std::max(0.0, kernel - 1) * (inner + 2 * groups * state));
  }

  // Channels of the state space. `first`: Mamba 1, which has no heads.
  double MambaWidth(bool first) const {
    const auto count = [&](std::initializer_list<std::string_view> keys) {
      return static_cast<double>(CountOf(keys).value_or(0));
    };
    if (!first) {
      const double heads =
          count({"mamba_num_heads", "mamba_n_heads", "n_mamba_heads", "num_heads"});
      const double dim = out_.model_type == "mamba2"
                             ? count({"head_dim"})
                             : count({"mamba_head_dim", "mamba_d_head", "mamba_headdim"});
      if (heads * dim > 0) return heads * dim;
      if (const double stated = count({"mamba_d_ssm"}); stated > 0) return stated;
    }
    const JsonValue* expand = fields_.Find("expand");
    if (expand == nullptr) expand = fields_.Find("mamba_expand");
    if (expand != nullptr && expand->number > 0 && expand->number < 1'000) {
      return std::floor(expand->number * out_.shape.hidden_size);
    }
    return count({"intermediate_size"});
  }

  bool IsLightning() const {
    return out_.model_type == "minimax" || out_.model_type == "minimax_text_01" ||
           out_.model_type == "minimax_m1";
  }

  // Key and value cells of one attending layer.
  std::pair<double, double> Cells(LayerKind kind, int layer) const {
    const catalog::Architecture& shape = out_.shape;
    if (shape.is_mla()) {
      return {static_cast<double>(*shape.kv_lora_rank) + shape.qk_rope_head_dim.value_or(0) +
                  shape.index_head_dim.value_or(0),
              0};
    }
    double heads = shape.kv_heads;
    double keys = shape.head_dim.value_or(0);
    std::optional<int> values = CountOf({"v_head_dim"});
    if (values == 0) values.reset();  // DeepSeek-VL2's small ones, which have no latent attention
    if (const auto own = kv_heads_of_.find(static_cast<std::size_t>(layer));
        own != kv_heads_of_.end()) {
      heads = own->second;
    } else if (const std::optional<int> item =
                   ItemOf({"num_key_value_heads", "num_kv_heads"}, layer)) {
      heads = *item;
    }
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
    const bool recurrent = std::any_of(kinds_.begin(), kinds_.end(), IsRecurrent);
    double state = recurrent ? StateBytes() : 0;
    if (absl::Status status = CheckState(recurrent, state); !status.ok()) return status;
    for (int i = 0; i < shape.layers; ++i) {
      const LayerKind kind = kinds_[static_cast<std::size_t>(i)];
      LayerPlan layer;
      layer.cache.windowed = kind == LayerKind::kWindow;
      if (IsRecurrent(kind)) layer.cache.state_bytes = state;
      layer.attends = kind != LayerKind::kRecurrent && kind != LayerKind::kNone && i < own;
      layer.heads = ItemOf({"num_attention_heads", "num_query_heads"}, i).value_or(shape.heads);
      layer.may_be_empty = empty_.count(static_cast<std::size_t>(i)) > 0;
      if (layer.attends) {
        const auto [keys, values] = Cells(kind, i);
        if (!Count(keys) || !Count(values)) {
          return Wrong("num_key_value_heads", "heads and widths that make no cache");
        }
        layer.cache.key_cells_per_token = static_cast<int>(keys);
        layer.cache.value_cells_per_token = static_cast<int>(values);
      }
      out_.layers.push_back(layer);
    }
    Summary();
    return absl::OkStatus();
  }

  static bool IsRecurrent(LayerKind kind) {
    return kind == LayerKind::kRecurrent || kind == LayerKind::kBoth;
  }

  // Puts `state` to 0 where an unknown architecture does not tell it.
  absl::Status CheckState(bool recurrent, double& state) {
    if (!recurrent) return absl::OkStatus();
    const bool makes_one = state > 0 && state <= 1e12;
    if (makes_one && !out_.known) {
      out_.warnings.push_back(
          "the state of its recurrent layers is worked out from its fields as other architectures' "
          "is; how large this one's is, is not known");
    }
    if (makes_one) return absl::OkStatus();
    if (out_.known || state > 0) {
      return Wrong(
          "", absl::StrCat("layer ",
                           std::find_if(kinds_.begin(), kinds_.end(), IsRecurrent) - kinds_.begin(),
                           " is recurrent and the config does not say how large its "
                           "state is"));
    }
    out_.warnings.push_back(
        "how large the state of its recurrent layers is, is not known: it is planned as nothing");
    state = 0;
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
                         out_.model_type.substr(0, 4) == "rwkv" || IsLightning();
      shape.attention = delta ? AttentionKind::kHybridDeltaNet : AttentionKind::kHybridMamba2;
      shape.recurrent_layers = recurrent;
      shape.full_attention_layers = full;
    }
  }

  const JsonValue& root_;
  const JsonValue& text_;
  const Fields fields_;  // of text_
  const std::string& file_;
  Config out_;
  std::vector<LayerKind> kinds_;
  std::set<std::size_t> empty_;             // layers made without tensors
  std::map<std::size_t, int> kv_heads_of_;  // of the layers that state their own
  int window_ = 0;
};

}  // namespace

absl::StatusOr<Config> ReadConfig(const JsonValue& root, const std::string& file) {
  return Reader(root, file).Run();
}

}  // namespace capacity::modelfile
