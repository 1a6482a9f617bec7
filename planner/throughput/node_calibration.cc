#include "planner/throughput/node_calibration.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <set>
#include <utility>

#include "Eigen/Cholesky"
#include "Eigen/Core"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "planner/throughput/cluster.h"
#include "planner/throughput/interval.h"

namespace capacity::throughput {
namespace {

constexpr double kRepeat = 0.02;           // standard deviation of repeated runs, natural logarithm
constexpr double kEightyPercent = 1.2816;  // half-width of an 80 % interval in standard deviations
constexpr double kDrift = 0.1;    // engines change: standard deviation a year, natural logarithm;
                                  // assumed
constexpr double kOld = 0.15;     // drift from which on a measurement is called old: 18 months
constexpr double kTold = 1.25;    // how much narrower the others must make what they contradict
constexpr double kTooFar = 3;     // standard deviations that make a measurement a contradiction
constexpr double kUpgrade = 0.4;  // natural logarithm: by less than this another version of an
                                  // engine may well differ from what is known of it; assumed
// Bandwidths are vendors' figures, bytes read are the model's: above both by this much nothing is
// believed. Speculative decoding passes it, and is another kind of speed.
constexpr double kBandwidthSlack = 1.2;

double Square(double x) { return x * x; }

// How the variance of a prediction divides, by the likelihood of the residuals of labs that the fit
// had not seen (docs/accuracy.md says how well that serves). Shares of 1.
struct Shares {
  double machine;
  double engine;  // on the machine, alike at speeds of the same order
  double model;   // on the engine and machine
  double run;
  bool by_tokens;  // engine and model also depend on how many tokens are in the cache
};
// Decode or prefill.
struct Half {
  const char* name;
  Shares shares;
  double few_tokens;  // that change nothing about a speed
};
constexpr Half kDecode = {"decode", {0.14, 0.42, 0.28, 0.16, false}, 256};
constexpr Half kPrefill = {"prefill", {0.01, 0.44, 0.27, 0.28, true}, 16};
constexpr double kSpeedScale = 0.7;   // natural logarithm of tokens/s over which likeness fades
constexpr double kTokensScale = 1.5;  // likewise of tokens in the cache
constexpr double kSameTokens = 0.15;  // likewise for one configuration's runs to be the same
constexpr double kFewTokens = 200;
constexpr double kSeveral = 3;  // measurements whose scatter says something of the widths
constexpr double kFewest = 4;   // measurements that can be worse at predicting each other ...
constexpr double kWorse = 2;    // ... by this much more than their scatter explains

using Kinds = std::vector<std::string>;  // sorted, each once

Kinds KindsOf(std::vector<std::string> machines) {
  std::sort(machines.begin(), machines.end());
  machines.erase(std::unique(machines.begin(), machines.end()), machines.end());
  return machines;
}

// Kinds in both over kinds in either.
double Overlap(const Kinds& a, const Kinds& b) {
  std::vector<std::string> both;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(both));
  const double either = static_cast<double>(a.size() + b.size() - both.size());
  return either > 0 ? static_cast<double>(both.size()) / either : 0;
}

// What makes two runs the same but for the tokens in the cache.
struct Configuration {
  const catalog::Model* model = nullptr;
  const catalog::Quantization* quant = nullptr;
  catalog::Engine engine = catalog::Engine::kOther;
  Strategy strategy = Strategy::kSingle;
  const catalog::Link* link = nullptr;
  int batch = 1;
  double kv_bits = 16;
  std::vector<std::string> machines;  // sorted

  friend bool operator==(const Configuration&, const Configuration&) = default;
};

// One half of a run, measured or asked for.
struct Run {
  Configuration configuration;
  Kinds kinds;                                     // of its machines
  EngineClass kernels = EngineClass::kLlamaOther;  // Ollama runs llama.cpp's, EXO on Macs MLX's
  std::string link;                                // with the strategy; empty: one node
  double log_speed = 0;                            // predicted
  double tokens = 0;                               // in the cache
  double deviation = 0;                            // of log(true / predicted), without the link's
  double link_deviation = 0;  // of log(true / predicted), by what the link costs
};

// Measured: the run, and how it came out.
struct Outcome {
  Run run;
  std::size_t index = 0;  // among the measurements as they were given
  double age_years = 0;
  double residual = 0;      // log(measured / predicted)
  double contradicted = 0;  // by the others: its distance from what they let expect
  double strange = 0;       // variance for being far from the catalogue with nothing to confirm it
  double speed = 0;         // measured, tokens/s
  std::string name;

