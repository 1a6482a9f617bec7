// A few real models, formats and chips, written out so that a test shows its whole input.
#pragma once

#include <string>

#include "planner/catalog/catalog.h"
#include "planner/inventory/inventory.h"
#include "planner/throughput/throughput.h"

namespace capacity::throughput::testing {

// The calibration that ships.
inline Calibration ShippedCalibration() {
  inventory::Loaded<Calibration> loaded =
      inventory::LoadCalibration(CAPACITY_SOURCE_DIR "/inventories/calibration.yaml");
  return loaded.value ? *loaded.value : Calibration();
}

inline catalog::Model Qwen3Of235B() {
  catalog::Model m;
  m.id = "qwen3-235b-a22b";
  m.architecture = {.attention = catalog::AttentionKind::kGqa,
                    .layers = 94,
                    .hidden_size = 4096,
                    .heads = 64,
                    .kv_heads = 4,
                    .head_dim = 128,
                    .ffn_size = 12288,
                    .vocab = 151936,
                    .tied_embeddings = false,
                    .experts = 128,
                    .experts_per_token = 8,
                    .expert_ffn_size = 1536,
                    .first_dense_layers = 0,
                    .moe_layers = 94,
                    .expert_matrices = 3};
  m.parameters = {.total = 235093634560.0,
                  .decode_read = 21568433664.0,
                  .routed_experts = 227096395776.0,
                  .head = 622329856.0,
                  .embedding = 622329856.0};
  m.kv_cache.global_bytes_per_token_bf16 = 192512;
  return m;
}

inline catalog::Model Llama31Of8B() {
  catalog::Model m;
  m.id = "llama-3.1-8b";
  m.architecture = {.attention = catalog::AttentionKind::kGqa,
                    .layers = 32,
                    .hidden_size = 4096,
                    .heads = 32,
                    .kv_heads = 8,
                    .head_dim = 128,
                    .ffn_size = 14336,
                    .vocab = 128256,
                    .tied_embeddings = false};
  m.parameters = {.total = 8030261248.0,
                  .decode_read = 7504924672.0,
                  .head = 525336576.0,
                  .embedding = 525336576.0};
  m.kv_cache.global_bytes_per_token_bf16 = 131072;
  return m;
}

inline catalog::Quantization Uniform(const std::string& id, const std::string& family,
                                     double bits) {
  catalog::Quantization q;
  q.id = id;
  q.family = family;
  q.bits = catalog::TensorBits{bits, bits, bits, bits};
  return q;
}

inline catalog::Chip M3Ultra() {
  catalog::Chip c;
  c.id = "apple-m3-ultra-80";
  c.vendor = "apple";
  c.family = "apple-ultra";
  c.generation = "m3";
  c.gpu_cores = 80;
  c.memory_bandwidth = BytesPerSecond{819.2e9};
  c.fp16_dense = FlopsPerSecond{28.4e12};
  return c;
}

inline catalog::Chip M4Max() {
  catalog::Chip c;
  c.id = "apple-m4-max-40";
  c.vendor = "apple";
  c.family = "apple-max";
  c.generation = "m4";
  c.gpu_cores = 40;
  c.memory_bandwidth = BytesPerSecond{546e9};
  c.fp16_dense = FlopsPerSecond{17.2e12};
  return c;
}

inline catalog::Chip Gb10() {
  catalog::Chip c;
  c.id = "gb10";
  c.vendor = "nvidia";
  c.family = "gb10";
  c.generation = "blackwell";
  c.memory_bandwidth = BytesPerSecond{273e9};
  c.fp16_dense = FlopsPerSecond{125e12};
  return c;
}

inline catalog::Link Thunderbolt5Rdma() {
  return {.id = "rdma-tb5",
          .transport = catalog::Transport::kRdma,
          .medium = "thunderbolt5",
          .bandwidth = BitsPerSecond{80e9}};
}

inline catalog::Link Thunderbolt5Tcp() {
  return {.id = "tcp-tb5",
          .transport = catalog::Transport::kTcp,
          .medium = "thunderbolt5",
          .bandwidth = BitsPerSecond{80e9}};
}

inline Query On(const catalog::Model& model, const catalog::Quantization& quant,
                catalog::Engine engine, const catalog::Chip& chip, int nodes = 1) {
  Query q;
  q.model = &model;
  q.quant = &quant;
  q.engine = engine;
  for (int i = 0; i < nodes; ++i) {
    q.nodes.push_back({.chip = &chip, .layer_share = 1.0 / nodes});
  }
  q.context_tokens = 200;
  return q;
}

}  // namespace capacity::throughput::testing
