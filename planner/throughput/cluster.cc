#include "planner/throughput/cluster.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace capacity::throughput {
namespace {

struct Rank {
  Device device;
  double layer_share = 1;
};

absl::StatusOr<std::vector<Rank>> RanksOf(const Query& query) {
  if (query.nodes.empty()) return absl::InvalidArgumentError("a query without nodes");
  std::vector<Rank> ranks;
  for (const NodeDevices& node : query.nodes) {
    absl::StatusOr<Device> device = DeviceOf(node);
    if (!device.ok()) return device.status();
    const int count = query.strategy == Strategy::kSingle ? 1 : std::max(1, node.accelerators);
    for (int i = 0; i < count; ++i) ranks.push_back({*device, node.layer_share / count});
  }
  return ranks;
}

double LinkBytesPerSecond(const catalog::Link* link) {
  if (link == nullptr || !link->bandwidth) return 0;
  return link->bandwidth->value / 8;
}

// Equation 4.8: 2 all-reduces a layer, growing with the logarithm of the ranks, and their payload.
double AllReduceMs(const Query& query, const DecodeProfile& profile, double ranks,
                   const Coefficients& c) {
  const auto kind = static_cast<std::size_t>(AllReduceOf(query.engine, query.link));
  const double one =
      query.all_reduce ? 1e3 * query.all_reduce->value : 1e-3 * c.all_reduce_us[kind];
  const double count = 2 * profile.layers * (profile.mla && profile.moe ? c.all_reduce_mla_moe : 1);
  double ms = count * one * (1 + c.all_reduce_growth * std::log2(ranks / 2));
  const double rate = LinkBytesPerSecond(query.link);
  if (rate > 0) {
    const double bytes = query.batch * query.model->architecture.hidden_size * 2.0;
    ms += count * 1e3 * 2 * (ranks - 1) / ranks * bytes / rate;
  }
  return ms;
}

DecodeTerms Scale(DecodeTerms terms, double factor) {
  for (double* term : {&terms.fixed, &terms.layers, &terms.weights, &terms.compute, &terms.cache,
                       &terms.state, &terms.streams, &terms.all_reduce, &terms.hops}) {
    *term *= factor;
  }
  return terms;
}

DecodeTerms Sum(const DecodeTerms& a, const DecodeTerms& b) {
  return {a.fixed + b.fixed,     a.layers + b.layers,         a.weights + b.weights,
          a.compute + b.compute, a.cache + b.cache,           a.state + b.state,
          a.streams + b.streams, a.all_reduce + b.all_reduce, a.hops + b.hops};
}

DecodeLoad LoadOf(const Query& query, double ranks, double batch) {
  return {static_cast<double>(query.context_tokens), batch, query.kv_bits / 16, ranks};
}

absl::StatusOr<DecodeProfile> ProfileOn(const Query& query, const Device& device) {
  return MakeDecodeProfile(*query.model, *query.quant, query.engine, device.platform,
                           query.artifact);
}

absl::StatusOr<PrefillProfile> PrefillProfileOn(const Query& query, const Device& device) {
  return MakePrefillProfile(*query.model, *query.quant, query.engine, device.platform,
                            query.artifact);
}

absl::StatusOr<Step> TensorDecode(const Query& query, const std::vector<Rank>& ranks,
                                  const Coefficients& c) {
  Step step;
  for (const Rank& rank : ranks) {
    absl::StatusOr<DecodeProfile> profile = ProfileOn(query, rank.device);
    if (!profile.ok()) return profile.status();
    const double n = static_cast<double>(ranks.size());
    DecodeTerms terms = DecodeStep(*profile, rank.device, LoadOf(query, n, query.batch), c);
    if (n > 1) terms.all_reduce = AllReduceMs(query, *profile, n, c);
    if (terms.total() > step.terms.total()) step.terms = terms;
  }
  step.tokens_per_second = query.batch * 1e3 / step.terms.total();
  return step;
}

absl::StatusOr<Step> PipelineDecode(const Query& query, const std::vector<Rank>& ranks,
                                    const Coefficients& c) {
  Step step;
  for (const Rank& rank : ranks) {
    absl::StatusOr<DecodeProfile> profile = ProfileOn(query, rank.device);
    if (!profile.ok()) return profile.status();
    DecodeTerms terms = DecodeStep(*profile, rank.device, LoadOf(query, 1, query.batch), c);
    step.terms = Sum(step.terms, Scale(terms, rank.layer_share));
    const auto hop = static_cast<std::size_t>(HopOf(profile->engine, query.link));
    step.terms.hops += c.hop_ms[hop];
  }
  step.terms.hops *= (static_cast<double>(ranks.size()) - 1) / static_cast<double>(ranks.size());
  step.tokens_per_second = query.batch * 1e3 / step.terms.total();
  return step;
}

// Streams are dealt evenly; the aggregate is the sum, the terms are those of the first replica.
absl::StatusOr<Step> ReplicaDecode(const Query& query, const std::vector<Rank>& ranks,
                                   const Coefficients& c) {
  Step step;
  const double streams =
      std::max(1.0, static_cast<double>(query.batch) / static_cast<double>(ranks.size()));
  for (const Rank& rank : ranks) {
    absl::StatusOr<DecodeProfile> profile = ProfileOn(query, rank.device);
    if (!profile.ok()) return profile.status();
    DecodeTerms terms = DecodeStep(*profile, rank.device, LoadOf(query, 1, streams), c);
    if (step.tokens_per_second == 0) step.terms = terms;
    step.tokens_per_second += streams * 1e3 / terms.total();
  }
  return step;
}

}  // namespace

