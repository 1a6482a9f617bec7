#include "planner/throughput/node_calibration.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <string>
#include <utility>

#include "planner/throughput/interval.h"

namespace capacity::throughput {
namespace {

constexpr double kRepeat = 0.02;           // standard deviation of repeated runs, natural logarithm
constexpr double kEightyPercent = 1.2816;  // half-width of an 80 % interval in standard deviations

// What was seen of one model: the sum and number of log(measured / predicted).
struct Seen {
  double sum = 0;
  int n = 0;
};
// By the ids of model and quantization.
using Ran = std::pair<std::string, std::string>;
using SeenByModel = std::map<Ran, Seen>;

double LogHalfWidth(const Estimate& estimate) { return std::log(estimate.high / estimate.mid); }

// Equation 4.24. log(true / predicted) = machine + model, each with half of the estimate's
// variance; a model's measurements tell machine + model up to the scatter of runs.
Estimate Posterior(const Estimate& prior, const SeenByModel& seen, const Ran& target) {
  const double deviation = LogHalfWidth(prior) / kEightyPercent;
  const double part = deviation * deviation / 2;  // variance of machine, and of each model
  double precision = 1 / part;
  double weighted = 0;
  for (const auto& [model, of_model] : seen) {
    const double variance = part + kRepeat * kRepeat / of_model.n;
    precision += 1 / variance;
    weighted += of_model.sum / of_model.n / variance;
  }
  const double machine = weighted / precision;
  double shift = machine;
  double variance = 1 / precision + part;
  if (auto own = seen.find(target); own != seen.end()) {
    const double trust = part / (part + kRepeat * kRepeat / own->second.n);
    shift = (1 - trust) * machine + trust * own->second.sum / own->second.n;
    variance = (1 - trust) * (1 - trust) / precision + part * (1 - trust);
  }
  Estimate out = IntervalAround(prior.mid * std::exp(shift), kEightyPercent * std::sqrt(variance));
  out.source = EstimateSource::kNodeCalibrated;
  return out;
}

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

}  // namespace

Speed AdjustForMeasurements(const Query& query, const Speed& catalogue,
                            const std::vector<SpeedMeasurement>& on_these_nodes,
                            const Calibration& calibration) {
  Speed out = catalogue;
  SeenByModel decode;
  SeenByModel prefill;
  for (const SpeedMeasurement& measurement : on_these_nodes) {
    const Query& run = measurement.query;
    const Ran key(run.model->id, run.quant->id);
    if (measurement.decode) {
      if (SameRun(query, run) && Near(query.context_tokens, run.context_tokens)) {
        out.decode_tps = Measured(*measurement.decode);
      } else if (absl::StatusOr<Estimate> expected = PredictDecode(run, calibration);
                 expected.ok()) {
        Seen& seen = decode[key];
        seen.sum += std::log(measurement.decode->value / expected->mid);
        ++seen.n;
      }
    }
    if (measurement.prefill) {
      if (SameRun(query, run) && Near(query.prompt_tokens, run.prompt_tokens)) {
        out.prefill_tps = Measured(*measurement.prefill);
      } else if (absl::StatusOr<Estimate> expected = PredictPrefill(run, calibration);
                 expected.ok()) {
        Seen& seen = prefill[key];
        seen.sum += std::log(measurement.prefill->value / expected->mid);
        ++seen.n;
      }
    }
  }
  const Ran target(query.model->id, query.quant->id);
  if (!decode.empty() && out.decode_tps.source == EstimateSource::kCatalogModel) {
    out.decode_tps = Posterior(catalogue.decode_tps, decode, target);
  }
  if (!prefill.empty() && out.prefill_tps.source == EstimateSource::kCatalogModel) {
    out.prefill_tps = Posterior(catalogue.prefill_tps, prefill, target);
  }
  return out;
}

}  // namespace capacity::throughput
