#include "planner/throughput/cluster.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace capacity::throughput {
namespace {

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

PrefillTerms ScaleWork(PrefillTerms terms, double factor) {
  terms.products *= factor;
  terms.attention *= factor;
  terms.recurrent *= factor;
  return terms;
}

// Bytes/s that a link carries at best. TCP reaches 40 % of Thunderbolt's and ConnectX-7's line rate
// and 80 % of Ethernet's; PCIe is taken as 4.0 x16 where the catalogue has no figure. 0: unknown.
double LineRate(const catalog::Link* link) {
  constexpr double kPcie4x16 = 25e9;
  if (link == nullptr) return 0;
  if (!link->bandwidth) return link->transport == catalog::Transport::kPcie ? kPcie4x16 : 0;
  double share = 1;
  if (link->transport == catalog::Transport::kTcp) {
    share = link->medium == "thunderbolt5" || link->medium == "connectx7" ? 0.4 : 0.8;
  }
  return share * link->bandwidth->value / 8;
}

absl::Status CheckQuery(const Query& query) {
  if (query.model == nullptr || query.quant == nullptr) {
    return absl::InvalidArgumentError("a query without model or quantization");
  }
  if (query.nodes.empty()) return absl::InvalidArgumentError("a query without nodes");
  if (query.batch < 1 || query.context_tokens < 0 || !(query.kv_bits > 0)) {
    return absl::InvalidArgumentError(
        "a query needs at least one stream, no negative context and a positive cache width");
  }
  return absl::OkStatus();
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
  if (GroupOf(engine) == EngineGroup::kLlama) return HopProfile::kLlamaRpc;
  return link->transport == catalog::Transport::kRdma ? HopProfile::kMlxRdma : HopProfile::kMlxTcp;
}

absl::StatusOr<Prepared> Prepared::Of(const Query& query) {
  if (absl::Status status = CheckQuery(query); !status.ok()) return status;
  Prepared out;
  out.strategy_ = query.strategy;
  out.engine_ = query.engine;
  out.unknown_architecture_ = query.model->unknown_architecture;
  if (query.link != nullptr) out.link_medium_ = query.link->medium;
  for (const NodeDevices& node : query.nodes) {
    absl::StatusOr<Device> device = DeviceOf(node);
    if (!device.ok()) return device.status();
    const int count = query.strategy == Strategy::kSingle ? 1 : std::max(1, node.accelerators);
    Rank rank{.chip = node.chip->id, .device = *device, .layer_share = node.layer_share / count};
    absl::StatusOr<DecodeProfile> decode = MakeDecodeProfile(query, device->platform);
    if (!decode.ok()) return decode.status();
    rank.decode = *decode;
    absl::StatusOr<PrefillProfile> prefill = MakePrefillProfile(query, device->platform);
    if (prefill.ok()) {
      rank.prefill = *prefill;
    } else {
      out.missing_for_prefill_ = prefill.status();
    }
    if (device->fp16_flops <= 0) {
      out.missing_for_prefill_ = absl::FailedPreconditionError(
          absl::StrCat("chip ", node.chip->id, " has no FP16 FLOP/s in the catalogue"));
    }
    out.ranks_.insert(out.ranks_.end(), static_cast<std::size_t>(count), rank);
    if (query.strategy == Strategy::kSingle) break;
  }
  out.all_reduce_ = AllReduceOf(query.engine, query.link);
  out.hop_ = HopOf(out.ranks_[0].decode.engine, query.link);
  if (query.all_reduce) out.measured_all_reduce_ms_ = 1e3 * query.all_reduce->value;
  out.link_rate_ = LineRate(query.link);
  out.context_ = query.context_tokens;
  out.prompt_ = {static_cast<double>(std::max(1, query.prompt_tokens)),
                 static_cast<double>(query.prompt_depth), static_cast<double>(query.batch)};
  out.batch_ = query.batch;
  out.kv_scale_ = query.kv_bits / 16;
  return out;
}

DecodeLoad Prepared::Load(double ranks, double batch) const {
  return {context_, batch, kv_scale_, ranks};
}

double Prepared::bytes_read() const { return ranks_[0].decode.weights.read(); }

DecodeDoubt Prepared::Doubt(const DecodeTerms& terms, const Calibration& calibration) const {
  const DecodeProfile& profile = ranks_[0].decode;
  const double total = terms.total();
  DecodeDoubt doubt{
      .launch_share = (terms.fixed + terms.layers) / total,
      .weight_share = (terms.weights + terms.compute) / total,
      .cache_share = (terms.cache + terms.state) / total,
      .communication_share = (terms.all_reduce + terms.hops + terms.streams) / total,
      .moe = profile.moe,
      .recurrent = profile.recurrent_blocks > 0,
      .vllm = profile.engine == EngineClass::kVllm,
      .other_engine = engine_ == catalog::Engine::kExo || engine_ == catalog::Engine::kOllama ||
                      engine_ == catalog::Engine::kOther,
      .batch = batch_ > 1,
      .before_2025 = profile.before_2025,
      .unknown_architecture = unknown_architecture_,
  };
  doubt.labs = 1e9;
  for (const Rank& rank : ranks_) {
    doubt.labs = std::min(doubt.labs, calibration.LabsBehind(rank.device.family));
    doubt.unseen_chip = doubt.unseen_chip || !calibration.chips.contains(rank.chip);
  }
  if (ranks_.size() > 1 && measured_all_reduce_ms_ == 0) {
    doubt.unseen_link =
        (strategy_ == Strategy::kTensor &&
         calibration.RowsBehind(std::string("cluster.all_reduce.") + Name(all_reduce_)) == 0) ||
        (strategy_ == Strategy::kPipeline &&
         calibration.RowsBehind(std::string("cluster.hop.") + Name(hop_)) == 0);
  }
  return doubt;
}

PrefillKind Prepared::Kind(const Calibration& calibration) const {
  const PrefillProfile& profile = ranks_[0].prefill;
  const Device& device = ranks_[0].device;
  PrefillKind kind;
  kind.engine = Name(GroupOf(profile.engine));
  kind.platform = Name(device.platform);
  if (ranks_.size() > 1 && strategy_ == Strategy::kTensor) kind.strategy = "tensor";
  if (ranks_.size() > 1 && strategy_ == Strategy::kPipeline) {
    kind.strategy = hop_ == HopProfile::kPcie ? "pipeline-in-box" : "pipeline";
  }
  kind.moe = profile.experts > 0;
  constexpr double kShortPrompt = 256;  // tokens; below it fixed costs decide
  kind.short_prompt = prompt_.tokens() < kShortPrompt;
  kind.before_2025 = profile.before_2025;
  kind.unseen =
      device.family == ChipFamily::kOther ||
      (kind.strategy == "tensor" && link_medium_ != "thunderbolt5") ||
      (profile.engine == EngineClass::kVllm && profile.format == PrefillFormat::kQuantised);
  kind.unknown_architecture = unknown_architecture_;
  for (const Rank& rank : ranks_) kind.unseen_chip |= !calibration.chips.contains(rank.chip);
  return kind;
}

Estimate Prepared::DecodeEstimate(const Calibration& calibration) const {
  const Step step = Decode(calibration.coefficients);
  return IntervalAround(step.tokens_per_second, DecodeLogHalfWidth(Doubt(step.terms, calibration)) *
                                                    calibration.decode_interval_scale);
}

Estimate Prepared::PrefillEstimate(const Calibration& calibration) const {
  return IntervalAround(Prefill(calibration.coefficients).tokens_per_second,
                        PrefillLogHalfWidth(Kind(calibration), calibration.prefill_widths));
}

// Equation 4.12: two all-reduces a layer, growing with the logarithm of the ranks. The profiles
// include the payload of a step; a TCP link may be slow, so its payload is counted.
double Prepared::AllReduceMs(const Coefficients& c, double ranks) const {
  const DecodeProfile& profile = ranks_[0].decode;
  const double one = measured_all_reduce_ms_ > 0
                         ? measured_all_reduce_ms_
                         : 1e-3 * c.all_reduce_us[static_cast<std::size_t>(all_reduce_)];
  const double count = 2 * profile.layers * (profile.mla && profile.moe ? c.all_reduce_mla_moe : 1);
  double ms = count * one * (1 + c.all_reduce_growth * std::log2(ranks / 2));
  if (all_reduce_ == AllReduceProfile::kTcp && link_rate_ > 0) {
    const double bytes = batch_ * profile.hidden * 2.0;  // activations at 16 bits
    ms += count * 1e3 * 2 * (ranks - 1) / ranks * bytes / link_rate_;
  }
  return ms;
}

Step Prepared::TensorDecode(const Coefficients& c, std::size_t first, std::size_t count) const {
  Step step;
  const double n = static_cast<double>(count);
  const double all_reduce = count > 1 ? AllReduceMs(c, n) : 0;
  for (std::size_t i = first; i < first + count; ++i) {
    DecodeTerms terms = DecodeStep(ranks_[i].decode, ranks_[i].device, Load(n, batch_), c);
    terms.all_reduce = all_reduce;
    if (i == first || terms.total() > step.terms.total()) step.terms = terms;
  }
  step.tokens_per_second = batch_ * 1e3 / step.terms.total();
  return step;
}

Step Prepared::PipelineDecode(const Coefficients& c) const {
  Step step;
  for (const Rank& rank : ranks_) {
    DecodeTerms terms = DecodeStep(rank.decode, rank.device, Load(1, batch_), c);
    step.terms = Sum(step.terms, Scale(terms, rank.layer_share));
  }
  step.terms.hops =
      (static_cast<double>(ranks_.size()) - 1) * c.hop_ms[static_cast<std::size_t>(hop_)];
  step.tokens_per_second = batch_ * 1e3 / step.terms.total();
  return step;
}

// Streams are dealt evenly; the aggregate is the sum.
Step Prepared::ReplicaDecode(const Coefficients& c) const {
  Step step;
  const double streams = std::max(1.0, batch_ / static_cast<double>(ranks_.size()));
  for (const Rank& rank : ranks_) {
    DecodeTerms terms = DecodeStep(rank.decode, rank.device, Load(1, streams), c);
    if (step.tokens_per_second == 0) step.terms = terms;
    step.tokens_per_second += streams * 1e3 / terms.total();
  }
  return step;
}

// Disaggregated: the node that decodes is the one that does it faster, the other fills its cache.
Step Prepared::FastestDecode(const Coefficients& c) const {
  Step best;
  for (std::size_t i = 0; i < ranks_.size(); ++i) {
    const Step step = TensorDecode(c, i, 1);
    if (step.tokens_per_second > best.tokens_per_second) best = step;
  }
  return best;
}

Step Prepared::Decode(const Coefficients& c) const {
  switch (strategy_) {
    case Strategy::kSingle:
    case Strategy::kTensor:
      return TensorDecode(c, 0, ranks_.size());
    case Strategy::kPipeline:
      return PipelineDecode(c);
    case Strategy::kReplicas:
      return ReplicaDecode(c);
    case Strategy::kDisaggregated:
      return FastestDecode(c);
  }
  return {};
}

PrefillTerms Prepared::Alone(const Rank& rank, const Coefficients& c) const {
  return PrefillOnDevice(rank.prefill, rank.device, prompt_, c);
}

// Equation 4.19.
PrefillTerms Prepared::TensorPrefill(const Coefficients& c) const {
  const double n = static_cast<double>(ranks_.size());
  PrefillTerms slowest;
  for (const Rank& rank : ranks_) {
    const PrefillTerms terms = Alone(rank, c);
    if (terms.total() > slowest.total()) slowest = terms;
  }
  slowest = ScaleWork(slowest, 1 / n);
  const PrefillProfile& profile = ranks_[0].prefill;
  constexpr double kBytes = 2;             // activations at 16 bits
  constexpr double kAllReduceMs = 0.1;     // latency; prompts are far above it
  constexpr double kUnknownRate = 1.25e9;  // bytes/s, 10 Gbit/s Ethernet
  const double rate = c.prefill_link_share * (link_rate_ > 0 ? link_rate_ : kUnknownRate);
  const double payload = prompt_.tokens() * profile.hidden * kBytes;
  const double batches = std::ceil(prompt_.tokens() / profile.micro_batch);
  slowest.communication =
      2 * profile.layers * (1e3 * 2 * (n - 1) / n * payload / rate + batches * kAllReduceMs);
  return slowest;
}

// Equation 4.20: MLX keeps the stages busy with successive micro-batches, llama.cpp in one box
// partly, over RPC not at all.
PrefillTerms Prepared::PipelinePrefill(const Coefficients& c) const {
  const double n = static_cast<double>(ranks_.size());
  PrefillTerms out;
  for (const Rank& rank : ranks_) {
    const PrefillTerms alone = Alone(rank, c);
    out.fixed = std::max(out.fixed, alone.fixed);
    out.products += rank.layer_share * alone.products;
    out.attention += rank.layer_share * alone.attention;
    out.recurrent += rank.layer_share * alone.recurrent;
  }
  const double batches = std::max(1.0, prompt_.tokens() / ranks_[0].prefill.micro_batch);
  const double ideal = (batches + n - 1) / (batches * n);
  if (ranks_[0].prefill.engine == EngineClass::kMlx) return ScaleWork(out, ideal);
  if (hop_ == HopProfile::kPcie) {
    const double overlap = std::min(1.0, c.pipeline_overlap_pcie);
    return ScaleWork(out, 1 - overlap + overlap * ideal);
  }
  constexpr double kRpcHopMs = 50;  // a boundary and micro-batch; assumed: no row resolves it
  out.communication =
      std::ceil(prompt_.tokens() / ranks_[0].prefill.micro_batch) * (n - 1) * kRpcHopMs;
  return out;
}

PrefillTerms Prepared::FastestPrefill(const Coefficients& c) const {
  PrefillTerms best = Alone(ranks_[0], c);
  for (const Rank& rank : ranks_) {
    const PrefillTerms terms = Alone(rank, c);
    if (terms.total() < best.total()) best = terms;
  }
  if (link_rate_ > 0) {
    best.communication =
        1e3 * prompt_.tokens() * ranks_[0].decode.cache_global * kv_scale_ / link_rate_;
  }
  return best;
}

PrefillTerms Prepared::PrefillTermsOf(const Coefficients& c) const {
  switch (strategy_) {
    case Strategy::kSingle:
    case Strategy::kReplicas:
      return Alone(ranks_[0], c);
    case Strategy::kTensor:
      return ranks_.size() > 1 ? TensorPrefill(c) : Alone(ranks_[0], c);
    case Strategy::kPipeline:
      return ranks_.size() > 1 ? PipelinePrefill(c) : Alone(ranks_[0], c);
    case Strategy::kDisaggregated:
      return FastestPrefill(c);
  }
  return {};
}

Prompt Prepared::Prefill(const Coefficients& c) const {
  Prompt out{.terms = PrefillTermsOf(c)};
  if (strategy_ != Strategy::kReplicas) {
    out.tokens_per_second = prompt_.tokens() * 1e3 / out.terms.total();
    return out;
  }
  for (const Rank& rank : ranks_) {
    out.tokens_per_second += prompt_.tokens() * 1e3 / Alone(rank, c).total();
  }
  return out;
}

}  // namespace capacity::throughput
