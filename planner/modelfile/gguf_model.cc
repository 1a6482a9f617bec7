// A GGUF as a model: docs/models.md.
#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdio>
#include <functional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "planner/modelfile/composed.h"
#include "planner/modelfile/gguf.h"
#include "planner/modelfile/shown_text.h"

namespace capacity::modelfile {
namespace {

using catalog::AttentionKind;
using catalog::LayerCache;
using Kind = TensorClass;

// Architectures whose layers' caches this file knows how to count (llama.cpp 0.7, llama-arch.cpp).
// Those with a cache of another kind (compressed, pooled) are left out and planned from tensors.
bool IsKnown(std::string_view architecture) {
  static const std::set<std::string_view> kKnown = {
      "llama",         "llama4",      "deci",          "falcon",         "baichuan",
      "grok",          "gpt2",        "gptj",          "gptneox",        "mpt",
      "starcoder",     "refact",      "bloom",         "stablelm",       "qwen",
      "qwen2",         "qwen2moe",    "qwen2vl",       "qwen3",          "qwen3moe",
      "qwen3next",     "qwen3vl",     "qwen3vlmoe",    "qwen35",         "qwen35moe",
      "phi2",          "phi3",        "phimoe",        "plamo",          "plamo2",
      "plamo3",        "codeshell",   "orion",         "internlm2",      "minicpm",
      "minicpm3",      "gemma",       "gemma2",        "gemma3",         "gemma3n",
      "gemma4",        "starcoder2",  "rwkv6",         "rwkv6qwen2",     "rwkv7",
      "arwkv7",        "mamba",       "mamba2",        "jamba",          "xverse",
      "command-r",     "cohere2",     "dbrx",          "olmo",           "olmo2",
      "olmoe",         "openelm",     "arctic",        "deepseek",       "deepseek2",
      "deepseek32",    "chatglm",     "glm4",          "glm4moe",        "glm-dsa",
      "bitnet",        "jais",        "nemotron",      "nemotron_h",     "nemotron_h_moe",
      "exaone",        "exaone4",     "exaone-moe",    "granite",        "granitemoe",
      "granitehybrid", "chameleon",   "plm",           "bailingmoe",     "bailingmoe2",
      "dots1",         "arcee",       "afmoe",         "ernie4_5",       "ernie4_5-moe",
      "falcon-h1",     "hunyuan-moe", "hunyuan-dense", "smollm3",        "gpt-oss",
      "lfm2",          "lfm2moe",     "smallthinker",  "seed_oss",       "grovemoe",
      "apertus",       "minimax-m2",  "cogvlm",        "pangu-embedded", "mistral3",
      "mistral4",      "mimo2",       "step35",        "kimi-linear",
  };
  return kKnown.count(architecture) > 0;
}

// Files that hold no decoder, and what they are.
std::string_view NoTextModel(std::string_view architecture, std::string_view type) {
  if (type == "adapter") return "a LoRA adapter, not a model; name the model it belongs to";
  if (type == "mmproj" || architecture == "clip") {
    return "a projector for images or sound, not a text model; name the model it belongs to";
  }
  if (type == "imatrix") return "an importance matrix, not a model";
  static const std::set<std::string_view> kEncoders = {
      "bert",      "modern-bert",     "nomic-bert",       "nomic-bert-moe",
      "neo-bert",  "jina-bert-v2",    "jina-bert-v3",     "eurobert",
      "t5encoder", "gemma-embedding", "gemma-embedding2", "wavtokenizer-dec"};
  if (architecture == "t5") {
    return "an encoder with a decoder; only models that are decoders alone are planned";
  }
  return kEncoders.count(architecture) > 0 ? "an encoder, which generates no tokens" : "";
}

// How many layers share one that sees the whole context, by architecture (llama.cpp 0.7,
// llama-model.cpp and models/). `last`: which of the group it is.
struct WindowPattern {
  int period = 1;
  bool full_is_last = true;
};
std::optional<WindowPattern> PatternOf(std::string_view architecture) {
  if (architecture == "gemma2" || architecture == "gpt-oss") return WindowPattern{2, true};
  if (architecture == "gemma3") return WindowPattern{6, true};
  if (architecture == "gemma3n") return WindowPattern{5, true};
  if (architecture == "cohere2" || architecture == "llama4" || architecture == "exaone4" ||
      architecture == "exaone-moe" || architecture == "olmo2" || architecture == "afmoe") {
    return WindowPattern{4, true};
  }
  if (architecture == "smallthinker") return WindowPattern{4, false};
  return std::nullopt;
}

// Windows in the file that llama.cpp does not use: every layer keeps the whole context.
bool IgnoresWindow(std::string_view architecture) {
  return architecture == "phi3" || architecture == "phimoe" || architecture == "llama" ||
         architecture == "qwen2" || architecture == "qwen2moe" || architecture == "qwen3" ||
         architecture == "qwen3moe" || architecture == "starcoder2";
}

// general.file_type (llama.h, llama_ftype): what the file's maker called its mixture.
struct FileType {
  int number;
  std::string_view name;
  std::string_view id;    // of the catalogue's quantization; "": none
  std::string_view main;  // type of most of its matrices
};
constexpr FileType kFileTypes[] = {
    {0, "F32", "", "F32"},
    {1, "F16", "f16", "F16"},
    {2, "Q4_0", "q4_0", "Q4_0"},
    {3, "Q4_1", "q4_1", "Q4_1"},
    {7, "Q8_0", "q8_0", "Q8_0"},
    {8, "Q5_0", "q5_0", "Q5_0"},
    {9, "Q5_1", "q5_1", "Q5_1"},
    {10, "Q2_K - Medium", "q2_k", "Q2_K"},
    {11, "Q3_K - Small", "q3_k_s", "Q3_K"},
    {12, "Q3_K - Medium", "q3_k_m", "Q3_K"},
    {13, "Q3_K - Large", "q3_k_l", "Q3_K"},
    {14, "Q4_K - Small", "q4_k_s", "Q4_K"},
    {15, "Q4_K - Medium", "q4_k_m", "Q4_K"},
    {16, "Q5_K - Small", "q5_k_s", "Q5_K"},
    {17, "Q5_K - Medium", "q5_k_m", "Q5_K"},
    {18, "Q6_K", "q6_k", "Q6_K"},
    {19, "IQ2_XXS", "iq2_xxs", "IQ2_XXS"},
    {20, "IQ2_XS", "iq2_xs", "IQ2_XS"},
    {21, "Q2_K - Small", "q2_k_s", "Q2_K"},
    {22, "IQ3_XS", "iq3_xs", "IQ3_XXS"},
    {23, "IQ3_XXS", "iq3_xxs", "IQ3_XXS"},
    {24, "IQ1_S", "iq1_s", "IQ1_S"},
    {25, "IQ4_NL", "iq4_nl", "IQ4_NL"},
    {26, "IQ3_S", "iq3_s", "IQ3_S"},
    {27, "IQ3_M", "iq3_m", "IQ3_S"},
    {28, "IQ2_S", "iq2_s", "IQ2_XS"},
    {29, "IQ2_M", "iq2_m", "IQ2_S"},
    {30, "IQ4_XS", "iq4_xs", "IQ4_XS"},
    {31, "IQ1_M", "iq1_m", "IQ1_M"},
    {32, "BF16", "bf16", "BF16"},
    {36, "TQ1_0", "", "TQ1_0"},
    {37, "TQ2_0", "", "TQ2_0"},
    {38, "MXFP4 experts", "mxfp4", "MXFP4"},
    {39, "NVFP4", "", "NVFP4"},
    {40, "Q1_0", "", "Q1_0"},
    {41, "Q2_0", "", "Q2_0"},
};

std::string Lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return out;
}

// What the tensors of one layer are.
struct LayerTensors {
  bool recurrent = false;
  bool delta_rule = false;  // linear attention, not a state space
  bool keys = false;        // attn_k and its kind
  bool fused = false;       // attn_qkv
  bool latent = false;      // attn_kv_a_mqa
  bool absorbed = false;    // attn_k_b: the latent vector itself is cached
  bool indexer = false;
  bool mlp = false;
  bool experts = false;
  std::optional<std::uint64_t> key_rows;
  std::optional<std::uint64_t> value_rows;
  std::optional<std::uint64_t> fused_rows;
};

// Collects the tensors of all parts, then reads the first part's metadata.
class GgufModel {
 public:
  void AddTensors(const GgufHeader& header) {
    for (const GgufTensor& tensor : header.tensors) AddTensor(tensor);
  }

