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
    Array(prefix, unit, sigma, at, count, name_of, 0, meaning);
  }
  // The members from `first` on.
  template <class NameOf>
  void Array(const std::string& prefix, const char* unit, double sigma, At at, int count,
             NameOf name_of, int first, const char* meaning) {
    for (int i = first; i < count; ++i) {
      specs.push_back({prefix + name_of(i), unit, meaning, sigma, at, i});
    }
  }
  std::vector<ParameterSpec> specs;
};

std::vector<ParameterSpec> MakeSpecs() {
  SpecList list;
  constexpr int kKnownFamilies = 6;  // HBM and others have little behind them
  auto family = [](int i) { return std::string(Name(static_cast<ChipFamily>(i))); };
  auto engine = [](int i) { return std::string(Name(static_cast<EngineClass>(i))); };
  auto group = [](int i) { return std::string(Name(static_cast<EngineGroup>(i))); };
  auto launch = [](int i) { return std::string(Name(static_cast<LaunchClass>(i))); };
  auto kernel = [](int i) { return std::string(Name(static_cast<MatrixKernel>(i))); };
  auto format = [](int i) { return std::string(Name(static_cast<IntegerFormat>(i))); };
  auto prompt = [](int i) { return std::string(Name(static_cast<PromptKernel>(i))); };
  auto reduce = [](int i) { return std::string(Name(static_cast<AllReduceProfile>(i))); };
  auto hop = [](int i) { return std::string(Name(static_cast<HopProfile>(i))); };
  auto generation = [](int i) { return "m" + std::to_string(i + 1); };
#define AT(member) [](Coefficients& c, int) { return &c.member; }
#define AT_INDEX(member) \
  [](Coefficients& c, int i) { return &c.member[static_cast<std::size_t>(i)]; }
  list.Array("decode.bandwidth_share.", "", 0.06, AT_INDEX(bandwidth_share), kKnownFamilies, family,
             "share of peak memory bandwidth that weight reads reach");
  list.Array("decode.bandwidth_share.", "", 0.1, AT_INDEX(bandwidth_share), kChipFamilies, family,
             kKnownFamilies, "share of peak memory bandwidth that weight reads reach");
  list.Array("decode.generation.", "", 0.05, AT_INDEX(generation_share), 5, generation,
             "that share in an Apple generation, against its family");
  list.Scalar("decode.step", "ms", 0.5, AT(step_ms), "fixed cost of a step");
  list.Array("decode.layer.", "ms", 0.4, AT_INDEX(layer_ms), kLaunchClasses, launch,
             "launching one dense transformer layer");
  list.Array("decode.moe_block.", "", 0.4, AT_INDEX(moe_block), kEngineGroups, group,
             "launching a mixture-of-experts block, in dense MLP blocks");
  list.Scalar("decode.moe_block_growth", "", 0.7, AT(moe_block_growth),
              "its growth with the experts used per token: (k/4)^this");
  list.Scalar("decode.recurrent_block", "", 0.4, AT(recurrent_block),
              "launching a recurrent block, in attention blocks");
  list.Scalar("decode.extra_norms", "", 0.5, AT(extra_norms),
              "launching the additional normalisations of a layer that has four, in layers");
  list.Scalar("decode.mla_block", "", 0.4, AT(mla_block),
              "launching latent attention, in attention blocks");
  list.Scalar("decode.sparse_attention_block", "", 0.5, AT(sparse_attention_block),
              "launching the indexer of sparse attention, in attention blocks");
  list.Scalar("decode.ultra_launch", "", 0.3, AT(ultra_launch),
              "launching on an Ultra (two dies), against one die");
  list.Array("decode.unpack.", "1e9 weights/s/core", 0.4, AT_INDEX(unpack_rate), 3, generation,
             "rate at which one GPU core unpacks k-quant weights");
  list.Scalar("decode.unpack.plain", "", 0.4, AT(unpack_plain),
              "the same for formats without super-blocks (q4_0, q8_0, mxfp4), against k-quants");
  list.Scalar("decode.unpack.mlx", "", 0.4, AT(unpack_mlx),
              "the same for MLX formats, against k-quants");
  list.Scalar("decode.cache_share.metal", "", 0.15, AT(cache_share_metal),
              "share of peak bandwidth that reading the KV cache reaches");
  list.Scalar("decode.cache_share.cuda", "", 0.15, AT(cache_share_cuda),
              "share of peak bandwidth that reading the KV cache reaches");
  list.Array("decode.cache_walk.", "", 0.6, AT_INDEX(cache_walk), kEngineClasses, engine,
             "rate at which query heads walk the cache on the chip, in memory bandwidths");
  list.Scalar("decode.cache_walk.mla_cuda", "", 0.4, AT(cache_walk_mla_cuda),
              "that rate for latent attention on CUDA, against other attention");
  list.Array("decode.wide_head.", "", 0.4, AT_INDEX(wide_head), kEngineGroups, group,
             "attention speed with heads wider than 256, against narrower ones");
  list.Scalar("decode.old_cache.metal", "", 0.4, AT(old_cache_metal),
              "attention speed of llama.cpp builds before 2025, without flash attention");
  list.Scalar("decode.old_cache.cuda", "", 0.4, AT(old_cache_cuda),
              "attention speed of llama.cpp builds before 2025, without flash attention");
  list.Scalar("decode.state_share", "", 0.4, AT(state_share),
              "share of peak bandwidth that reading and writing recurrent state reaches");
  list.Scalar("batch.routing.softmax", "", 0.5, AT(routing_softmax),
              "shape of the popularity of experts under a softmax router");
  list.Scalar("batch.routing.balanced", "", 0.7, AT(routing_balanced),
              "shape of the popularity of experts under a balanced router");
  list.Scalar("batch.flops_share", "", 0.3, AT(batch_flops_share),
              "share of peak FP16 FLOP/s in the small products of a batch");
  list.Scalar("batch.stream.llama", "ms", 0.5, AT(stream_ms_llama),
              "cost of each further stream, llama.cpp");
  list.Scalar("batch.sampling_passes", "", 0.5, AT(sampling_passes),
              "passes over the 32-bit logits that sampling makes for each further stream");
  list.Scalar("measurement.request", "s", 0.7, AT(request_s),
              "set-up and short prompt in measurements that time whole requests");
  list.Array("cluster.all_reduce.", "us", 0.8, AT_INDEX(all_reduce_us), kAllReduceProfiles, reduce,
             "one small all-reduce between two ranks");
  list.Scalar("cluster.all_reduce_growth", "", 0.5, AT(all_reduce_growth),
              "relative growth of an all-reduce with each doubling beyond two ranks");
  list.Scalar("cluster.all_reduce_mla_moe", "", 0.3, AT(all_reduce_mla_moe),
              "all-reduces of a latent-attention mixture of experts, against two a layer");
  list.Array("cluster.hop.", "ms", 0.7, AT_INDEX(hop_ms), kHopProfiles, hop,
             "handing activations to the next pipeline stage");
  list.Array("prefill.flops_share.", "", 0.3, AT_INDEX(flops_share), kMatrixKernels, kernel,
             "share of the peak rate that large matrix products sustain");
  list.Array("prefill.generation.", "", 0.08, AT_INDEX(generation_flops), 4, generation,
             "Apple generation against its published rate");
  list.Array("prefill.generation.", "", 0.2, AT_INDEX(generation_flops), 5, generation, 4,
             "Apple generation against the rate of its neural accelerators");
  list.Scalar("prefill.ultra", "", 0.1, AT(ultra_flops), "Ultra chips (two dies)");
  list.Scalar("prefill.gb10", "", 0.25, AT(gb10_flops), "GB10 against its peak");
  list.Scalar("prefill.power_wall", "W per 1e12 FLOP/s", 0.3, AT(power_wall),
              "power limit per FP16 rate below which NVIDIA cards clock down");
  list.Scalar("prefill.metal_quantised", "", 0.1, AT(metal_quantised),
              "llama.cpp on Metal with quantised weights, against 16 bits");
  list.Array("prefill.integer_format.", "", 0.2, AT_INDEX(integer_format), kIntegerFormats, format,
             "llama.cpp's integer kernel of the format");
  list.Scalar("prefill.vllm_fp8", "", 0.3, AT(vllm_fp8),
              "vLLM with FP8 and a scale per tensor or channel, against 16 bits");
  list.Scalar("prefill.vllm_fp8_block", "", 0.3, AT(vllm_fp8_block),
              "vLLM with FP8 and a scale per 128 x 128 block, against 16 bits");
  list.Scalar("prefill.vllm_fp4", "", 0.3, AT(vllm_fp4),
              "vLLM with NVFP4 or MXFP4, against 16 bits");
  list.Array("prefill.moe_flops.", "", 0.2, AT_INDEX(moe_flops), kPromptKernels, prompt,
             "grouped expert products against dense ones");
  list.Scalar("prefill.moe_m5", "", 0.25, AT(moe_m5), "that on M5, further");
  list.Scalar("prefill.narrow_expert", "", 0.8, AT(narrow_expert),
              "width of an expert at which its products cost twice a wide one's");
  list.Scalar("prefill.expert_padding.apple", "tokens", 0.6, AT(expert_padding_apple),
              "padding per touched expert and micro-batch");
  list.Scalar("prefill.expert_padding.cuda", "tokens", 0.6, AT(expert_padding_cuda),
              "padding per touched expert and micro-batch");
  list.Scalar("prefill.padding.apple", "tokens", 0.5, AT(padding_apple),
              "padding per micro-batch of the dense products");
  list.Scalar("prefill.padding.m5", "tokens", 0.6, AT(padding_m5),
              "padding per micro-batch of the dense products");
  list.Array("prefill.attention_share.", "", 0.4, AT_INDEX(attention_share), kPromptKernels, prompt,
             "share of the FP16 rate that attention with heads of 128 sustains");
  list.Scalar("prefill.attention_m5", "", 0.3, AT(attention_m5), "that on M5, further");
  list.Scalar("prefill.wide_attention", "", 0.3, AT(wide_attention),
              "factor per doubling of the head beyond 128");
  list.Scalar("prefill.wide_attention_vllm", "", 0.3, AT(wide_attention_vllm),
              "factor per doubling of the head beyond 128, vLLM");
  list.Scalar("prefill.narrow_attention", "", 0.2, AT(narrow_attention),
              "factor per halving of the head below 128");
  list.Scalar("prefill.mla_attention", "", 0.4, AT(mla_attention), "latent attention");
  list.Scalar("prefill.index_attention", "", 0.7, AT(index_attention),
              "the indexer of sparse attention and its masking");
  list.Scalar("prefill.score_bytes_2024", "bytes", 0.3, AT(score_bytes_2024),
              "traffic per score and head in builds before 2025, without flash attention");
  list.Scalar("prefill.recurrent_share", "", 0.8, AT(recurrent_share),
              "share of the FP16 rate that recurrent layers sustain");
  list.Scalar("prefill.weight_share", "", 0.15, AT(prefill_weight_share),
              "share of peak bandwidth for the weights of a micro-batch");
  list.Scalar("prefill.fixed.mlx", "ms", 0.7, AT(prefill_fixed_mlx_ms), "fixed cost of a request");
  list.Scalar("prefill.fixed.vllm", "ms", 0.5, AT(prefill_fixed_vllm_ms),
              "fixed cost of a request");
  list.Scalar("prefill.old.metal", "", 0.2, AT(old_metal), "llama.cpp builds before 2025 on Metal");
  list.Scalar("prefill.old.metal_quantised", "", 0.2, AT(old_metal_quantised),
              "and with quantised weights, further");
  list.Scalar("prefill.old.cuda_quantised", "", 0.25, AT(old_cuda_quantised),
              "llama.cpp builds before 2025 on CUDA with quantised weights");
  list.Scalar("prefill.link_share", "", 0.4, AT(prefill_link_share),
              "share of the line rate that the all-reduces of a prompt reach");
  list.Scalar("prefill.pipeline_overlap", "", 0.4, AT(pipeline_overlap_pcie),
              "share of the ideal overlap of stages that llama.cpp reaches within one box");
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
    case EngineClass::kLlamaOther:
      return "llama-other";
    case EngineClass::kMlx:
      return "mlx";
    case EngineClass::kVllm:
      return "vllm";
  }
  return "unknown";
}