  double drift() const { return kDrift * age_years; }
  // Variance beyond the run's share.
  double noise() const {
    return Square(kRepeat) + Square(drift()) + Square(contradicted) + strange;
  }
};

Run RunOf(const Query& query, const std::vector<std::string>& sorted_machines,
          const Estimate& expected) {
  Run run;
  run.configuration = {query.model, query.quant, query.engine,  query.strategy,
                       query.link,  query.batch, query.kv_bits, sorted_machines};
  run.kinds = KindsOf(sorted_machines);
  run.kernels = ClassOf(query.engine, query.nodes[0].chip->platform(), *query.quant);
  if (query.link != nullptr && query.nodes.size() > 1) {
    run.link = absl::StrCat(query.link->id, " ", Name(query.strategy));
  }
  run.log_speed = std::log(expected.mid);
  run.deviation = std::log(expected.high / expected.mid) / kEightyPercent;
  return run;
}

std::vector<std::string> Sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

double LogTokens(double tokens) { return std::log(std::max(kFewTokens, tokens)); }

// The same with the part of the deviation that is the link's taken apart.
Run DecodeRun(const Query& query, const std::vector<std::string>& sorted_machines,
              const Estimate& expected, const Prepared& prepared, const Calibration& calibration) {
  Run run = RunOf(query, sorted_machines, expected);
  run.tokens = query.context_tokens;
  if (!run.link.empty()) {
    const double share = CommunicationVarianceShare(
        prepared.Doubt(prepared.Decode(calibration.coefficients).terms, calibration));
    run.link_deviation = run.deviation * std::sqrt(share);
    run.deviation *= std::sqrt(1 - share);
  }
  return run;
}

Run PrefillRun(const Query& query, const std::vector<std::string>& sorted_machines,
               const Estimate& expected) {
  Run run = RunOf(query, sorted_machines, expected);
  run.tokens = query.prompt_depth + query.prompt_tokens;
  return run;
}

// Faster than this no engine decodes that reads its weights once a step, tokens/s of all streams.
double MostDecode(const Query& query, const Prepared& prepared) {
  double bandwidth = 0;
  for (const NodeDevices& node : query.nodes) {
    const BytesPerSecond peak = node.chip->memory_bandwidth.value_or(BytesPerSecond{0});
    bandwidth += node.accelerators * std::max(node.bandwidth, peak).value;
  }
  return kBandwidthSlack * query.batch * bandwidth / prepared.bytes_read();
}

double Fading(double distance, double scale) { return std::exp(-Square(distance / scale) / 2); }

// What two runs have in common (equation 4.24). The smaller variance is what they can share: the
// rest of the larger is that run's own.
double Covariance(const Run& a, const Run& b, const Shares& shares) {
  double likeness = shares.machine;
  const double apart = LogTokens(a.tokens) - LogTokens(b.tokens);
  if (a.kernels == b.kernels) {
    const double tokens = shares.by_tokens ? Fading(apart, kTokensScale) : 1;
    likeness += shares.engine * tokens * Fading(a.log_speed - b.log_speed, kSpeedScale);
    if (a.configuration.model->id == b.configuration.model->id) likeness += shares.model * tokens;
  }
  if (a.configuration == b.configuration) likeness += shares.run * Fading(apart, kSameTokens);
  const double shared = Square(std::min(a.deviation, b.deviation));
  double covariance = shared * likeness * Overlap(a.kinds, b.kinds);
  if (!a.link.empty() && a.link == b.link && a.configuration.engine == b.configuration.engine) {
    covariance += Square(std::min(a.link_deviation, b.link_deviation));
  }
  return covariance;
}

double Variance(const Run& run) { return Square(run.deviation) + Square(run.link_deviation); }

// The same but for so few tokens that the speed is the same.
bool Same(const Run& a, const Run& b, double few_tokens) {
  constexpr double kNear = 0.1;
  return a.configuration == b.configuration &&
         std::abs(a.tokens - b.tokens) <=
             std::max(few_tokens, kNear * std::max(a.tokens, b.tokens));
}

// Measurements of one half, and what follows from them.
class Judgement {
 public:
  Judgement(std::vector<Outcome> outcomes, const Half& half, std::vector<std::string>& remarks)
      : outcomes_(std::move(outcomes)), half_(half) {
    if (outcomes_.empty()) return;
    Invert();
    NameTheOld(remarks);
    DistrustContradictions(remarks);
    DistrustStrangers(remarks);
    Weigh();
    JudgeGroups(remarks);
    for (const Outcome& outcome : outcomes_) {
      most_ = std::max(most_, outcome.residual);
      least_ = std::min(least_, outcome.residual);
    }
  }

