// The sums behind a prediction, term by term (docs/model.md section 4).
#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "planner/throughput/cluster.h"
#include "planner/throughput/interval.h"
#include "planner/throughput/throughput.h"

namespace capacity::throughput {
namespace {

// "decode.step 0.51 ms (priors)", "decode.layer.mlx 0.036 ms (105 rows, s.e. 17 %)".
class Evidence {
 public:
  explicit Evidence(const Calibration& calibration) : calibration_(calibration) {}

  void Add(Term& term, const std::string& name) const {
    for (const ParameterSpec& spec : ParameterSpecs()) {
      if (spec.name != name) continue;
      Coefficients copy = calibration_.coefficients;
      absl::StrAppend(&term.parameters, term.parameters.empty() ? "" : ", ", name, " = ",
                      absl::StrFormat("%.4g", *spec.at(copy, spec.index)),
                      spec.unit.empty() ? "" : " ", spec.unit);
    }
    auto it = calibration_.parameters.find(name);
    absl::StrAppend(&term.origin, term.origin.empty() ? "" : "; ");
    if (it == calibration_.parameters.end() || it->second.rows == 0) {
      absl::StrAppend(&term.origin, name, ": prior, no measurements");
    } else {
      absl::StrAppend(&term.origin, name, ": ", it->second.rows, " measurements, ",
                      absl::StrFormat("s.e. %.0f %%", 100 * it->second.standard_error));
    }
  }