  absl::StatusOr<FileFacts> Finish(const GgufHeader& header, const std::string& file) {
    header_ = &header;
    file_ = file;
    for (absl::Status (GgufModel::*step)() :
         {&GgufModel::Identify, &GgufModel::Shape, &GgufModel::Caches, &GgufModel::Quant}) {
      if (absl::Status status = (this->*step)(); !status.ok()) return status;
    }
    return std::move(facts_);
  }

 private:
  absl::Status Wrong(const std::string& what) const {
    return absl::InvalidArgumentError(absl::StrCat(file_, ": ", what));
  }

  void AddTensor(const GgufTensor& tensor) {
    const ClassifiedTensor seen = ClassifyGguf(tensor.name);
    facts_.Add(seen.kind, seen.layer, tensor.type->name, static_cast<double>(tensor.parameters),
               tensor.bytes);
    if (!seen.known) facts_.unknown_bytes += std::min(tensor.bytes, ~facts_.unknown_bytes);
    if (seen.kind == Kind::kEmbedding && tensor.shape.size() == 2) {
      embedding_rows_ = tensor.shape[1];
      embedding_width_ = tensor.shape[0];
    }
    if (seen.layer < 0) return;
    LayerTensors& layer = layers_[seen.layer];
    std::string_view role = tensor.name;
    role.remove_prefix(std::min(role.size(), role.find('.', 4) + 1));  // behind "blk.12."
    const std::string_view word = role.substr(0, role.find('.'));
    const bool weight = role.substr(word.size()) == ".weight";
    const std::uint64_t rows = tensor.shape.size() >= 2 ? tensor.shape[1] : 0;
    layer.recurrent = layer.recurrent || seen.kind == Kind::kRecurrent;
    layer.mlp = layer.mlp || seen.kind == Kind::kMlp;
    layer.experts = layer.experts || seen.kind == Kind::kExperts;
    if (word == "ssm_ba" || word == "ssm_alpha" || word == "ssm_beta" || word == "ssm_f_a" ||
        word.substr(0, 8) == "time_mix") {
      layer.delta_rule = true;
    }
    if (word.substr(0, 7) == "indexer") layer.indexer = true;
    if (word == "attn_k_b") layer.absorbed = true;
    if (word == "attn_kv_a_mqa") layer.latent = true;
    if (word == "post_ffw_norm") has_post_norms_ = true;
    if (!weight) return;
    if (word == "attn_k") {
      layer.keys = true;
      layer.key_rows = rows;
    } else if (word == "attn_v") {
      layer.value_rows = rows;
    } else if (word == "attn_qkv") {
      layer.fused = true;
      layer.fused_rows = rows;
    } else if (word == "ffn_up_shexp") {
      shared_width_ = rows;
    } else if (word == "ffn_down_exps" && tensor.shape.size() == 3) {
      expert_width_ = tensor.shape[0];
      stored_experts_ = tensor.shape[2];
    } else if (word == "ffn_gate_exps" || word == "ffn_gate_up_exps") {
      gated_experts_ = true;
    }
  }