  bool empty() const { return outcomes_.empty(); }

  // The posterior of a run; nullopt when nothing measured bears on it.
  std::optional<Estimate> Of(const Run& run) const {
    if (const Outcome* same = TrustedOf(run)) {
      const double scatter = std::hypot(kRepeat, same->drift());
      Estimate out =
          IntervalAround(std::exp(run.log_speed + same->residual), kEightyPercent * scatter);
      out.source = EstimateSource::kMeasuredPlacement;
      return out;
    }
    const Eigen::Index n = Size();
    Eigen::VectorXd common(n);
    for (Eigen::Index i = 0; i < n; ++i) common[i] = Covariance(At(i).run, run, half_.shares);
    if (common.isZero()) return std::nullopt;
    return Posterior(run, common.dot(weights_), common.dot(inverse_ * common), common);
  }

  // The posterior of outcome i by the others alone; nullopt when none bears on it.
  std::optional<Estimate> WithoutItself(Eigen::Index i) const {
    const Run& run = At(i).run;
    Eigen::VectorXd common(Size());
    for (Eigen::Index j = 0; j < Size(); ++j) {
      common[j] = j == i ? 0 : Covariance(At(j).run, run, half_.shares);
    }
    if (common.isZero()) return std::nullopt;
    const double told = OwnVariance(i) - 1 / inverse_(i, i);
    return Posterior(run, At(i).residual - weights_[i] / inverse_(i, i), told, common);
  }

  const std::vector<Outcome>& outcomes() const { return outcomes_; }

 private:
  // Measurements that bear on each other, directly or through others.
  struct Group {
    double scale = 1;     // how much wider than foretold everything about it is
    bool narrows = true;  // they predict each other better than the catalogue predicts them
  };

  Eigen::Index Size() const { return static_cast<Eigen::Index>(outcomes_.size()); }
  const Outcome& At(Eigen::Index i) const { return outcomes_[static_cast<std::size_t>(i)]; }
  Outcome& At(Eigen::Index i) { return outcomes_[static_cast<std::size_t>(i)]; }
  const Group& GroupOf(Eigen::Index i) const {
    return groups_[static_cast<std::size_t>(group_of_[static_cast<std::size_t>(i)])];
  }

  double OwnVariance(Eigen::Index i) const { return Variance(At(i).run) + At(i).noise(); }

  // The newest of this very configuration that is not old and that the others do not rule out.
  const Outcome* TrustedOf(const Run& run) const {
    const Outcome* newest = nullptr;
    for (const Outcome& outcome : outcomes_) {
      if (!Same(outcome.run, run, half_.few_tokens)) continue;
      if (outcome.drift() >= kOld || outcome.contradicted > kUpgrade) continue;
      if (newest == nullptr || outcome.age_years <= newest->age_years) newest = &outcome;
    }
    return newest;
  }