 private:
  const Calibration& calibration_;
};

void Keep(std::vector<Term>& terms, Term term) {
  if (term.milliseconds != 0) terms.push_back(std::move(term));
}

void BySize(std::vector<Term>& terms) {
  std::stable_sort(terms.begin(), terms.end(),
                   [](const Term& a, const Term& b) { return a.milliseconds > b.milliseconds; });
}

std::vector<std::string> IntervalReasons(const Prepared& prepared, const DecodeTerms& terms,
                                         const Calibration& calibration) {
  const DecodeDoubt doubt = prepared.Doubt(terms, calibration);
  std::vector<std::string> reasons;
  reasons.push_back(absl::StrFormat(
      "decode x/ %.2f: %.0f %% of the time is launching kernels, %.0f %% reading weights, %.0f %% "
      "attention, %.0f %% communication; %.0f labs measured this family of chips",
      std::exp(DecodeLogHalfWidth(doubt) * calibration.decode_interval_scale),
      100 * doubt.launch_share, 100 * doubt.weight_share, 100 * doubt.cache_share,
      100 * doubt.communication_share, doubt.labs));
  if (doubt.unseen_chip) reasons.push_back("wider: no measurement is of this very chip");
  if (doubt.unknown_architecture) {
    reasons.push_back("wider: the model's architecture is not known, only its tensors' sizes");
  }
  if (doubt.unseen_link) reasons.push_back("wider: no measurement is of this link and engine");
  if (doubt.batch) reasons.push_back("wider: several streams");
  if (doubt.other_engine) reasons.push_back("wider: EXO, Ollama or another engine");
  const PrefillKind kind = prepared.Kind(calibration);
  reasons.push_back(absl::StrFormat("prefill x/ %.2f: of the kind %s",
                                    std::exp(PrefillLogHalfWidth(kind, calibration.prefill_widths)),
                                    kind.Key()));
  return reasons;
}

}  // namespace

absl::StatusOr<Explanation> Explain(const Query& query, const Calibration& calibration) {
  absl::StatusOr<Prepared> prepared = Prepared::Of(query);
  if (!prepared.ok()) return prepared.status();
  if (!prepared->MissingForPrefill().ok()) return prepared->MissingForPrefill();
  const Step step = prepared->Decode(calibration.coefficients);
  const Device& device = prepared->first_device();
  const std::string engine = Name(ClassOf(query.engine, device.platform, *query.quant));
  const std::string family = Name(device.family);
  const Evidence evidence(calibration);
  Explanation out;

  const DecodeTerms& d = step.terms;
  Term fixed{.name = "fixed cost of a step", .milliseconds = d.fixed};
  evidence.Add(fixed, "decode.step");
  Keep(out.decode, fixed);
  Term layers{.name = "per-layer overhead", .milliseconds = d.layers};
  layers.parameters = absl::StrCat(query.model->architecture.layers, " layers");
  evidence.Add(layers, std::string("decode.layer.") + Name(prepared->first_decode().launch));
  if (query.model->architecture.is_moe())
    evidence.Add(layers,
                 std::string("decode.moe_block.") + Name(GroupOf(prepared->first_decode().engine)));
  Keep(out.decode, layers);
  Term read{.name = "weights read", .milliseconds = d.weights};
  read.parameters = absl::StrFormat("%.2f GB a token at %.0f GB/s", prepared->bytes_read() / 1e9,
                                    device.bandwidth / 1e9);
  evidence.Add(read, "decode.bandwidth_share." + family);
  Keep(out.decode, read);
  Term compute{.name = "products of the batch", .milliseconds = d.compute};
  evidence.Add(compute, "batch.flops_share");
  Keep(out.decode, compute);
  Term cache{.name = "KV cache read", .milliseconds = d.cache};
  cache.parameters = absl::StrCat(query.context_tokens, " tokens");
  evidence.Add(cache, device.platform == catalog::Platform::kMetal ? "decode.cache_share.metal"
                                                                   : "decode.cache_share.cuda");
  evidence.Add(cache, "decode.cache_walk." + engine);
  Keep(out.decode, cache);
  Term state{.name = "recurrent state", .milliseconds = d.state};
  evidence.Add(state, "decode.state_share");
  Keep(out.decode, state);
  Term streams{.name = "further streams", .milliseconds = d.streams};
  evidence.Add(streams, GroupOf(prepared->first_decode().engine) == EngineGroup::kLlama
                            ? "batch.stream.llama"
                            : "batch.sampling_passes");
  Keep(out.decode, streams);
  Term reduce{.name = "all-reduces", .milliseconds = d.all_reduce};
  if (query.all_reduce) {
    reduce.parameters = absl::StrFormat("%.0f us each", 1e6 * query.all_reduce->value);
    reduce.origin = "measured on this link";
  } else {
    evidence.Add(reduce,
                 std::string("cluster.all_reduce.") + Name(AllReduceOf(query.engine, query.link)));
  }
  Keep(out.decode, reduce);
  Term hops{.name = "hops between stages", .milliseconds = d.hops};
  evidence.Add(hops,
               std::string("cluster.hop.") +
                   Name(HopOf(ClassOf(query.engine, device.platform, *query.quant), query.link)));
  Keep(out.decode, hops);
  BySize(out.decode);

  const PrefillTerms p = prepared->Prefill(calibration.coefficients).terms;
  Term start{.name = "fixed cost of a prompt", .milliseconds = p.fixed};
  if (engine == "mlx" || engine == "vllm") {
    evidence.Add(start, "prefill.fixed." + engine);
  } else {
    start.parameters = "2 ms";
    start.origin = "assumed: llama.cpp times the evaluation alone";
  }
  Keep(out.prefill, start);
  Term products{.name = "matrix products", .milliseconds = p.products};
  products.parameters = absl::StrFormat("%.1f TFLOPS", device.fp16_flops / 1e12);
  evidence.Add(products, "prefill.flops_share." + engine);
  Term recurrent{.name = "recurrent layers", .milliseconds = p.recurrent};
  evidence.Add(recurrent, "prefill.recurrent_share");
  Keep(out.prefill, recurrent);
  Keep(out.prefill, products);
  Term attention{.name = "attention", .milliseconds = p.attention};
  evidence.Add(attention, std::string("prefill.attention_share.") +
                              (device.platform == catalog::Platform::kMetal ? "apple"
                               : engine == "vllm"                           ? "vllm"
                                                                            : "llama-cuda"));
  Keep(out.prefill, attention);
  Term communication{.name = "communication", .milliseconds = p.communication};
  evidence.Add(communication, "prefill.link_share");
  Keep(out.prefill, communication);
  BySize(out.prefill);

  out.interval = IntervalReasons(*prepared, step.terms, calibration);
  return out;
}

}  // namespace capacity::throughput
