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
#include "planner/throughput/cluster.h"
#include "planner/throughput/interval.h"

namespace capacity::throughput {
namespace {

constexpr double kRepeat = 0.02;           // standard deviation of repeated runs, natural logarithm
constexpr double kEightyPercent = 1.2816;  // half-width of an 80 % interval in standard deviations
constexpr double kDrift = 0.1;  // engines change: standard deviation a year, natural logarithm;
                                // assumed
constexpr double kTold = 1.25;  // how much narrower the others must make what they contradict
constexpr Eigen::Index kFewest = 3;  // measurements that can disagree with each other
constexpr double kTooFar = 3;        // standard deviations that make a measurement a contradiction

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
constexpr Shares kDecode = {0.14, 0.42, 0.28, 0.16, false};
constexpr Shares kPrefill = {0.01, 0.44, 0.27, 0.28, true};
constexpr double kSpeedScale = 0.7;   // natural logarithm of tokens/s over which likeness fades
constexpr double kTokensScale = 1.5;  // likewise of tokens in the cache
constexpr double kFewTokens = 200;

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

// One half of a run, measured or asked for.
struct Run {
  Kinds machines;
  std::string model;
  catalog::Engine engine = catalog::Engine::kOther;
  EngineClass kernels = EngineClass::kLlamaOther;  // Ollama runs llama.cpp's, EXO on Macs MLX's
  std::string link;                                // with the strategy; empty: one node
  double log_speed = 0;                            // predicted
  double log_tokens = 0;                           // in the cache
  double deviation = 0;                            // of log(true / predicted), without the link's
  double link_deviation = 0;  // of log(true / predicted), by what the link costs
};

// Measured: the run, and how it came out.
struct Outcome {
  Run run;
  double residual = 0;  // log(measured / predicted)
  double noise = 0;     // variance beyond the run's share
  double speed = 0;     // measured, tokens/s
  std::string name;
};

Run RunOf(const Query& query, std::vector<std::string> machines, const Estimate& expected) {
  Run run;
  run.machines = KindsOf(std::move(machines));
  run.model = query.model->id;
  run.engine = query.engine;
  run.kernels = ClassOf(query.engine, query.nodes[0].chip->platform(), *query.quant);
  if (query.link != nullptr && query.nodes.size() > 1) {
    run.link = absl::StrCat(query.link->id, " ", Name(query.strategy));
  }
  run.log_speed = std::log(expected.mid);
  run.deviation = std::log(expected.high / expected.mid) / kEightyPercent;
  return run;
}

double LogTokens(double tokens) { return std::log(std::max(kFewTokens, tokens)); }

// The same with the part of the deviation that is the link's taken apart.
Run DecodeRun(const Query& query, std::vector<std::string> machines, const Estimate& expected,
              const Prepared& prepared, const Calibration& calibration) {
  Run run = RunOf(query, std::move(machines), expected);
  run.log_tokens = LogTokens(query.context_tokens);
  if (!run.link.empty()) {
    const double share = CommunicationVarianceShare(
        prepared.Doubt(prepared.Decode(calibration.coefficients).terms, calibration));
    run.link_deviation = run.deviation * std::sqrt(share);
    run.deviation *= std::sqrt(1 - share);
  }
  return run;
}

Run PrefillRun(const Query& query, std::vector<std::string> machines, const Estimate& expected) {
  Run run = RunOf(query, std::move(machines), expected);
  run.log_tokens = LogTokens(query.prompt_depth + query.prompt_tokens);
  return run;
}

// What two different runs have in common (equation 4.24).
double Covariance(const Run& a, const Run& b, const Shares& shares) {
  double likeness = shares.machine;
  if (a.kernels == b.kernels) {
    const double tokens =
        shares.by_tokens ? std::exp(-Square((a.log_tokens - b.log_tokens) / kTokensScale) / 2) : 1;
    likeness +=
        shares.engine * tokens * std::exp(-Square((a.log_speed - b.log_speed) / kSpeedScale) / 2);
    if (a.model == b.model) likeness += shares.model * tokens;
  }
  double covariance = a.deviation * b.deviation * likeness * Overlap(a.machines, b.machines);
  if (!a.link.empty() && a.link == b.link && a.engine == b.engine) {
    covariance += a.link_deviation * b.link_deviation;
  }
  return covariance;
}

double Variance(const Run& run) { return Square(run.deviation) + Square(run.link_deviation); }

// Measurements of one half, and what follows from them.
class Judgement {
 public:
  Judgement(std::vector<Outcome> outcomes, const Shares& shares, const char* half,
            std::vector<std::string>& remarks)
      : outcomes_(std::move(outcomes)), shares_(shares) {
    if (outcomes_.empty()) return;
    Solve();
    DistrustContradictions(half, remarks);
    for (const Outcome& outcome : outcomes_) most_ = std::max(most_, outcome.residual);
  }