  Estimate Posterior(const Run& run, double shift, double told,
                     const Eigen::VectorXd& common) const {
    double wider = 1;
    for (Eigen::Index i = 0; i < Size(); ++i) {
      const double related = common[i] / std::sqrt(Variance(run) * Variance(At(i).run));
      wider = std::max(wider, 1 + (GroupOf(i).scale - 1) * std::min(1.0, related));
      if (related > 0 && !GroupOf(i).narrows) told = 0;
    }
    const double variance = wider * std::max(0.0, Variance(run) - told);
    Estimate out = IntervalAround(std::exp(run.log_speed + std::clamp(shift, least_, most_)),
                                  kEightyPercent * std::max(kRepeat, std::sqrt(variance)));
    out.source = EstimateSource::kNodeCalibrated;
    return out;
  }

  void Invert() {
    const Eigen::Index n = Size();
    Eigen::MatrixXd covariance(n, n);
    for (Eigen::Index i = 0; i < n; ++i) {
      for (Eigen::Index j = 0; j < i; ++j) {
        covariance(i, j) = covariance(j, i) = Covariance(At(i).run, At(j).run, half_.shares);
      }
      covariance(i, i) = OwnVariance(i);
    }
    FindGroups(covariance);
    inverse_ = Eigen::LLT<Eigen::MatrixXd>(covariance).solve(Eigen::MatrixXd::Identity(n, n));
    Weigh();
  }

  void Weigh() {
    Eigen::VectorXd residuals(Size());
    for (Eigen::Index i = 0; i < Size(); ++i) residuals[i] = At(i).residual;
    weights_ = inverse_ * residuals;
  }

  // The inverse after `more` variance of outcome i's own (Sherman and Morrison).
  void Widen(Eigen::Index i, double more) {
    const Eigen::VectorXd column = inverse_.col(i);
    inverse_ -= (more / (1 + more * column[i])) * column * column.transpose();
    Weigh();
  }

  void FindGroups(const Eigen::MatrixXd& covariance) {
    group_of_.assign(outcomes_.size(), -1);
    int groups = 0;
    for (Eigen::Index first = 0; first < Size(); ++first) {
      if (group_of_[static_cast<std::size_t>(first)] >= 0) continue;
      std::vector<Eigen::Index> waiting = {first};
      group_of_[static_cast<std::size_t>(first)] = groups;
      while (!waiting.empty()) {
        const Eigen::Index here = waiting.back();
        waiting.pop_back();
        for (Eigen::Index j = 0; j < Size(); ++j) {
          if (covariance(here, j) <= 0 || group_of_[static_cast<std::size_t>(j)] >= 0) continue;
          group_of_[static_cast<std::size_t>(j)] = groups;
          waiting.push_back(j);
        }
      }
      ++groups;
    }
    groups_.resize(static_cast<std::size_t>(groups));
  }

  // How much wider than foretold things are: 1 unless `surprise`, which has n as its mean and 2n as
  // its variance when the widths are right, is beyond two standard deviations.
  static double Scale(double surprise, double n) {
    return n > 0 ? std::max(1.0, surprise / (n + 2 * std::sqrt(2 * n))) : 1;
  }

  struct Surprise {
    double sum = 0;
    double count = 0;
  };
  Surprise SurpriseOf(int group) const {
    Surprise out;
    for (Eigen::Index i = 0; i < Size(); ++i) {
      if (group_of_[static_cast<std::size_t>(i)] != group) continue;
      out.sum += At(i).residual * weights_[i];
      ++out.count;
    }
    return out;
  }

  void NameTheOld(std::vector<std::string>& remarks) const {
    for (const Outcome& outcome : outcomes_) {
      if (outcome.drift() < kOld) continue;
      remarks.push_back(absl::StrFormat("%s %s: %.1f years old; it counts for less", outcome.name,
                                        half_.name, outcome.age_years));
    }
  }

  bool KnownByOthers(Eigen::Index i) const { return inverse_(i, i) * OwnVariance(i) >= kTold; }