  std::string Key(std::string_view name) const {
    return absl::StrCat(facts_.architecture, ".", std::string(name));
  }
  std::optional<int> CountOf(std::string_view name) const {
    return Count(header_->Number(Key(name)));
  }

  // One number for each block: of an array the layer's own, of a scalar the same for all. Nullopt
  // when the file has no such key.
  absl::StatusOr<std::optional<std::vector<int>>> PerLayer(std::string_view name) const {
    const std::string key = Key(name);
    const std::optional<std::vector<double>> numbers = header_->Numbers(key);
    if (!numbers) return std::optional<std::vector<int>>();
    const auto blocks = static_cast<std::size_t>(blocks_);
    if (numbers->size() != 1 && numbers->size() < blocks) {
      return Wrong(absl::StrCat("metadata \"", key, "\" has ", numbers->size(), " items for ",
                                blocks, " blocks"));
    }
    std::vector<int> counts(blocks);
    for (std::size_t i = 0; i < blocks; ++i) {
      const double number = numbers->size() == 1 ? numbers->front() : (*numbers)[i];
      const std::optional<int> count = Count(number);
      if (!count) return Wrong(absl::StrCat("metadata \"", key, "\" is ", number, ", no count"));
      counts[i] = *count;
    }
    return std::optional<std::vector<int>>(std::move(counts));
  }

  absl::Status Identify() {
    facts_.form = FileForm::kGguf;
    facts_.architecture = std::string(header_->Text("general.architecture"));
    if (facts_.architecture.empty()) {
      return Wrong("metadata \"general.architecture\" is missing; llama.cpp needs it, too");
    }
    for (const char c : facts_.architecture) {
      const auto byte = static_cast<unsigned char>(c);
      if (byte <= 0x20 || byte >= 0x7f) {
        return Wrong("metadata \"general.architecture\" is no word of printable ASCII");
      }
    }
    const std::string_view other = NoTextModel(facts_.architecture, header_->Text("general.type"));
    if (!other.empty()) return Wrong(std::string(other));
    facts_.known_architecture = IsKnown(facts_.architecture);
    facts_.name = Word("general.name");
    facts_.license = Word("general.license");
    const std::string base = Word("general.basename");
    const std::string size = Word("general.size_label");
    const std::string finetune = Word("general.finetune");
    if (!base.empty()) {
      std::string name = base;
      if (!size.empty()) absl::StrAppend(&name, "-", size);
      if (!finetune.empty()) absl::StrAppend(&name, "-", finetune);
      facts_.other_names.push_back(std::move(name));
    }
    facts_.engines = {catalog::Engine::kLlamaCpp, catalog::Engine::kOllama};
    return absl::OkStatus();
  }

  std::string Word(std::string_view key) const {
    constexpr std::size_t kMost = 200;
    return Printable(header_->Text(key), kMost);
  }

