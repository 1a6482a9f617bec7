// A small catalogue and fleets made in code, for tests that want to see every fact they rest on.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/fleet/fleet.h"

namespace capacity::testing {

inline catalog::Model DenseModel(std::string id, double parameters, int layers, int hidden,
                                 int heads, int kv_heads, int head_dim, int vocab) {
  catalog::Model model;
  model.id = id;
  model.name = std::move(id);
  model.max_context = 131072;
  model.architecture.layers = layers;
  model.architecture.hidden_size = hidden;
  model.architecture.heads = heads;
  model.architecture.kv_heads = kv_heads;
  model.architecture.head_dim = head_dim;
  model.architecture.vocab = vocab;
  model.architecture.tied_embeddings = false;
  model.parameters.total = parameters;
  model.parameters.head = static_cast<double>(vocab) * hidden;
  model.parameters.embedding = model.parameters.head;
  model.parameters.decode_read = parameters - *model.parameters.embedding;
  model.kv_cache.global_bytes_per_token_bf16 = 2.0 * layers * kv_heads * head_dim * 2;
  return model;
}

inline catalog::Model Llama70B() {
  return DenseModel("llama-3.3-70b", 70553706496, 80, 8192, 64, 8, 128, 128256);
}

inline catalog::Model Qwen235B() {
  catalog::Model model = DenseModel("qwen3-235b-a22b", 235093634560, 94, 4096, 64, 4, 128, 151936);
  model.architecture.experts = 128;
  model.architecture.experts_per_token = 8;
  model.parameters.routed_experts = 94.0 * 128 * 3 * 4096 * 1536;
  model.parameters.decode_read = 21568433664;
  return model;
}

// MLA: the cache has no heads.
inline catalog::Model DeepSeekV31() {
  catalog::Model model = DenseModel("deepseek-v3.1", 671026419200, 61, 7168, 128, 128, 128, 129280);
  model.max_context = 163840;
  model.architecture.attention = catalog::AttentionKind::kMla;
  model.architecture.head_dim.reset();
  model.architecture.kv_lora_rank = 512;
  model.architecture.qk_nope_head_dim = 128;
  model.architecture.v_head_dim = 128;
  model.architecture.qk_rope_head_dim = 64;
  model.architecture.experts = 256;
  model.architecture.experts_per_token = 8;
  model.parameters.routed_experts = 58.0 * 256 * 3 * 7168 * 2048;
  model.parameters.decode_read = 36625618432;
  model.kv_cache.global_bytes_per_token_bf16 = 61 * (512 + 64) * 2;
  return model;
}

inline catalog::Quantization Quant(std::string id, std::string family, double bits,
                                   std::vector<catalog::Engine> engines,
                                   std::vector<std::string> platforms = {}) {
  catalog::Quantization quant;
  quant.id = std::move(id);
  quant.family = std::move(family);
  quant.engines = std::move(engines);
  quant.platforms = std::move(platforms);
  quant.bits = catalog::TensorBits{bits, bits, bits, bits};
  quant.nominal_bits = bits;
  return quant;
}

inline catalog::Chip MakeChip(std::string id, std::string vendor, std::string family,
                              std::string generation, double gb_per_second, double tflops,
                              int gpu_cores) {
  catalog::Chip chip;
  chip.id = std::move(id);
  chip.vendor = std::move(vendor);
  chip.family = std::move(family);
  chip.generation = std::move(generation);
  chip.memory_bandwidth = BytesPerSecond{gb_per_second * 1e9};
  chip.fp16_dense = FlopsPerSecond{tflops * 1e12};
  chip.gpu_cores = gpu_cores;
  return chip;
}

inline catalog::Machine Mac(std::string id, std::string chip, int gib,
                            catalog::ThunderboltPorts ports) {
  catalog::Machine machine;
  machine.id = std::move(id);
  machine.chip = std::move(chip);
  machine.os = catalog::OperatingSystem::kMacos;
  machine.memory = GiB(gib);
  machine.ports.thunderbolt = ports;
  return machine;
}

inline catalog::Link MakeLink(std::string id, catalog::Transport transport, std::string medium,
                              double gbps, std::string cable = "") {
  catalog::Link link;
  link.id = std::move(id);
  link.transport = transport;
  link.medium = std::move(medium);
  if (gbps > 0) link.bandwidth = BitsPerSecond{gbps * 1e9};
  link.direct_cable = std::move(cable);
  return link;
}

inline catalog::MetalLimit Limit(int gib, int macos_min, int macos_max, double mib) {
  catalog::MetalLimit limit;
  limit.ram = GiB(gib);
  limit.macos_min = macos_min;
  limit.macos_max = macos_max;
  limit.working_set = Bytes{1} * (mib * 1048576);
  return limit;
}

// Three Macs, a Spark and a two-card workstation; five models' worth of shapes.
inline catalog::Catalog SmallCatalog() {
  using catalog::Engine;
  using catalog::Transport;
  catalog::Catalog c;
  c.models = {Llama70B(), Qwen235B(), DeepSeekV31(),
              DenseModel("llama-3.1-8b", 8030261248, 32, 4096, 32, 8, 128, 128256)};
  c.quantizations = {
      Quant("q8_0", "gguf", 8.5, {Engine::kLlamaCpp, Engine::kOllama}),
      Quant("mlx-8bit", "mlx", 8.5, {Engine::kMlx, Engine::kExo}, {"metal"}),
      Quant("bf16", "safetensors", 16,
            {Engine::kLlamaCpp, Engine::kOllama, Engine::kMlx, Engine::kExo, Engine::kVllm}),
      Quant("int4-awq", "safetensors", 4.25, {Engine::kVllm}, {"cuda"}),
  };
  c.chips = {
      MakeChip("apple-m3-ultra-80", "apple", "apple-ultra", "m3", 819, 28.4, 80),
      MakeChip("apple-m3-ultra-60", "apple", "apple-ultra", "m3", 819, 21.3, 60),
      MakeChip("apple-m4-max-40", "apple", "apple-max", "m4", 546, 18.4, 40),
      MakeChip("apple-m4-10", "apple", "apple-base", "m4", 120, 4.6, 10),
      MakeChip("gb10", "nvidia", "gb10", "blackwell", 273, 100, 48),
      MakeChip("rtx-3090", "nvidia", "rtx", "ampere", 936, 71, 82),
  };
  catalog::Machine spark;
  spark.id = "dgx-spark";
  spark.chip = "gb10";
  spark.memory = GiB(128);
  spark.memory_available = Bytes{1} * (115.8 * (1LL << 30));
  spark.ports.connectx7 = catalog::ConnectX7Ports{2, 200};
  catalog::Machine dual;
  dual.id = "dual-rtx-3090";
  dual.chip = "rtx-3090";
  dual.accelerators = 2;
  dual.vram_per_accelerator = GiB(24);
  c.machines = {Mac("ultra-512", "apple-m3-ultra-80", 512, {5, 6, 5}),
                Mac("ultra-96", "apple-m3-ultra-60", 96, {5, 6, 5}),
                Mac("max-128", "apple-m4-max-40", 128, {5, 4, 4}),
                Mac("mini-32", "apple-m4-10", 32, {4, 3, 0}),
                spark,
                dual};
  c.metal_limits = {Limit(32, 0, 15, 21845.3),  Limit(96, 0, 15, 73728), Limit(128, 0, 15, 98304),
                    Limit(512, 0, 0, 475136),   Limit(32, 26, 0, 25559), Limit(64, 26, 0, 53084.2),
                    Limit(128, 26, 0, 110100.5)};
  c.links = {MakeLink("pcie", Transport::kPcie, "pcie", 0),
             MakeLink("rdma-tb5", Transport::kRdma, "thunderbolt5", 80, "thunderbolt5-cable"),
             MakeLink("tcp-tb5", Transport::kTcp, "thunderbolt5", 80, "thunderbolt5-cable"),
             MakeLink("rdma-cx7-200g", Transport::kRdma, "connectx7", 200, "qsfp56-dac-200g"),
             MakeLink("tcp-10gbe", Transport::kTcp, "ethernet", 10, "ethernet-cable")};
  c.links[1].min_os_version = "26.2";
  c.links[1].engines = {Engine::kMlx, Engine::kExo};
  c.links[3].engines = {Engine::kVllm};
  c.Index();
  return c;
}

// "ultra-512" -> a node of that machine with macOS 26.2 and RDMA on where it is a Mac.
inline fleet::Node MakeNode(const catalog::Catalog& catalog, std::string machine,
                            std::string name) {
  fleet::Node node;
  node.name = std::move(name);
  node.machine = catalog.FindMachine(machine);
  node.chip = node.machine == nullptr ? nullptr : catalog.FindChip(node.machine->chip);
  if (node.machine != nullptr && node.machine->os == catalog::OperatingSystem::kMacos) {
    node.os_version = fleet::OsVersion{26, 2};
    node.rdma_enabled = true;
  }
  return node;
}

// Nodes named after their machine: "ultra-512-1", "ultra-512-2", ...
inline std::vector<fleet::Node> Nodes(const catalog::Catalog& catalog,
                                      const std::vector<std::pair<std::string, int>>& machines) {
  std::vector<fleet::Node> nodes;
  for (const auto& [machine, count] : machines) {
    for (int i = 1; i <= count; ++i) {
      nodes.push_back(MakeNode(catalog, machine, machine + "-" + std::to_string(i)));
    }
  }
  return nodes;
}

inline fleet::LinkGroup Mesh(const catalog::Catalog& catalog, const std::string& link,
                             std::vector<int> members) {
  fleet::LinkGroup group;
  group.link = catalog.FindLink(link);
  group.members = std::move(members);
  for (std::size_t i = 0; i < group.members.size(); ++i) {
    for (std::size_t j = i + 1; j < group.members.size(); ++j) {
      group.pairs.push_back({group.members[i], group.members[j]});
    }
  }
  return group;
}

// Nodes 0 .. count-1 in a row, each joined to the next.
inline fleet::LinkGroup Row(const catalog::Catalog& catalog, const std::string& link, int count) {
  fleet::LinkGroup group;
  group.link = catalog.FindLink(link);
  for (int i = 0; i < count; ++i) group.members.push_back(i);
  for (int i = 1; i < count; ++i) group.pairs.push_back({i - 1, i});
  return group;
}

inline fleet::Fleet MakeFleet(std::vector<fleet::Node> nodes,
                              std::vector<fleet::LinkGroup> links = {}) {
  auto fleet = fleet::Fleet::Create(std::move(nodes), std::move(links), {});
  EXPECT_TRUE(fleet.ok()) << fleet.status();
  return fleet.ok() ? *std::move(fleet) : fleet::Fleet();
}

}  // namespace capacity::testing