  // Each measurement against what the others let expect; the worst first, at most half of them.
  void DistrustContradictions(std::vector<std::string>& remarks) {
    for (std::size_t distrusted = 0; 2 * (distrusted + 1) <= outcomes_.size(); ++distrusted) {
      Eigen::Index worst = -1;
      double furthest = kTooFar;
      for (Eigen::Index i = 0; i < Size(); ++i) {
        if (!KnownByOthers(i)) continue;
        const Surprise all = SurpriseOf(group_of_[static_cast<std::size_t>(i)]);
        const double far = std::abs(weights_[i]) / std::sqrt(inverse_(i, i));
        const double by_others = far / std::sqrt(Scale(all.sum - Square(far), all.count - 1));
        if (by_others > furthest) {
          furthest = by_others;
          worst = i;
        }
      }
      if (worst < 0) return;
      Outcome& outcome = At(worst);
      const double off = weights_[worst] / inverse_(worst, worst);
      remarks.push_back(absl::StrFormat(
          "%s %s: %.3g tokens/s where the others let expect %.3g; it counts for less", outcome.name,
          half_.name, outcome.speed, outcome.speed / std::exp(off)));
      const double before = Square(outcome.contradicted);
      outcome.contradicted = std::max(outcome.contradicted, std::abs(off));
      Widen(worst, Square(outcome.contradicted) - before);
    }
  }

  // What no other measurement bears on, against the catalogue: beyond kTooFar the influence stays
  // what it is there (Huber's weight).
  void DistrustStrangers(std::vector<std::string>& remarks) {
    for (Eigen::Index i = 0; i < Size(); ++i) {
      if (KnownByOthers(i)) continue;
      Outcome& outcome = At(i);
      const double limit = std::max(kUpgrade, kTooFar * std::sqrt(OwnVariance(i)));
      if (std::abs(outcome.residual) <= limit) continue;
      const double more = OwnVariance(i) * (std::abs(outcome.residual) / limit - 1);
      outcome.strange = more;
      Widen(i, more);
      remarks.push_back(absl::StrFormat(
          "%s %s: %.3g tokens/s where the catalogue lets expect %.3g, and nothing confirms it; for "
          "others it counts for less",
          outcome.name, half_.name, outcome.speed, std::exp(outcome.run.log_speed)));
    }
  }

  void JudgeGroups(std::vector<std::string>& remarks) {
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const Surprise all = SurpriseOf(static_cast<int>(g));
      double by_catalogue = 0;
      double by_others = 0;
      double surprise = 0;  // the same in the deviations that the others let expect
      bool strange = false;
      const Outcome* any = nullptr;
      for (Eigen::Index i = 0; i < Size(); ++i) {
        if (group_of_[static_cast<std::size_t>(i)] != static_cast<int>(g)) continue;
        any = &At(i);
        strange = strange || At(i).strange > 0;
        by_catalogue += Square(At(i).residual) / OwnVariance(i);
        by_others += Square(weights_[i] / inverse_(i, i)) / OwnVariance(i);
        surprise += Square(weights_[i]) / inverse_(i, i);
      }
      if (strange || all.count >= kSeveral) groups_[g].scale = Scale(all.sum, all.count);
      if (all.count < kFewest || by_others <= by_catalogue || surprise < kWorse * all.count)
        continue;
      groups_[g].narrows = false;
      remarks.push_back(absl::StrCat(
          half_.name, " on ", absl::StrJoin(any->run.kinds, ", "), ": the ", all.count,
          " measurements predict each other worse than the catalogue predicts them; no estimate is "
          "narrowed by them"));
    }
  }

  std::vector<Outcome> outcomes_;
  Half half_;
  std::vector<int> group_of_;  // by outcome
  std::vector<Group> groups_;
  Eigen::MatrixXd inverse_;  // of the covariance
  Eigen::VectorXd weights_;  // inverse covariance times residuals
  double most_ = 0;          // largest upward residual
  double least_ = 0;         // largest downward one
};

// The newest `most` of them, in their order.
void KeepTheNewest(std::vector<Outcome>& outcomes, std::size_t most) {
  if (outcomes.size() <= most) return;
  std::stable_sort(outcomes.begin(), outcomes.end(),
                   [](const Outcome& a, const Outcome& b) { return a.age_years < b.age_years; });
  outcomes.resize(most);
  std::sort(outcomes.begin(), outcomes.end(),
            [](const Outcome& a, const Outcome& b) { return a.index < b.index; });
}

}  // namespace

