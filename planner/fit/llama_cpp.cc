#include "planner/fit/llama_cpp.h"

#include <algorithm>

namespace capacity::fit {
namespace {

constexpr int kCellStep = 256;         // a cache has a multiple of so many cells
constexpr double kPipelineCopies = 4;  // of every input, where more than one device computes
constexpr double kF32 = 4;             // bytes
constexpr double kF16 = 2;
// Of Mamba 2 and delta nets, to tell the inner channels from the state: most keep 128 cells for
// each, and none that is known has more than 2.3 inner channels for one of the residual stream.
constexpr double kStateWidth = 128;
constexpr double kMostInner = 2.3;

int RoundUp(long long tokens) {
  return static_cast<int>((tokens + kCellStep - 1) / kCellStep * kCellStep);
}

// Tokens that are computed at once.
double BatchOf(const EngineSettings& settings, int sequences) {
  const double cached = static_cast<double>(settings.context_tokens) * sequences;
  return std::clamp<double>(cached, 1, settings.micro_batch);
}

// The tensors that decide, in bytes.
class Tensors {
 public:
  explicit Tensors(const LlamaCppGraph& graph)
      : graph_(graph), a_(*graph.architecture), batch_(BatchOf(graph.settings, graph.sequences)) {}

  double residual() const { return batch_ * a_.hidden_size * kF32; }
  double logits() const { return batch_ * a_.vocab * kF32; }
  // What every device is told besides tokens: who sees whom and, without flash attention, where
  // each value goes in a cache that is stored the other way round.
  double masks() const { return CacheInputs(graph_.cells.full) + CacheInputs(graph_.cells.window); }

  // The most that one layer has alive beside the residual stream.
  double Layer() const { return std::max({Attention(), FeedForward(), Experts(), Recurrent()}); }

  // Mamba layers without a feed-forward block of their own: what the end of one layer and the
  // beginning of the next exchange when the two are on different devices.
  double Boundary() const {
    const bool bare = a_.attention == catalog::AttentionKind::kHybridMamba2 &&
                      (a_.mlp_layers.has_value() || !a_.ffn_size.has_value()) && !a_.is_moe();
    return bare ? Inner() : 0;
  }

 private:
  double CacheInputs(int cells) const {
    if (cells == 0) return 0;
    if (graph_.settings.flash_attention) return batch_ * cells * kF16;
    constexpr double kIndex = 8;  // bytes
    const double values = a_.is_mla() ? 0 : batch_ * a_.kv_heads * Head() * kIndex;
    return batch_ * cells * kF32 + values;
  }
  double Head() const { return std::max(a_.head_dim.value_or(0), a_.global_head_dim.value_or(0)); }
  int Cells() const { return std::max(graph_.cells.full, graph_.cells.window); }

  double Attention() const {
    if (Cells() == 0) return 0;
    if (a_.is_mla()) return LatentAttention();
    const double query = batch_ * a_.heads * Head() * kF32;
    const double keys_and_values = 2 * batch_ * a_.kv_heads * Head() * kF32;
    if (graph_.settings.flash_attention) return 2 * query + keys_and_values;
    return Scores() + std::max(query, residual());
  }

  // Queries before and after absorption, and as they enter attention.
  double LatentAttention() const {
    const double latent = a_.kv_lora_rank.value_or(0);
    const double rope = a_.qk_rope_head_dim.value_or(0);
    const double per_head = a_.qk_nope_head_dim.value_or(0) + rope + latent + (latent + rope);
    const double queries =
        batch_ * a_.heads * per_head * kF32 + residual() + 2 * batch_ * (latent + rope) * kF32;
    if (graph_.settings.flash_attention) return queries;
    const double values = static_cast<double>(Cells()) * graph_.sequences * latent * kF16;
    return Scores() + std::max(queries, values + queries - residual());
  }

  double Scores() const { return batch_ * a_.heads * Cells() * kF32; }

  // Gate, up and their product.
  double FeedForward() const { return 3 * batch_ * a_.ffn_size.value_or(0) * kF32; }

  double Experts() const {
    if (!a_.is_moe()) return 0;
    const double rows = batch_ * a_.experts_per_token;
    const double inside = rows * a_.expert_ffn_size.value_or(0) * kF32;
    const double out = rows * a_.expert_input_size.value_or(a_.hidden_size) * kF32;
    // The experts' answers take the place of gate and up where they are not larger.
    return 3 * inside + (out > 2 * inside ? out : residual());
  }

  // Bytes of a recurrent layer's inner channels.
  double Inner() const {
    return std::min(batch_ * graph_.state_bytes / kStateWidth, kMostInner * residual());
  }
  double Recurrent() const { return 5 * Inner(); }

  const LlamaCppGraph& graph_;
  const catalog::Architecture& a_;
  const double batch_;
};

// Masks and what is alive beside the residual stream. The logits are the last to be made: a mask
// that is as large, and that nobody needs any more, gives them its room. (Then llama.cpp's buffers
// may shrink as the context grows; here they stay what they were, so that a longer context never
// seems to need less.)
double MasksAndPeak(const Tensors& tensors) {
  return std::max(tensors.masks() + tensors.Layer(),
                  std::min(tensors.masks(), tensors.logits()) + tensors.logits());
}

}  // namespace

CacheCells LlamaCppCells(const catalog::Model& model, const EngineSettings& settings) {
  const catalog::KvCache& cache = model.kv_cache;
  const int full = RoundUp(settings.context_tokens);
  CacheCells cells;
  if (cache.global_bytes_per_token_bf16.value_or(0) > 0) cells.full = full;
  if (cache.window_bytes_per_token_bf16 > 0) {
    const long long window = model.architecture.sliding_window.value_or(0);
    cells.window = std::min(full, RoundUp(window + settings.micro_batch));
  }
  return cells;
}

double LlamaCppProcessorBuffers(const LlamaCppGraph& graph) {
  const Tensors tensors(graph);
  return 5 * tensors.residual() + MasksAndPeak(tensors);
}

double LlamaCppDeviceBuffers(const LlamaCppGraph& graph, int device, int of) {
  const Tensors tensors(graph);
  const double residual = tensors.residual();
  if (of == 1) {
    return 4 * residual + MasksAndPeak(tensors);
  }
  const bool first = device == 0;
  const bool last = device == of - 1;
  // The first stage gets text, other inputs and where they go; the rest what the last layer made.
  const double inputs = kPipelineCopies * (tensors.masks() + (first ? 3 : 1) * residual);
  double bare = 0;
  if (!first) bare += kPipelineCopies * 2.1 * tensors.Boundary();
  if (!last) bare += kPipelineCopies * tensors.Boundary();
  const double layer = (first ? 4 : 7) * residual + tensors.Layer();
  const double logits = last ? 5 * residual + tensors.logits() : 0;
  return inputs + bare + std::max(layer, logits);
}

double LlamaCppHostBuffers(const LlamaCppGraph& graph, int devices) {
  const Tensors tensors(graph);
  const double answers = static_cast<double>(graph.sequences) * graph.architecture->vocab * kF32;
  if (devices == 1) return tensors.masks() + 4 * tensors.residual() + answers;
  return kPipelineCopies * tensors.masks() + 10 * tensors.residual() + answers;
}

}  // namespace capacity::fit
