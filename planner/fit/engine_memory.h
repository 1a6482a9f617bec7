// What an engine holds in memory once it has loaded a model: docs/model.md 1.1 to 1.4.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/units.h"
#include "planner/catalog/catalog.h"

namespace capacity::fit {

// What one node or device must hold, term by term.
struct Demand {
  Bytes weights;
  Bytes kv_cache;         // all sequences
  Bytes recurrent_state;  // all sequences
  Bytes compute_buffers;  // activations, logits
  Bytes engine_base;      // runtime, driver context
  Bytes total() const {
    return weights + kv_cache + recurrent_state + compute_buffers + engine_base;
  }
  friend Demand operator+(const Demand& a, const Demand& b);
  friend Demand operator*(const Demand& demand, double times);
};

// Cells of one sequence's cache, as an engine rounds them; zero where a model has no such layers.
struct CacheCells {
  int full = 0;    // of the layers that see the whole context
  int window = 0;  // of those that keep a window
};

// How an engine is started.
struct EngineSettings {
  catalog::Engine engine = catalog::Engine::kLlamaCpp;
  int context_tokens = 8192;  // of each sequence
  double key_bits = 16;       // of a cell of the cache: 16, 8.5 (q8_0), 4.5 (q4_0)
  double value_bits = 16;
  int micro_batch = 512;  // prompt tokens that llama.cpp computes at once (-ub)
  bool flash_attention = true;
};

struct LlamaCppGraph;

// Consecutive layers on consecutive devices of a row of `of` devices.
struct Stage {
  int first_layer = 0;
  int layers = 0;
  int first_device = 0;
  int devices = 1;
  int of = 1;

  bool has_input() const { return first_device == 0; }
  bool has_output() const { return first_device + devices == of; }
};

// One model's weights in one engine, ready to be asked about any part of it. Layer by layer where
// the catalogue knows the layers (Artifact::layout, KvCache::layers); otherwise every layer counts
// alike, and the vocabulary's tables are worked out from their parameters. The model must outlive
// it.
class EngineMemory {
 public:
  // FailedPrecondition when the catalogue lacks a needed fact.
  static absl::StatusOr<EngineMemory> Make(const catalog::Catalog& catalog,
                                           const catalog::Model& model,
                                           const catalog::Quantization& quant,
                                           const EngineSettings& settings);

  const EngineSettings& settings() const { return settings_; }
  int layers() const { return layers_; }
  Bytes weights() const { return weights_; }  // all that the engine loads, once
  Bytes cache() const;                        // of one sequence, recurrent state included

  // All of the model in the memory of the processors that compute it.
  Demand Alone(int sequences) const;
  // What the devices of a stage hold. The first of the row has the input table and the last the
  // output, but for MLX and EXO, whose ranks all keep both, and llama.cpp, whose input table is the
  // host's. A tied table is a second copy where the two are apart.
  Demand Devices(const Stage& stage, int sequences) const;
  // What llama.cpp's own process holds in the processors' memory beside `devices`: the input table
  // and the buffers that inputs are copied from. Nothing of the other engines.
  Demand Host(int devices, int sequences) const;
  // The same together, where processors and devices share one memory. There a tied table stands
  // once: the processors read the pages of the file.
  Demand DevicesWithHost(const Stage& stage, int sequences) const;
  // Activations and logits of one device of `of`.
  Bytes ComputeBuffers(int device, int of, int sequences) const;

 private:
  EngineMemory() = default;
  void ReadWeights(const catalog::Artifact* artifact, const catalog::Model& model,
                   const catalog::Quantization& quant);
  void ReadCache(const catalog::Model& model);
  Bytes WeightsOf(const Stage& stage) const;
  LlamaCppGraph GraphOf(int sequences) const;

  // Sums over the first i layers, in bytes; empty: every layer is an equal part of the total.
  struct PerLayer {
    double total = 0;
    std::vector<double> sums;
    double Of(const Stage& stage, int layers) const;
  };

  EngineSettings settings_;
  const catalog::Architecture* architecture_ = nullptr;
  int layers_ = 1;
  Bytes weights_;
  PerLayer layer_weights_;
  PerLayer cache_;            // per sequence
  PerLayer state_;            // per sequence
  double largest_state_ = 0;  // of one layer
  CacheCells cells_;
  double input_ = 0;   // bytes of the input table
  double output_ = 0;  // of final norm and head; of a tied model without the table
  bool tied_ = false;
};

}  // namespace capacity::fit