  absl::Status Shape() {
    catalog::Architecture& shape = facts_.shape;
    const std::optional<int> blocks = CountOf("block_count");
    constexpr int kMostBlocks = 4'096;
    if (header_->metadata.count(Key("block_count")) > 0 && (!blocks || *blocks > kMostBlocks)) {
      return Wrong(
          absl::StrCat("metadata \"", Key("block_count"), "\" is no count up to ", kMostBlocks));
    }
    blocks_ = blocks.value_or(layers_.empty() ? 0 : layers_.rbegin()->first + 1);
    if (blocks_ <= 0 || blocks_ > kMostBlocks) {
      return Wrong(
          absl::StrCat("the file has ", blocks_, " blocks; a text model has 1 to ", kMostBlocks));
    }
    shape.mtp_layers = CountOf("nextn_predict_layers").value_or(0);
    if (shape.mtp_layers >= blocks_) {
      return Wrong(absl::StrCat("metadata \"", Key("nextn_predict_layers"), "\" is ",
                                shape.mtp_layers, " of ", blocks_, " blocks"));
    }
    shape.layers = blocks_ - shape.mtp_layers;
    if (!layers_.empty() && layers_.rbegin()->first >= blocks_) {
      return Wrong(absl::StrCat("metadata \"", Key("block_count"), "\" is ", blocks_,
                                "; the file holds tensors of block ", layers_.rbegin()->first,
                                ", counted from 0"));
    }
    shape.hidden_size = CountOf("embedding_length").value_or(Count(embedding_width_).value_or(0));
    shape.vocab = Vocabulary();
    facts_.max_context = header_->Integer(Key("context_length"));
    if (absl::Status status = Heads(); !status.ok()) return status;
    if (absl::Status status = FeedForward(); !status.ok()) return status;
    shape.norms_per_layer = has_post_norms_ ? 4 : 2;
    return absl::OkStatus();
  }

  // The embedding's rows: the tokenizer may know fewer or more words.
  int Vocabulary() const {
    if (embedding_rows_ > 0) return Count(embedding_rows_).value_or(0);
    if (const std::optional<int> stated = CountOf("vocab_size")) return *stated;
    const std::optional<std::uint64_t> tokens = header_->Length("tokenizer.ggml.tokens");
    return tokens ? Count(static_cast<double>(*tokens)).value_or(0) : 0;
  }

  absl::Status Heads() {
    catalog::Architecture& shape = facts_.shape;
    absl::StatusOr<std::optional<std::vector<int>>> heads = PerLayer("attention.head_count");
    if (!heads.ok()) return heads.status();
    absl::StatusOr<std::optional<std::vector<int>>> kv_heads = PerLayer("attention.head_count_kv");
    if (!kv_heads.ok()) return kv_heads.status();
    heads_ = std::move(*heads);
    kv_heads_ = *kv_heads ? std::move(*kv_heads) : heads_;
    if (heads_) shape.heads = *std::max_element(heads_->begin(), heads_->end());
    if (kv_heads_) shape.kv_heads = *std::max_element(kv_heads_->begin(), kv_heads_->end());
    const int by_width = shape.heads > 0 ? shape.hidden_size / shape.heads : 0;
    key_length_ = CountOf("attention.key_length").value_or(by_width);
    value_length_ = CountOf("attention.value_length").value_or(by_width);
    key_length_window_ = CountOf("attention.key_length_swa").value_or(key_length_);
    value_length_window_ = CountOf("attention.value_length_swa").value_or(value_length_);
    if (key_length_ > 0) shape.head_dim = key_length_;
    return absl::OkStatus();
  }

  // Every block has tensors but one that was made without attention and feed-forward (Nemotron).
  absl::Status CheckBlocks(const std::optional<std::vector<int>>& widths) const {
    for (int i = 0; i < facts_.shape.layers && !layers_.empty(); ++i) {
      const auto index = static_cast<std::size_t>(i);
      const bool empty = heads_ && widths && (*heads_)[index] == 0 && (*widths)[index] == 0;
      if (layers_.count(i) > 0 || empty) continue;
      return Wrong(absl::StrCat("metadata \"", Key("block_count"), "\" is ", blocks_,
                                "; the file holds no tensor of block ", i,
                                ", counted from 0 (a part of a model?)"));
    }
    return absl::OkStatus();
  }