const char* Name(EngineGroup engine) {
  switch (engine) {
    case EngineGroup::kLlama:
      return "llama";
    case EngineGroup::kMlx:
      return "mlx";
    case EngineGroup::kVllm:
      return "vllm";
  }
  return "unknown";
}

EngineGroup GroupOf(EngineClass engine) {
  if (engine == EngineClass::kMlx) return EngineGroup::kMlx;
  return engine == EngineClass::kVllm ? EngineGroup::kVllm : EngineGroup::kLlama;
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

const char* Name(LaunchClass launch) {
  switch (launch) {
    case LaunchClass::kLlamaMetal:
      return "llama-metal";
    case LaunchClass::kLlamaMetalUndated:
      return "llama-metal-undated";
    case LaunchClass::kLlamaMetal2024:
      return "llama-metal-2024";
    case LaunchClass::kLlamaCuda:
      return "llama-cuda";
    case LaunchClass::kLlamaCuda2024:
      return "llama-cuda-2024";
    case LaunchClass::kLlamaOther:
      return "llama-other";
    case LaunchClass::kMlx:
      return "mlx";
    case LaunchClass::kVllm:
      return "vllm";
  }
  return "unknown";
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
    case ChipFamily::kGddr:
      return "gddr";
    case ChipFamily::kHbm:
      return "hbm";
    case ChipFamily::kOther:
      return "other";
  }
  return "other";
}

const char* Name(MatrixKernel kernel) {
  switch (kernel) {
    case MatrixKernel::kLlamaMetal:
      return "llama-metal";
    case MatrixKernel::kLlamaCuda16:
      return "llama-cuda-16bit";
    case MatrixKernel::kLlamaCudaInteger:
      return "llama-cuda-integer";
    case MatrixKernel::kMlx:
      return "mlx";
    case MatrixKernel::kVllm:
      return "vllm";
  }
  return "unknown";
}

const char* Name(IntegerFormat format) {
  switch (format) {
    case IntegerFormat::kQ4_0:
      return "q4_0";
    case IntegerFormat::kQ8_0:
      return "q8_0";
    case IntegerFormat::kSuperBlocks:
      return "k-quants";
    case IntegerFormat::kMxfp4:
      return "mxfp4";
  }
  return "unknown";
}

const char* Name(PromptKernel kernel) {
  switch (kernel) {
    case PromptKernel::kApple:
      return "apple";
    case PromptKernel::kLlamaCuda:
      return "llama-cuda";
    case PromptKernel::kVllm:
      return "vllm";
  }
  return "unknown";
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
    case HopProfile::kMlxTcp:
      return "mlx-tcp";
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