AllReduceProfile AllReduceOf(catalog::Engine engine, const catalog::Link* link) {
  if (link == nullptr) return AllReduceProfile::kUnknown;
  if (link->transport == catalog::Transport::kPcie) return AllReduceProfile::kPcie;
  if (link->transport == catalog::Transport::kTcp) return AllReduceProfile::kTcp;
  if (link->medium == "thunderbolt5" && engine == catalog::Engine::kExo) {
    return AllReduceProfile::kExoRdma;
  }
  if (link->medium == "thunderbolt5" && engine == catalog::Engine::kMlx) {
    return AllReduceProfile::kMlxRdma;
  }
  if (link->medium == "connectx7" &&
      (engine == catalog::Engine::kVllm || engine == catalog::Engine::kOther)) {
    return AllReduceProfile::kVllmRdma;
  }
  return AllReduceProfile::kUnknown;
}

HopProfile HopOf(EngineClass engine, const catalog::Link* link) {
  if (link == nullptr || link->transport == catalog::Transport::kPcie) return HopProfile::kPcie;
  if (engine == EngineClass::kLlamaMetal || engine == EngineClass::kLlamaCuda) {
    return HopProfile::kLlamaRpc;
  }
  return link->transport == catalog::Transport::kRdma ? HopProfile::kMlxRdma : HopProfile::kExoTcp;
}

absl::StatusOr<Step> DecodeOnCluster(const Query& query, const Coefficients& coefficients) {
  absl::StatusOr<std::vector<Rank>> ranks = RanksOf(query);
  if (!ranks.ok()) return ranks.status();
  switch (query.strategy) {
    case Strategy::kSingle:
      ranks->resize(1);
      return TensorDecode(query, *ranks, coefficients);
    case Strategy::kTensor:
      return TensorDecode(query, *ranks, coefficients);
    case Strategy::kPipeline:
      return PipelineDecode(query, *ranks, coefficients);
    case Strategy::kReplicas:
      return ReplicaDecode(query, *ranks, coefficients);
    case Strategy::kDisaggregated:
      break;
  }
  // The node that decodes is the one that does it faster; the other one fills its cache.
  Step best;
  for (const Rank& rank : *ranks) {
    absl::StatusOr<Step> step = TensorDecode(query, {rank}, coefficients);
    if (!step.ok()) return step.status();
    if (step->tokens_per_second > best.tokens_per_second) best = *step;
  }
  return best;
}