  absl::Status FeedForward() {
    catalog::Architecture& shape = facts_.shape;
    absl::StatusOr<std::optional<std::vector<int>>> widths = PerLayer("feed_forward_length");
    if (!widths.ok()) return widths.status();
    if (absl::Status status = CheckBlocks(*widths); !status.ok()) return status;
    if (*widths) {
      double sum = 0;
      int blocks = 0;
      for (int width : **widths) {
        sum += width;
        blocks += width > 0 ? 1 : 0;
      }
      shape.ffn_size = blocks > 0 ? static_cast<int>(std::lround(sum / blocks)) : 0;
    }
    CountBlocks();
    shape.experts = CountOf("expert_count").value_or(0);
    if (stored_experts_ == 0) {
      shape.experts = 0;  // a dense model that states experts, or the other way round
    } else if (static_cast<std::uint64_t>(shape.experts) != stored_experts_) {
      if (shape.experts > 0) {
        return Wrong(absl::StrCat("metadata \"", Key("expert_count"), "\" is ", shape.experts,
                                  "; the tensors hold ", stored_experts_, " experts"));
      }
      shape.experts = Count(static_cast<double>(stored_experts_)).value_or(0);
    }
    if (shape.experts <= 0) return absl::OkStatus();
    shape.experts_per_token = CountOf("expert_used_count").value_or(0);
    if (shape.experts_per_token <= 0 || shape.experts_per_token > shape.experts) {
      facts_.warnings.push_back(
          "how many experts a token passes is not stated: all are taken to be read");
      shape.experts_per_token = shape.experts;
    }
    shape.expert_ffn_size = Count(static_cast<double>(expert_width_));
    shape.expert_matrices = gated_experts_ ? 3 : 2;
    shape.first_dense_layers = CountOf("leading_dense_block_count").value_or(0);
    shape.moe_layers = moe_blocks_;
    if (shared_width_ > 0) {
      shape.shared_experts = std::max(1, CountOf("expert_shared_count").value_or(1));
      shape.shared_expert_ffn = Count(static_cast<double>(shared_width_));
    }
    if (const std::optional<int> width = CountOf("moe_latent_size")) {
      if (*width > 0) shape.expert_input_size = *width;
    }
    constexpr int kSigmoid = 2;  // llama_expert_gating_func_type
    shape.balanced_routing = CountOf("expert_gating_func") == kSigmoid;
    return absl::OkStatus();
  }

  void CountBlocks() {
    int dense = 0;
    for (const auto& [index, layer] : layers_) {
      if (index >= facts_.shape.layers) continue;
      dense += layer.mlp ? 1 : 0;
      moe_blocks_ += layer.experts ? 1 : 0;
    }
    if (dense != facts_.shape.layers - moe_blocks_) facts_.shape.mlp_layers = dense;
  }

  // Recurrent state of one layer, in bytes: 32-bit numbers (llama.cpp 0.7, llama-hparams.cpp).
  double StateBytes() const {
    constexpr double kBytes = 4;
    const double hidden = facts_.shape.hidden_size;
    if (const int head = CountOf("wkv.head_size").value_or(0); head > 0) {
      const double shifts = CountOf("token_shift_count").value_or(2);
      return kBytes * (shifts * hidden + hidden * head);
    }
    if (const int length = CountOf("shortconv.l_cache").value_or(0); length > 0) {
      return kBytes * hidden * (length - 1);
    }
    const double kernel = std::max(0, CountOf("ssm.conv_kernel").value_or(0) - 1);
    if (const int head = CountOf("kda.head_dim").value_or(0); head > 0) {
      const double width = static_cast<double>(facts_.shape.heads) * head;
      return kBytes * (3 * kernel * width + width * head);
    }
    const double inner = CountOf("ssm.inner_size").value_or(0);
    const double state = CountOf("ssm.state_size").value_or(0);
    const double groups = CountOf("ssm.group_count").value_or(0);
    return kBytes * (kernel * (inner + 2 * groups * state) + state * inner);
  }

  // Which layers keep a window only; nullopt: none does.
  absl::StatusOr<std::optional<std::vector<bool>>> Windows() {
    using Answer = std::optional<std::vector<bool>>;
    const auto layers = static_cast<std::size_t>(facts_.shape.layers);
    std::optional<int> window = CountOf("attention.sliding_window");
    if (facts_.architecture == "llama4") {
      constexpr int kChunk = 8'192;  // tokens; the file does not state it
      if (window && *window == 0) return Answer();
      window = kChunk;
    } else if (facts_.architecture == "gemma2" && !window) {
      window = 4'096;
    }
    if (!window || *window == 0 || IgnoresWindow(facts_.architecture)) return Answer();
    std::vector<bool> windowed(layers, false);
    const std::optional<std::vector<double>> stated =
        header_->Numbers(Key("attention.sliding_window_pattern"));
    std::optional<WindowPattern> pattern = PatternOf(facts_.architecture);
    if (stated && stated->size() > 1) {
      if (stated->size() < layers) {
        return Wrong(absl::StrCat("metadata \"", Key("attention.sliding_window_pattern"), "\" has ",
                                  stated->size(), " items for ", layers, " layers"));
      }
      for (std::size_t i = 0; i < layers; ++i) windowed[i] = (*stated)[i] != 0;
    } else {
      if (stated && stated->front() >= 1 && stated->front() <= static_cast<double>(layers)) {
        pattern = WindowPattern{static_cast<int>(stated->front()), true};
      }
      if (!pattern) {
        facts_.warnings.push_back(
            absl::StrCat("which layers keep only their window of ", *window,
                         " tokens is not stated: all are planned to keep the whole context"));
        return Answer();
      }
      const auto period = static_cast<std::size_t>(pattern->period);
      for (std::size_t i = 0; i < layers; ++i) {
        windowed[i] = i % period != (pattern->full_is_last ? period - 1 : 0);
      }
    }
    facts_.shape.sliding_window = *window;
    return Answer(std::move(windowed));
  }