  bool empty() const { return outcomes_.empty(); }

  // The posterior of a run that was not measured; nullopt when nothing measured bears on it.
  std::optional<Estimate> Of(const Run& run) const {
    const Eigen::Index n = Size();
    Eigen::VectorXd common(n);
    for (Eigen::Index i = 0; i < n; ++i) common[i] = Covariance(At(i).run, run, shares_);
    if (common.isZero()) return std::nullopt;
    const double shift = std::min(common.dot(weights_), most_);
    const double told = common.dot(factor_.solve(common));
    const double variance = std::min(scale_ * std::max(0.0, Variance(run) - told), Variance(run));
    Estimate out =
        IntervalAround(std::exp(run.log_speed + shift), kEightyPercent * std::sqrt(variance));
    out.source = EstimateSource::kNodeCalibrated;
    return out;
  }

 private:
  Eigen::Index Size() const { return static_cast<Eigen::Index>(outcomes_.size()); }
  const Outcome& At(Eigen::Index i) const { return outcomes_[static_cast<std::size_t>(i)]; }

  double OwnVariance(Eigen::Index i) const {
    return Variance(At(i).run) + At(i).noise + Square(kRepeat);
  }

  void Solve() {
    const Eigen::Index n = Size();
    Eigen::MatrixXd covariance(n, n);
    Eigen::VectorXd residuals(n);
    for (Eigen::Index i = 0; i < n; ++i) {
      residuals[i] = At(i).residual;
      for (Eigen::Index j = 0; j < i; ++j) {
        covariance(i, j) = covariance(j, i) = Covariance(At(i).run, At(j).run, shares_);
      }
      covariance(i, i) = OwnVariance(i);
    }
    factor_ = Eigen::LLT<Eigen::MatrixXd>(covariance);
    weights_ = factor_.solve(residuals);
    surprise_ = residuals.dot(weights_);
    scale_ = n >= kFewest ? Scale(surprise_, n) : 1;
  }

  // How much wider than foretold everything is: 1 unless `surprise`, which has n as its mean and
  // 2n as its variance when the widths are right, is beyond two standard deviations.
  static double Scale(double surprise, Eigen::Index n) {
    const double count = static_cast<double>(n);
    return std::max(1.0, surprise / (count + 2 * std::sqrt(2 * count)));
  }

  // Each measurement against what the others let expect; the worst first, at most half of them.
  void DistrustContradictions(const char* half, std::vector<std::string>& remarks) {
    if (Size() < kFewest) return;
    for (std::size_t distrusted = 0; 2 * (distrusted + 1) < outcomes_.size(); ++distrusted) {
      const Eigen::MatrixXd inverse = factor_.solve(Eigen::MatrixXd::Identity(Size(), Size()));
      Eigen::Index worst = -1;
      double furthest = kTooFar;
      for (Eigen::Index i = 0; i < Size(); ++i) {
        if (inverse(i, i) * OwnVariance(i) < kTold) continue;  // the others know little of it
        const double far = std::abs(weights_[i]) / std::sqrt(inverse(i, i));
        const double by_others = Scale(surprise_ - Square(far), Size() - 1);
        if (far / std::sqrt(by_others) > furthest) {
          furthest = far / std::sqrt(by_others);
          worst = i;
        }
      }
      if (worst < 0) return;
      Outcome& outcome = outcomes_[static_cast<std::size_t>(worst)];
      const double off = weights_[worst] / inverse(worst, worst);
      remarks.push_back(absl::StrFormat(
          "%s %s: %.3g tokens/s where the others let expect %.3g; it counts for less", outcome.name,
          half, outcome.speed, outcome.speed / std::exp(off)));
      outcome.noise += Square(off);
      Solve();
    }
  }

