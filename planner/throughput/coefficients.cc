#include "planner/throughput/coefficients.h"

#include <string>

namespace capacity::throughput {
namespace {

using At = double* (*)(Coefficients&, int);

class SpecList {
 public:
  void Scalar(const char* name, const char* unit, double sigma, At at, const char* meaning) {
    specs.push_back({name, unit, meaning, sigma, at, 0});
  }
  // One parameter for each of `count` members; NameOf(i) ends the name.
  template <class NameOf>
  void Array(const std::string& prefix, const char* unit, double sigma, At at, int count,
             NameOf name_of, const char* meaning) {
    for (int i = 0; i < count; ++i) {
      specs.push_back({prefix + name_of(i), unit, meaning, sigma, at, i});
    }
  }
  std::vector<ParameterSpec> specs;
};

std::vector<ParameterSpec> MakeSpecs() {
  SpecList list;
  auto family = [](int i) { return std::string(Name(static_cast<ChipFamily>(i))); };
  auto engine = [](int i) { return std::string(Name(static_cast<EngineClass>(i))); };
  auto reduce = [](int i) { return std::string(Name(static_cast<AllReduceProfile>(i))); };
  auto hop = [](int i) { return std::string(Name(static_cast<HopProfile>(i))); };
  auto generation = [](int i) { return "m" + std::to_string(i + 1); };
#define AT(member) [](Coefficients& c, int) { return &c.member; }
#define AT_INDEX(member) \
  [](Coefficients& c, int i) { return &c.member[static_cast<std::size_t>(i)]; }
  list.Array("decode.bandwidth_share.", "", 0.08, AT_INDEX(bandwidth_share), kChipFamilies, family,
             "share of peak memory bandwidth that weight reads reach");
  list.Scalar("decode.step", "ms", 0.5, AT(step_ms), "fixed cost of one step");
  list.Array("decode.layer.", "ms", 0.4, AT_INDEX(layer_ms), kEngineClasses, engine,
             "launch cost of one layer");
  list.Array("decode.moe_layer.", "", 0.4, AT_INDEX(moe_layer), kEngineClasses, engine,
             "extra launch cost of a mixture-of-experts layer, in layers");
  list.Scalar("decode.recurrent_layer", "", 0.4, AT(recurrent_layer),
              "extra launch cost in a hybrid model, in layers");
  list.Scalar("decode.mla_layer", "", 0.4, AT(mla_layer),
              "extra launch cost of latent attention, in layers");
  list.Scalar("decode.kv_share.metal", "", 0.15, AT(kv_share_metal),
              "share of peak bandwidth that reading the KV cache reaches");
  list.Scalar("decode.kv_share.cuda", "", 0.15, AT(kv_share_cuda),
              "share of peak bandwidth that reading the KV cache reaches");
  list.Scalar("decode.kv_share.mla", "", 0.3, AT(kv_share_mla),
              "share of peak bandwidth that reading a latent cache reaches");
  list.Array("decode.dequantise.", "weights/s/core", 0.25, AT_INDEX(dequantise_per_core), 3,
             generation, "rate at which one GPU core unpacks k-quant weights");
  list.Scalar("decode.dequantise.legacy", "", 0.2, AT(dequantise_legacy),
              "the same for q4_0, q8_0 and mxfp4, against k-quants");
  list.Scalar("decode.dequantise.mlx", "", 0.25, AT(dequantise_mlx),
              "the same for MLX formats, against k-quants");
  list.Scalar("batch.routing_exponent", "", 0.15, AT(routing_exponent),
              "tokens of a batch choose experts like this power of their number");
  list.Scalar("batch.compute_share", "", 0.3, AT(batch_compute_share),
              "share of peak FLOP/s in the small products of a batch");
  list.Array("batch.stream.", "ms", 0.5, AT_INDEX(batch_stream_ms), kEngineClasses, engine,
             "cost of each further stream");
  list.Array("cluster.all_reduce.", "us", 0.5, AT_INDEX(all_reduce_us), kAllReduceProfiles, reduce,
             "one small all-reduce between two ranks");
  list.Scalar("cluster.all_reduce_growth", "", 0.5, AT(all_reduce_growth),
              "relative growth of an all-reduce with each doubling beyond two ranks");
  list.Scalar("cluster.all_reduce_mla_moe", "", 0.2, AT(all_reduce_mla_moe),
              "all-reduces of a latent-attention mixture of experts, against two a layer");
  list.Array("cluster.hop.", "ms", 0.4, AT_INDEX(hop_ms), kHopProfiles, hop,
             "handing activations to the next pipeline stage");
  list.Array("prefill.flops_share.", "", 0.3, AT_INDEX(flops_share), kEngineClasses, engine,
             "share of peak FP16 FLOP/s in large products");
  list.Array("prefill.moe_flops.", "", 0.25, AT_INDEX(moe_flops), kEngineClasses, engine,
             "efficiency of expert products against dense ones");
  list.Scalar("prefill.flops_gb10", "", 0.25, AT(flops_gb10), "GB10 against its peak");
  list.Scalar("prefill.flops_rtx_llama", "", 0.25, AT(flops_rtx_llama),
              "RTX cards under llama.cpp against other CUDA chips");
  list.Scalar("prefill.flops_ultra_mlx", "", 0.1, AT(flops_ultra_mlx),
              "Ultra chips under MLX against other Apple chips");
  list.Scalar("prefill.flops_m5", "", 0.2, AT(flops_m5), "M5 neural accelerators against peak");
  list.Array("prefill.padding.", "tokens", 0.5, AT_INDEX(padding_tokens), kEngineClasses, engine,
             "tokens of padding a micro-batch pays for");
  list.Scalar("prefill.attention_share", "", 0.4, AT(attention_flops_share),
              "share of peak FP16 FLOP/s in attention");
  list.Scalar("prefill.weight_share", "", 0.15, AT(prefill_weight_share),
              "share of peak bandwidth for the weights of a micro-batch");
  list.Array("prefill.fixed.", "ms", 0.7, AT_INDEX(prefill_fixed_ms), kEngineClasses, engine,
             "fixed cost of a prompt");
  list.Scalar("prefill.link", "GB/s", 0.5, AT(prefill_link_gbps),
              "all-reduce payload rate between ranks");
  list.Scalar("prefill.all_reduce", "ms", 0.8, AT(prefill_all_reduce_ms),
              "latency of one all-reduce of a micro-batch");
#undef AT
#undef AT_INDEX
  return list.specs;
}

}  // namespace

const char* Name(EngineClass engine) {
  switch (engine) {
    case EngineClass::kLlamaMetal:
      return "llama-metal";
    case EngineClass::kLlamaCuda:
      return "llama-cuda";
    case EngineClass::kMlx:
      return "mlx";
    case EngineClass::kVllm:
      return "vllm";
  }
  return "unknown";
}

EngineClass ClassOf(catalog::Engine engine, catalog::Platform platform,
                    const catalog::Quantization& quant) {
  EngineClass llama =
      platform == catalog::Platform::kMetal ? EngineClass::kLlamaMetal : EngineClass::kLlamaCuda;
  switch (engine) {
    case catalog::Engine::kLlamaCpp:
    case catalog::Engine::kOllama:
      return llama;
    case catalog::Engine::kMlx:
    case catalog::Engine::kExo:
      return EngineClass::kMlx;
    case catalog::Engine::kVllm:
      return EngineClass::kVllm;
    case catalog::Engine::kOther:
      break;
  }
  if (quant.family == "gguf") return llama;
  return quant.family == "mlx" ? EngineClass::kMlx : EngineClass::kVllm;
}

const char* Name(ChipFamily family) {
  switch (family) {
    case ChipFamily::kAppleUltra:
      return "apple-ultra";
    case ChipFamily::kAppleMax:
      return "apple-max";
    case ChipFamily::kApplePro:
      return "apple-pro";
    case ChipFamily::kAppleBase:
      return "apple-base";
    case ChipFamily::kGb10:
      return "gb10";
    case ChipFamily::kRtx:
      return "rtx";
    case ChipFamily::kNvidiaDataCentre:
      return "nv-dc";
    case ChipFamily::kOther:
      return "other";
  }
  return "other";
}

const char* Name(AllReduceProfile profile) {
  switch (profile) {
    case AllReduceProfile::kExoRdma:
      return "exo-rdma";
    case AllReduceProfile::kMlxRdma:
      return "mlx-rdma";
    case AllReduceProfile::kVllmRdma:
      return "vllm-rdma";
    case AllReduceProfile::kPcie:
      return "pcie";
    case AllReduceProfile::kTcp:
      return "tcp";
    case AllReduceProfile::kUnknown:
      return "unknown";
  }
  return "unknown";
}

const char* Name(HopProfile profile) {
  switch (profile) {
    case HopProfile::kMlxRdma:
      return "mlx-rdma";
    case HopProfile::kExoTcp:
      return "exo-tcp";
    case HopProfile::kLlamaRpc:
      return "llama-rpc";
    case HopProfile::kPcie:
      return "pcie";
  }
  return "unknown";
}

const std::vector<ParameterSpec>& ParameterSpecs() {
  static const std::vector<ParameterSpec>& specs = *new std::vector<ParameterSpec>(MakeSpecs());
  return specs;
}

}  // namespace capacity::throughput
