// What an engine holds in memory: docs/model.md 1.1 to 1.4.
#include "planner/fit/engine_memory.h"

#include <algorithm>
#include <limits>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "planner/fit/fit.h"
#include "planner/fit/llama_cpp.h"

namespace capacity::fit {
namespace {

using catalog::Engine;

constexpr double kMib = 1048576;

bool IsLlamaCpp(Engine engine) { return engine == Engine::kLlamaCpp || engine == Engine::kOllama; }
// Whose process computes on devices but keeps the input table to itself.
bool HasHost(Engine engine) { return IsLlamaCpp(engine); }
bool IsMlx(Engine engine) { return engine == Engine::kMlx || engine == Engine::kExo; }

// What docs/model.md 1.4 tabulates, with the evidence for each number.
struct EngineTraits {
  double chunk_tokens;      // prompt tokens in flight: mlx-lm's prefill step, vLLM's batch
  double logit_rows;        // rows of vocabulary-wide FP32 logits held at once
  double activation_bytes;  // per chunk token and hidden unit
  double base_mib;          // runtime, kernels, driver context
};

// Of llama.cpp the base alone: its buffers have a model of their own (llama_cpp.h).
EngineTraits TraitsOf(Engine engine, int sequences) {
  const double streams = std::max(1, sequences);
  switch (engine) {
    case Engine::kLlamaCpp:
      return {0, 0, 0, 512};
    case Engine::kOllama:
      return {0, 0, 0, 768};
    case Engine::kMlx:
      return {2048, streams, 32, 512};
    case Engine::kExo:
      return {2048, streams, 32, 1024};
    case Engine::kVllm:
      return {2048, std::max(256.0, streams), 32, 3072};
    case Engine::kOther:
      break;
  }
  // An engine nobody described is given the largest terms of those that are.
  return {2048, std::max(512.0, streams), 32, 3072};
}

long long RoundUp(long long tokens, long long step) { return (tokens + step - 1) / step * step; }

// Cells of one sequence's cache as each engine allocates them.
CacheCells CellsOf(const catalog::Model& model, const EngineSettings& settings) {
  if (IsLlamaCpp(settings.engine)) return LlamaCppCells(model, settings);
  const long long context = settings.context_tokens;
  const long long window = model.architecture.sliding_window.value_or(0);
  const auto chunk = static_cast<long long>(TraitsOf(settings.engine, 1).chunk_tokens);
  CacheCells cells;
  switch (settings.engine) {
    case Engine::kMlx:
    case Engine::kExo: {
      // mlx-lm's cache grows by 256 tokens; a rotating one holds the chunk of a prompt, too.
      constexpr int kStep = 256;
      cells.full = static_cast<int>(RoundUp(context, kStep));
      cells.window = static_cast<int>(std::min<long long>(cells.full, window + chunk - 1));
      break;
    }
    case Engine::kVllm: {
      // Blocks of 16 tokens; of a window one more, since it need not begin where a block does.
      constexpr int kBlock = 16;
      cells.full = static_cast<int>(RoundUp(context, kBlock));
      const long long most = RoundUp(window - 1 + chunk, kBlock) + kBlock;
      cells.window = static_cast<int>(std::min<long long>(cells.full, most));
      break;
    }
    default:
      cells.full = static_cast<int>(context);
      cells.window = static_cast<int>(std::min(context, window));
  }
  return cells;
}

// mlx-lm code that caches keys and values of every head where others cache the latent of MLA
// (ml-explore/mlx-lm d78bf58, 2026-08-22: deepseek_v2.py, minicpm3.py, youtu_llm.py).
bool ExpandsLatent(const catalog::Model& model, Engine engine) {
  const catalog::Architecture& a = model.architecture;
  const std::string& type = model.model_type;
  return IsMlx(engine) && a.is_mla() &&
         (type == "deepseek_v2" || type == "minicpm3" || type == "youtu_llm") &&
         a.qk_nope_head_dim && a.qk_rope_head_dim && a.v_head_dim;
}

std::vector<double> Sums(const std::vector<double>& values) {
  std::vector<double> sums = {0};
  sums.reserve(values.size() + 1);
  for (const double value : values) sums.push_back(sums.back() + value);
  return sums;
}

Bytes Rounded(double bytes) { return Bytes{1} * bytes; }

}  // namespace

Demand operator+(const Demand& a, const Demand& b) {
  return {a.weights + b.weights, a.kv_cache + b.kv_cache, a.recurrent_state + b.recurrent_state,
          a.compute_buffers + b.compute_buffers, a.engine_base + b.engine_base};
}

Demand operator*(const Demand& demand, double times) {
  return {demand.weights * times, demand.kv_cache * times, demand.recurrent_state * times,
          demand.compute_buffers * times, demand.engine_base * times};
}

double EngineMemory::PerLayer::Of(const Stage& stage, int layers) const {
  if (stage.layers == layers) return total;
  if (sums.empty()) return total * stage.layers / layers;
  const auto begin = static_cast<std::size_t>(stage.first_layer);
  return sums[begin + static_cast<std::size_t>(stage.layers)] - sums[begin];
}

absl::StatusOr<EngineMemory> EngineMemory::Make(const catalog::Catalog& catalog,
                                                const catalog::Model& model,
                                                const catalog::Quantization& quant,
                                                const EngineSettings& settings) {
  const absl::StatusOr<WeightBytes> weights =
      ModelWeightBytes(catalog, model, quant, settings.engine);
  if (!weights.ok()) return weights.status();
  if (absl::Status known = CacheIsKnown(model); !known.ok()) return known;
  EngineMemory memory;
  memory.settings_ = settings;
  memory.settings_.context_tokens = std::max(0, settings.context_tokens);
  memory.architecture_ = &model.architecture;
  memory.layers_ = std::max(1, model.architecture.layers);
  memory.weights_ = weights->bytes;
  memory.ReadWeights(ArtifactFor(catalog, model, quant, settings.engine), model, quant);
  memory.ReadCache(model);
  return memory;
}

void EngineMemory::ReadWeights(const catalog::Artifact* artifact, const catalog::Model& model,
                               const catalog::Quantization& quant) {
  const auto layers = static_cast<std::size_t>(layers_);
  if (artifact != nullptr && artifact->layout && artifact->layout->layers.size() == layers) {
    const catalog::FileLayout& layout = *artifact->layout;
    std::vector<double> bytes;
    bytes.reserve(layers);
    for (const Bytes layer : layout.layers) bytes.push_back(static_cast<double>(layer.count));
    layer_weights_.sums = Sums(bytes);
    layer_weights_.total = layer_weights_.sums.back();
    input_ = static_cast<double>(layout.input.count);
    output_ = static_cast<double>(layout.output.count);
    tied_ = layout.tied;
    // Encoders are a file of their own for llama.cpp, and a part of the model for the others.
    const double other = IsLlamaCpp(settings_.engine) ? 0 : static_cast<double>(layout.other.count);
    output_ += other;
    weights_ = Rounded(layer_weights_.total + input_ + output_);
    return;
  }
  const std::optional<Tables> tables = TablesOf(model, quant, settings_.engine);
  const double all = static_cast<double>(weights_.count);
  if (tables) {
    tied_ = tables->tied;
    input_ = std::min(all, static_cast<double>(tables->input.count));
    output_ = std::min(all - input_, static_cast<double>(tables->output.count));
  }
  layer_weights_.total = all - input_ - output_;
}

void EngineMemory::ReadCache(const catalog::Model& model) {
  const catalog::KvCache& cache = model.kv_cache;
  cells_ = CellsOf(model, settings_);
  if (ExpandsLatent(model, settings_.engine)) {
    const catalog::Architecture& a = model.architecture;
    const double bits = (*a.qk_nope_head_dim + *a.qk_rope_head_dim) * settings_.key_bits +
                        *a.v_head_dim * settings_.value_bits;
    cache_.total = static_cast<double>(cells_.full) * a.layers * a.heads * bits / 8;
    return;
  }
  if (cache.layers.size() == static_cast<std::size_t>(layers_)) {
    std::vector<double> cached;
    std::vector<double> state;
    for (const catalog::LayerCache& layer : cache.layers) {
      const double bits = layer.key_cells_per_token * settings_.key_bits +
                          layer.value_cells_per_token * settings_.value_bits;
      cached.push_back((layer.windowed ? cells_.window : cells_.full) * bits / 8);
      state.push_back(layer.state_bytes);
      largest_state_ = std::max(largest_state_, layer.state_bytes);
    }
    cache_.sums = Sums(cached);
    cache_.total = cache_.sums.back();
    state_.sums = Sums(state);
    state_.total = state_.sums.back();
  } else {
    // Keys and values are alike but for the latent of MLA, which is all keys.
    const double bits = model.architecture.is_mla()
                            ? settings_.key_bits
                            : (settings_.key_bits + settings_.value_bits) / 2;
    cache_.total = (cache.global_bytes_per_token_bf16.value_or(0) * cells_.full +
                    cache.window_bytes_per_token_bf16 * cells_.window) *
                   bits / 16;
    state_.total = cache.recurrent_state_bytes;
    const int recurrent = model.architecture.recurrent_layers.value_or(layers_);
    largest_state_ = state_.total / std::max(1, recurrent);
  }
}

Bytes EngineMemory::cache() const { return Rounded(cache_.total + state_.total); }

Bytes EngineMemory::WeightsOf(const Stage& stage) const {
  double bytes = layer_weights_.Of(stage, layers_);
  if (IsMlx(settings_.engine)) return Rounded(bytes + input_ + output_);
  const bool input = stage.has_input() && !HasHost(settings_.engine);
  if (input) bytes += input_;
  if (stage.has_output()) bytes += output_ + (tied_ && !input ? input_ : 0);
  return Rounded(bytes);
}

LlamaCppGraph EngineMemory::GraphOf(int sequences) const {
  return {architecture_, cells_, largest_state_, settings_, sequences};
}

Bytes EngineMemory::ComputeBuffers(int device, int of, int sequences) const {
  if (IsLlamaCpp(settings_.engine)) {
    return Rounded(LlamaCppDeviceBuffers(GraphOf(sequences), device, of));
  }
  const EngineTraits traits = TraitsOf(settings_.engine, sequences);
  return Rounded(traits.logit_rows * architecture_->vocab * 4 +
                 traits.chunk_tokens * architecture_->hidden_size * traits.activation_bytes);
}

Demand EngineMemory::Devices(const Stage& stage, int sequences) const {
  Demand demand{
      .weights = WeightsOf(stage),
      .kv_cache = Rounded(cache_.Of(stage, layers_) * sequences),
      .recurrent_state = Rounded(state_.Of(stage, layers_) * sequences),
      .compute_buffers = {},
      .engine_base = EngineBaseBytes(settings_.engine) * stage.devices,
  };
  for (int i = 0; i < stage.devices; ++i) {
    demand.compute_buffers += ComputeBuffers(stage.first_device + i, stage.of, sequences);
  }
  return demand;
}

Demand EngineMemory::Host(int devices, int sequences) const {
  Demand host;
  if (!HasHost(settings_.engine)) return host;
  host.weights = Rounded(input_);
  host.compute_buffers = Rounded(LlamaCppHostBuffers(GraphOf(sequences), devices));
  return host;
}

Demand EngineMemory::DevicesWithHost(const Stage& stage, int sequences) const {
  Demand host = Host(stage.of, sequences);
  if (tied_) host.weights = Bytes{};
  return Devices(stage, sequences) + host;
}

Demand EngineMemory::Alone(int sequences) const {
  Demand demand = Devices(Stage{.layers = layers_}, sequences);
  demand.weights = weights_;
  if (IsLlamaCpp(settings_.engine)) {
    demand.compute_buffers = Rounded(LlamaCppProcessorBuffers(GraphOf(sequences)));
  }
  return demand;
}

Bytes EngineBaseBytes(Engine engine) { return Rounded(TraitsOf(engine, 1).base_mib * kMib); }

}  // namespace capacity::fit