  // How many first layers have a cache of their own; later ones read an earlier layer's.
  int LayersWithOwnCache() const {
    constexpr int kGemma3n = 20;
    if (facts_.architecture == "gemma3n") return std::min(kGemma3n, facts_.shape.layers);
    return std::max(0, facts_.shape.layers - CountOf("attention.shared_kv_layers").value_or(0));
  }

  absl::Status Caches() {
    absl::StatusOr<std::optional<std::vector<bool>>> windows = Windows();
    if (!windows.ok()) return windows.status();
    const int own = LayersWithOwnCache();
    for (int i = 0; i < facts_.shape.layers; ++i) {
      const LayerTensors& layer = layers_[i];
      LayerCache cache;
      cache.windowed = *windows && (**windows)[static_cast<std::size_t>(i)];
      if (layer.recurrent) cache.state_bytes = StateBytes();
      if (Attends(layer, i) && i < own) {
        if (absl::Status status = Cells(layer, i, cache); !status.ok()) return status;
      }
      if (layer.recurrent && cache.state_bytes <= 0) {
        return Wrong(absl::StrCat("block ", i,
                                  " is recurrent and the metadata do not say how "
                                  "large its state is (",
                                  Key("ssm.state_size"), " and its kind)"));
      }
      facts_.cache.push_back(cache);
    }
    Kinds();
    return absl::OkStatus();
  }

  bool Attends(const LayerTensors& layer, int index) const {
    if (kv_heads_ && (*kv_heads_)[static_cast<std::size_t>(index)] == 0) return false;
    return layer.keys || layer.latent || layer.absorbed || (layer.fused && !layer.recurrent);
  }

  absl::Status Cells(const LayerTensors& layer, int index, LayerCache& cache) {
    double keys = 0;
    double values = 0;
    const double latent = CountOf("attention.kv_lora_rank").value_or(0);
    if (layer.latent && layer.absorbed && latent > 0) {
      keys = latent + CountOf("rope.dimension_count").value_or(0);
    } else if (kv_heads_ && key_length_ > 0) {
      const double heads = (*kv_heads_)[static_cast<std::size_t>(index)];
      keys = heads * (cache.windowed ? key_length_window_ : key_length_);
      values = heads * (cache.windowed ? value_length_window_ : value_length_);
    } else if (layer.key_rows) {
      keys = static_cast<double>(*layer.key_rows);
      values = static_cast<double>(layer.value_rows.value_or(*layer.key_rows));
    } else if (layer.fused_rows &&
               *layer.fused_rows > static_cast<std::uint64_t>(facts_.shape.hidden_size)) {
      keys = (static_cast<double>(*layer.fused_rows) - facts_.shape.hidden_size) / 2;
      values = keys;
    }
    if (layer.indexer) keys += CountOf("attention.indexer.key_length").value_or(0);
    if (keys <= 0 || !Count(keys) || !Count(values)) {
      return Wrong(absl::StrCat("block ", index, " would cache ", keys, " keys and ", values,
                                " values for a token; ", Key("attention.head_count_kv"),
                                " or its kind is missing or absurd"));
    }
    cache.key_cells_per_token = static_cast<int>(keys);
    cache.value_cells_per_token = static_cast<int>(values);
    return absl::OkStatus();
  }