struct Evidence::Digest {
  Calibration calibration;
  std::size_t given = 0;
  std::vector<std::string> remarks;
  std::optional<Judgement> decode;
  std::optional<Judgement> prefill;
};

Evidence::Evidence(std::vector<SpeedMeasurement> measurements, const Calibration& calibration) {
  if (measurements.empty()) return;
  auto digest = std::make_shared<Digest>();
  digest->calibration = calibration;
  digest->given = measurements.size();
  std::vector<Outcome> decode;
  std::vector<Outcome> prefill;
  for (std::size_t i = 0; i < measurements.size(); ++i) {
    const SpeedMeasurement& measured = measurements[i];
    const std::vector<std::string> machines = Sorted(measured.machines);
    const absl::StatusOr<Prepared> prepared = Prepared::Of(measured.query);
    if (!prepared.ok()) continue;
    Outcome outcome;
    outcome.index = i;
    outcome.name = measured.name;
    outcome.age_years = measured.age_years;
    if (measured.decode) {
      const double most = MostDecode(measured.query, *prepared);
      outcome.speed = measured.decode->value;
      if (outcome.speed > most) {
        digest->remarks.push_back(absl::StrFormat(
            "%s decode: %.3g tokens/s, and the memory's bandwidth allows at most %.3g; not used",
            outcome.name, outcome.speed, most));
      } else {
        const Estimate expected = prepared->DecodeEstimate(calibration);
        outcome.run = DecodeRun(measured.query, machines, expected, *prepared, calibration);
        outcome.residual = std::log(outcome.speed / expected.mid);
        decode.push_back(outcome);
      }
    }
    if (measured.prefill && prepared->MissingForPrefill().ok()) {
      const Estimate expected = prepared->PrefillEstimate(calibration);
      outcome.run = PrefillRun(measured.query, machines, expected);
      outcome.speed = measured.prefill->value;
      outcome.residual = std::log(outcome.speed / expected.mid);
      prefill.push_back(outcome);
    }
  }
  KeepTheNewest(decode, kMostMeasurements);
  KeepTheNewest(prefill, kMostMeasurements);
  digest->decode.emplace(std::move(decode), kDecode, digest->remarks);
  digest->prefill.emplace(std::move(prefill), kPrefill, digest->remarks);
  digest_ = std::move(digest);
}

Speed Evidence::Adjust(const Query& query, const std::vector<std::string>& machines,
                       const Speed& catalogue) const {
  Speed out = catalogue;
  if (digest_ == nullptr) return out;
  const std::vector<std::string> sorted = Sorted(machines);
  if (!digest_->decode->empty()) {
    const absl::StatusOr<Prepared> prepared = Prepared::Of(query);
    if (prepared.ok()) {
      out.decode_tps =
          digest_->decode
              ->Of(DecodeRun(query, sorted, catalogue.decode_tps, *prepared, digest_->calibration))
              .value_or(catalogue.decode_tps);
    }
  }
  if (!digest_->prefill->empty()) {
    out.prefill_tps = digest_->prefill->Of(PrefillRun(query, sorted, catalogue.prefill_tps))
                          .value_or(catalogue.prefill_tps);
  }
  return out;
}

std::vector<Expectation> Evidence::WithoutEach() const {
  if (digest_ == nullptr) return {};
  std::vector<Expectation> out(digest_->given);
  const auto fill = [&out](const Judgement& judgement,
                           std::optional<Estimate> Expectation::* half) {
    const std::vector<Outcome>& outcomes = judgement.outcomes();
    for (std::size_t i = 0; i < outcomes.size(); ++i) {
      out[outcomes[i].index].*half = judgement.WithoutItself(static_cast<Eigen::Index>(i));
    }
  };
  fill(*digest_->decode, &Expectation::decode);
  fill(*digest_->prefill, &Expectation::prefill);
  return out;
}

const std::vector<std::string>& Evidence::remarks() const {
  static const std::vector<std::string> kNone;
  return digest_ == nullptr ? kNone : digest_->remarks;
}

}  // namespace capacity::throughput
