#include "planner/throughput/interval.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"

namespace capacity::throughput {
namespace {

// Of a model that is planned from the sizes of its tensors: what else it computes may cost half as
// much again, or an engine may not read all of it. Assumed, since no measurement is of one.
constexpr double kUnknownArchitecture = 0.4;

double Square(double x) { return x * x; }

constexpr double kCommunication = 0.0933;
constexpr double kUnseenLink = 0.6;  // from priors, since nothing measures it

double CommunicationSquare(const DecodeDoubt& doubt) {
  const double seen = Square(kCommunication * doubt.communication_share);
  return doubt.unseen_link ? seen + Square(kUnseenLink * doubt.communication_share) : seen;
}

}  // namespace

double DecodeLogHalfWidth(const DecodeDoubt& doubt) {
  // Proportions from the likelihood of residuals of unseen labs and models; `planner calibrate`
  // fits the one factor they share (Calibration::decode_interval_scale).
  constexpr double kRepeat = 0.059;  // two labs on the same configuration
  constexpr double kLaunch = 0.198;
  constexpr double kWeights = 0.0311;
  constexpr double kCache = 0.1736;
  constexpr double kLabs = 0.0626;
  constexpr double kMoe = 0.0338;
  constexpr double kRecurrent = 0.0406;
  constexpr double kVllm = 0.1022;
  constexpr double kOtherEngine = 0.1172;
  constexpr double kBatch = 0.1854;
  constexpr double kBefore2025 = 0.0925;
  constexpr double kUnseenChip = 0.05;  // how chips of a family differ: a prior, not measured
  constexpr double kFewestLabs = 0.5;
  double square = Square(kRepeat) + Square(kLaunch * doubt.launch_share) +
                  Square(kWeights * doubt.weight_share) + Square(kCache * doubt.cache_share) +
                  CommunicationSquare(doubt) + Square(kLabs) / std::max(kFewestLabs, doubt.labs);
  if (doubt.moe) square += Square(kMoe);
  if (doubt.recurrent) square += Square(kRecurrent);
  if (doubt.vllm) square += Square(kVllm);
  if (doubt.other_engine) square += Square(kOtherEngine);
  if (doubt.batch) square += Square(kBatch);
  if (doubt.before_2025) square += Square(kBefore2025);
  if (doubt.unseen_chip) square += Square(kUnseenChip * doubt.weight_share);
  if (doubt.unknown_architecture) square += Square(kUnknownArchitecture);
  return std::sqrt(square);
}

double CommunicationVarianceShare(const DecodeDoubt& doubt) {
  return CommunicationSquare(doubt) / Square(DecodeLogHalfWidth(doubt));
}

std::string PrefillKind::Key() const {
  if (short_prompt) return "short";
  return absl::StrCat(engine, "/", platform, "/", strategy, "/", moe ? "moe" : "dense",
                      before_2025 ? "/before-2025" : "");
}

std::string PrefillKind::Parent() const {
  return absl::StrCat("any/", strategy, "/", moe ? "moe" : "dense");
}

double PrefillLogHalfWidth(const PrefillKind& kind, const IntervalWidths& widths) {
  double width = kPrefillLogHalfWidth;
  if (auto own = widths.find(kind.Key()); own != widths.end()) {
    width = own->second.log_half_width;
  } else if (auto parent = widths.find(kind.Parent()); parent != widths.end()) {
    width = parent->second.log_half_width;
  }
  constexpr double kUnseenFactor = 1.5;  // assumed
  constexpr double kUnseenChip = 0.05;   // assumed, as for decoding
  if (kind.unseen) width *= kUnseenFactor;
  if (kind.unseen_chip) width = std::hypot(width, kUnseenChip);
  return kind.unknown_architecture ? std::hypot(width, kUnknownArchitecture) : width;
}

Estimate IntervalAround(double mid, double log_half_width) {
  const double factor = std::exp(log_half_width);
  return {mid / factor, mid, mid * factor, EstimateSource::kCatalogModel};
}

}  // namespace capacity::throughput