  void Kinds() {
    catalog::Architecture& shape = facts_.shape;
    int recurrent = 0;
    int windowed = 0;
    int full = 0;
    bool delta = false;
    bool latent = false;
    bool indexer = false;
    for (int i = 0; i < shape.layers; ++i) {
      const LayerCache& cache = facts_.cache[static_cast<std::size_t>(i)];
      const LayerTensors& layer = layers_[i];
      recurrent += cache.state_bytes > 0 ? 1 : 0;
      if (cache.key_cells_per_token > 0) (cache.windowed ? windowed : full) += 1;
      delta = delta || (layer.recurrent && layer.delta_rule);
      latent = latent || (layer.latent && layer.absorbed);
      indexer = indexer || layer.indexer;
    }
    if (latent) {
      shape.kv_lora_rank = CountOf("attention.kv_lora_rank");
      shape.qk_rope_head_dim = CountOf("rope.dimension_count");
      shape.q_lora_rank = CountOf("attention.q_lora_rank");
      shape.v_head_dim = CountOf("attention.value_length_mla");
      if (const std::optional<int> key = CountOf("attention.key_length_mla")) {
        shape.head_dim = *key;
        shape.qk_nope_head_dim = std::max(0, *key - shape.qk_rope_head_dim.value_or(0));
      }
      shape.attention = indexer ? AttentionKind::kMlaSparse : AttentionKind::kMla;
    }
    if (indexer) {
      shape.index_heads = CountOf("attention.indexer.head_count");
      shape.index_head_dim = CountOf("attention.indexer.key_length");
      shape.index_top_k = CountOf("attention.indexer.top_k");
    }
    if (windowed > 0) {
      shape.attention =
          facts_.architecture == "llama4" ? AttentionKind::kChunked : AttentionKind::kSliding;
      shape.full_attention_layers = full;
    }
    if (recurrent > 0) {
      shape.attention = delta ? AttentionKind::kHybridDeltaNet : AttentionKind::kHybridMamba2;
      shape.recurrent_layers = recurrent;
      shape.full_attention_layers = full;
    }
  }

  // The mixture that the maker names, where the tensors bear it out; else the type that most of
  // them have.
  absl::Status Quant() {
    std::map<std::string, double> by_type;
    for (const auto& [key, stored] : facts_.tensors) {
      if (key.layer >= 0 && key.layer < facts_.shape.layers && key.kind != Kind::kNorm) {
        by_type[key.type] += static_cast<double>(stored.bytes);
      }
    }
    std::string main;
    for (const auto& [type, bytes] : by_type) {
      if (main.empty() || bytes > by_type[main]) main = type;
    }
    const std::optional<int> stated = Count(header_->Number("general.file_type"));
    const FileType* named = nullptr;
    const FileType* plain = nullptr;
    for (const FileType& type : kFileTypes) {
      if (stated == type.number) named = &type;
      // Of the mixtures of one type the medium one, or the only one.
      if (type.main == main &&
          (plain == nullptr || type.name.find("Medium") != std::string_view::npos)) {
        plain = &type;
      }
    }
    if (named != nullptr && named->main != main) {
      facts_.warnings.push_back(absl::StrCat("the file calls itself ", std::string(named->name),
                                             "; most of its weights are ", main));
      named = nullptr;
    }
    const FileType* chosen = named != nullptr ? named : plain;
    facts_.quantization = chosen != nullptr ? std::string(chosen->name) : main;
    if (chosen != nullptr) facts_.quant_id = std::string(chosen->id);
    facts_.kernel_like = absl::StrCat("gguf-", Lower(main));
    return absl::OkStatus();
  }

  const GgufHeader* header_ = nullptr;
  std::string file_;
  FileFacts facts_;
  std::map<int, LayerTensors> layers_;
  int blocks_ = 0;
  std::optional<std::vector<int>> heads_;
  std::optional<std::vector<int>> kv_heads_;
  int key_length_ = 0;
  int value_length_ = 0;
  int key_length_window_ = 0;
  int value_length_window_ = 0;
  int moe_blocks_ = 0;
  double embedding_rows_ = 0;
  double embedding_width_ = 0;
  std::uint64_t stored_experts_ = 0;
  std::uint64_t expert_width_ = 0;
  std::uint64_t shared_width_ = 0;
  bool gated_experts_ = false;
  bool has_post_norms_ = false;
};

// ---------------------------------------------------------------- split files

// "X-00002-of-00003.gguf" in its pieces.
struct Part {
  std::string stem;
  int number = 0;  // from 1
  int count = 0;