  std::vector<Outcome> outcomes_;
  Shares shares_;
  Eigen::LLT<Eigen::MatrixXd> factor_;
  Eigen::VectorXd weights_;  // inverse covariance times residuals
  double surprise_ = 0;
  double scale_ = 1;
  double most_ = 0;  // largest upward residual
};

Estimate Measured(TokensPerSecond speed) {
  Estimate out = IntervalAround(speed.value, kEightyPercent * kRepeat);
  out.source = EstimateSource::kMeasuredPlacement;
  return out;
}

bool Near(int a, int b) {
  constexpr double kNear = 0.1;
  constexpr int kFew = 256;  // tokens
  return std::abs(a - b) <= std::max<double>(kFew, kNear * std::max(a, b));
}

bool SameRun(const Query& a, const Query& b) {
  return a.model == b.model && a.quant == b.quant && a.engine == b.engine &&
         a.strategy == b.strategy && a.link == b.link && a.nodes.size() == b.nodes.size() &&
         a.batch == b.batch && a.kv_bits == b.kv_bits;
}

std::vector<std::string> Sorted(std::vector<std::string> names) {
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

struct Evidence::Digest {
  std::vector<SpeedMeasurement> measurements;  // machines sorted
  Calibration calibration;
  std::vector<std::string> remarks;
  std::optional<Judgement> decode;
  std::optional<Judgement> prefill;

  // The newest of this very configuration on such machines.
  const SpeedMeasurement* Same(const Query& query, const std::vector<std::string>& machines,
                               std::optional<TokensPerSecond> SpeedMeasurement::* half,
                               int Query::* tokens) const {
    const SpeedMeasurement* newest = nullptr;
    for (const SpeedMeasurement& measured : measurements) {
      if (!(measured.*half) || measured.machines != machines) continue;
      if (!SameRun(query, measured.query)) continue;
      if (!Near(query.*tokens, measured.query.*tokens)) continue;
      if (newest == nullptr || measured.age_years <= newest->age_years) newest = &measured;
    }
    return newest;
  }
};

Evidence::Evidence(std::vector<SpeedMeasurement> measurements, const Calibration& calibration) {
  if (measurements.empty()) return;
  auto digest = std::make_shared<Digest>();
  digest->calibration = calibration;
  std::vector<Outcome> decode;
  std::vector<Outcome> prefill;
  for (SpeedMeasurement& measured : measurements) {
    measured.machines = Sorted(std::move(measured.machines));
    const absl::StatusOr<Prepared> prepared = Prepared::Of(measured.query);
    if (!prepared.ok()) continue;
    Outcome outcome;
    outcome.name = measured.name;
    outcome.noise = Square(kDrift * measured.age_years);
    if (measured.decode) {
      const Estimate expected = prepared->DecodeEstimate(calibration);
      outcome.run = DecodeRun(measured.query, measured.machines, expected, *prepared, calibration);
      outcome.speed = measured.decode->value;
      outcome.residual = std::log(outcome.speed / expected.mid);
      decode.push_back(outcome);
    }
    if (measured.prefill && prepared->MissingForPrefill().ok()) {
      const Estimate expected = prepared->PrefillEstimate(calibration);
      outcome.run = PrefillRun(measured.query, measured.machines, expected);
      outcome.speed = measured.prefill->value;
      outcome.residual = std::log(outcome.speed / expected.mid);
      prefill.push_back(outcome);
    }
  }
  digest->measurements = std::move(measurements);
  digest->decode.emplace(std::move(decode), kDecode, "decode", digest->remarks);
  digest->prefill.emplace(std::move(prefill), kPrefill, "prefill", digest->remarks);
  digest_ = std::move(digest);
}

Speed Evidence::Adjust(const Query& query, const std::vector<std::string>& machines,
                       const Speed& catalogue) const {
  Speed out = catalogue;
  if (digest_ == nullptr) return out;
  const std::vector<std::string> sorted = Sorted(machines);
  if (const SpeedMeasurement* same =
          digest_->Same(query, sorted, &SpeedMeasurement::decode, &Query::context_tokens)) {
    out.decode_tps = Measured(*same->decode);
  } else if (!digest_->decode->empty()) {
    const absl::StatusOr<Prepared> prepared = Prepared::Of(query);
    if (prepared.ok()) {
      out.decode_tps =
          digest_->decode
              ->Of(DecodeRun(query, sorted, catalogue.decode_tps, *prepared, digest_->calibration))
              .value_or(catalogue.decode_tps);
    }
  }
  if (const SpeedMeasurement* same =
          digest_->Same(query, sorted, &SpeedMeasurement::prefill, &Query::prompt_tokens)) {
    out.prefill_tps = Measured(*same->prefill);
  } else if (!digest_->prefill->empty()) {
    out.prefill_tps = digest_->prefill->Of(PrefillRun(query, sorted, catalogue.prefill_tps))
                          .value_or(catalogue.prefill_tps);
  }
  return out;
}

const std::vector<std::string>& Evidence::remarks() const {
  static const std::vector<std::string> kNone;
  return digest_ == nullptr ? kNone : digest_->remarks;
}

}  // namespace capacity::throughput