absl::StatusOr<Prompt> PrefillOnCluster(const Query& query, const Coefficients& c) {
  absl::StatusOr<std::vector<Rank>> ranks = RanksOf(query);
  if (!ranks.ok()) return ranks.status();
  if (query.strategy == Strategy::kSingle) ranks->resize(1);
  const double n = static_cast<double>(ranks->size());
  const double prompt = std::max(1, query.prompt_tokens);
  std::vector<PrefillTerms> alone;
  double micro = 0;
  for (const Rank& rank : *ranks) {
    if (rank.device.fp16_flops <= 0) {
      const catalog::Chip* chip = query.nodes[0].chip;
      for (const NodeDevices& node : query.nodes) {
        if (!node.chip->fp16_dense) chip = node.chip;
      }
      return absl::FailedPreconditionError(
          absl::StrCat("chip ", chip->id, " has no FP16 FLOP/s in the catalogue"));
    }
    absl::StatusOr<PrefillProfile> profile = PrefillProfileOn(query, rank.device);
    if (!profile.ok()) return profile.status();
    alone.push_back(PrefillPrompt(*profile, rank.device, prompt, 0, c));
    micro = MicroBatch(profile->engine);
  }
  Prompt result;
  const auto total = [](const PrefillTerms& a, const PrefillTerms& b) {
    return a.total() < b.total();
  };
  switch (query.strategy) {
    case Strategy::kSingle:
      result.terms = alone[0];
      break;
    case Strategy::kDisaggregated:
      result.terms = *std::min_element(alone.begin(), alone.end(), total);
      if (double rate = LinkBytesPerSecond(query.link); rate > 0) {
        result.terms.communication +=
            1e3 * prompt * query.model->kv_cache.global_bytes_per_token_bf16.value_or(0) / rate;
      }
      break;
    case Strategy::kReplicas:
      result.terms = alone[0];
      for (const PrefillTerms& terms : alone) {
        result.tokens_per_second += prompt * 1e3 / terms.total();
      }
      return result;
    case Strategy::kTensor: {
      result.terms = *std::max_element(alone.begin(), alone.end(), total);
      result.terms.products /= n;
      result.terms.attention /= n;
      const double layers = query.model->architecture.layers;
      const double hidden = query.model->architecture.hidden_size;
      double gbps = c.prefill_link_gbps;
      if (double rate = LinkBytesPerSecond(query.link); rate > 0) gbps = std::min(gbps, rate / 1e9);
      result.terms.communication = 8 * layers * prompt * hidden * (n - 1) / n / (gbps * 1e6) +
                                   2 * layers * c.prefill_all_reduce_ms;
      break;
    }
    case Strategy::kPipeline: {
      for (std::size_t i = 0; i < alone.size(); ++i) {
        const double share = (*ranks)[i].layer_share;
        result.terms.fixed = std::max(result.terms.fixed, alone[i].fixed);
        result.terms.products += share * alone[i].products;
        result.terms.attention += share * alone[i].attention;
      }
      // MLX keeps the stages busy with successive chunks; llama.cpp RPC runs them one by one.
      const double work = result.terms.products + result.terms.attention;
      if (query.engine == catalog::Engine::kMlx || query.engine == catalog::Engine::kExo) {
        const double chunks = std::max(1.0, prompt / micro);
        const double overlapped = work * (1 + (n - 1) / chunks) / n;
        result.terms.products *= overlapped / work;
        result.terms.attention *= overlapped / work;
      }
      break;
    }
  }
  result.tokens_per_second = prompt * 1e3 / result.terms.total();
  return result;
}

}  // namespace capacity::throughput