  std::string Name(int which) const {
    char digits[32];
    std::snprintf(digits, sizeof(digits), "-%05d-of-%05d.gguf", which, count);
    return stem + digits;
  }
};

std::optional<Part> PartOf(const std::string& path) {
  constexpr std::size_t kTail = 20;  // "-00002-of-00003.gguf"
  if (path.size() <= kTail) return std::nullopt;
  const std::string tail = path.substr(path.size() - kTail);
  Part part{path.substr(0, path.size() - kTail), 0, 0};
  for (std::size_t i = 0; i < 5; ++i) {
    const char number = tail[1 + i];
    const char count = tail[10 + i];
    if (number < '0' || number > '9' || count < '0' || count > '9') return std::nullopt;
    part.number = part.number * 10 + (number - '0');
    part.count = part.count * 10 + (count - '0');
  }
  return part.Name(part.number) == path ? std::optional<Part>(part) : std::nullopt;
}

absl::StatusOr<GgufHeader> ReadHeaderOf(const std::string& path) {
  absl::StatusOr<std::unique_ptr<ByteSource>> source = OpenFile(path);
  if (!source.ok()) return source.status();
  return ReadGgufHeader(**source);
}

absl::Status CheckPart(const std::string& path, const GgufHeader& header, const Part& part,
                       int which) {
  const std::optional<std::int64_t> number = header.Integer("split.no");
  const std::optional<std::int64_t> count = header.Integer("split.count");
  if (number == which - 1 && count == part.count) return absl::OkStatus();
  const auto text = [](std::optional<std::int64_t> value, int plus) {
    return value ? absl::StrCat(*value + plus) : std::string("none");
  };
  return absl::InvalidArgumentError(absl::StrCat(
      path, ": by its name part ", which, " of ", part.count, ", by its metadata part ",
      text(number && *number < 1'000'000 ? number : std::nullopt, 1), " of ", text(count, 0)));
}

absl::StatusOr<FileFacts> ReadSplit(const std::string& path, const Part& part) {
  const std::string first_path = part.Name(1);
  absl::StatusOr<GgufHeader> first = ReadHeaderOf(first_path);
  if (!first.ok()) {
    if (first.status().code() != absl::StatusCode::kNotFound) return first.status();
    return absl::NotFoundError(absl::StrCat(first_path, ": missing; ", path, " is one of ",
                                            part.count, " parts, and all must be there"));
  }
  GgufModel model;
  std::set<std::string> names;
  std::vector<std::string> files;
  for (int which = 1; which <= part.count; ++which) {
    const std::string file = part.Name(which);
    absl::StatusOr<GgufHeader> later = which == 1 ? std::move(first) : ReadHeaderOf(file);
    if (!later.ok()) {
      if (later.status().code() != absl::StatusCode::kNotFound) return later.status();
      return absl::NotFoundError(absl::StrCat(file, ": missing; the model has ", part.count,
                                              " parts, and all must be there"));
    }
    if (absl::Status status = CheckPart(file, *later, part, which); !status.ok()) return status;
    for (const GgufTensor& tensor : later->tensors) {
      if (!names.insert(tensor.name).second) {
        return absl::InvalidArgumentError(
            absl::StrCat(file, ": holds a tensor that an earlier part holds, too"));
      }
      if (names.size() > GgufLimits().tensors) {
        return absl::OutOfRangeError(
            absl::StrCat(file, ": the parts hold more than ", GgufLimits().tensors, " tensors"));
      }
    }
    model.AddTensors(*later);
    files.push_back(file);
    if (which == 1) first = std::move(later);
  }
  const std::optional<std::int64_t> stated = first->Integer("split.tensors.count");
  if (stated && static_cast<std::uint64_t>(*stated) != names.size()) {
    return absl::InvalidArgumentError(absl::StrCat(first_path, ": split.tensors.count is ", *stated,
                                                   "; the parts hold ", names.size()));
  }
  absl::StatusOr<FileFacts> facts = model.Finish(*first, first_path);
  if (facts.ok()) facts->files = std::move(files);
  return facts;
}

absl::StatusOr<FileFacts> ReadGgufModel(const std::string& path) {
  absl::StatusOr<GgufHeader> header = ReadHeaderOf(path);
  if (!header.ok()) return header.status();
  const std::int64_t parts = header->Integer("split.count").value_or(1);
  if (parts > 1) {
    const std::optional<Part> part = PartOf(path);
    if (!part) {
      return absl::InvalidArgumentError(absl::StrCat(
          path, ": one of ", parts,
          " parts, whose others are found by their names; give it back its name, which ends in "
          "-0000N-of-0000M.gguf"));
    }
    return ReadSplit(path, *part);
  }
  // A name or a number of tensors that says otherwise is believed before the count of one part.
  if (const std::optional<Part> part = PartOf(path);
      part && part->count > 1 && header->Integer("split.count")) {
    return CheckPart(path, *header, *part, part->number);
  }
  if (const std::optional<std::int64_t> stated = header->Integer("split.tensors.count");
      stated && static_cast<std::uint64_t>(*stated) != header->tensors.size()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": split.tensors.count is ", *stated,
                                                   "; the file holds ", header->tensors.size()));
  }
  GgufModel model;
  model.AddTensors(*header);
  absl::StatusOr<FileFacts> facts = model.Finish(*header, path);
  if (facts.ok()) facts->files = {path};
  return facts;
}

}  // namespace

absl::StatusOr<FileFacts> GgufFacts(const GgufHeader& header, const std::string& file) {
  GgufModel model;
  model.AddTensors(header);
  absl::StatusOr<FileFacts> facts = model.Finish(header, file);
  if (!facts.ok()) return Shown(facts.status());
  return facts;
}

absl::StatusOr<Description> DescribeFile(const std::string& path, const std::string& id,
                                         const catalog::Catalog& catalog) {
  absl::StatusOr<FileFacts> facts = ReadGgufModel(path);
  if (!facts.ok()) return Shown(facts.status());
  const std::string first = facts->files.front();
  return Compose(*std::move(facts), first, id, catalog);
}

}  // namespace capacity::modelfile
