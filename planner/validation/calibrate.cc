#include "planner/validation/calibrate.h"

#include <ceres/ceres.h>

#include <Eigen/Cholesky>
#include <Eigen/Core>
#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "planner/throughput/cluster.h"
#include "planner/throughput/interval.h"

namespace capacity::validation {
namespace {

using throughput::Calibration;
using throughput::Coefficients;
using throughput::DecodeTerms;
using throughput::ParameterSpec;
using throughput::Prepared;

// Decode and prefill share no parameter, so they are two fits.
enum class Stage { kDecode, kPrefill };

// How a stage weighs evidence. Chosen once by leaving labs out; not tuned per row.
enum class RobustLoss { kCauchy, kSoftL1 };
struct StageOptions {
  double scale;     // expected error of a measurement, natural logarithm
  RobustLoss loss;  // how residuals beyond `outlier` scales count less
  double outlier;
  double repeat_power;  // n rows of one configuration of one lab weigh n^(1 - power)
  double weak_tier;     // weight of tier B rows
};
StageOptions OptionsOf(Stage stage) {
  if (stage == Stage::kDecode) return {0.10, RobustLoss::kCauchy, 0.7, 0.5, 0.5};
  return {0.10, RobustLoss::kSoftL1, 1.0, 0.5, 1.0};
}

// One measured speed.
struct Observation {
  std::size_t row = 0;  // index into the measurements
  Prepared prepared;
  std::optional<double> wall_clock_tokens;
  std::string chip;
  std::string lab;
  std::string model;
  double log_measured = 0;
  double weight = 1;
};

double LogSpeed(const Observation& o, Stage stage, const Coefficients& c) {
  if (stage == Stage::kPrefill) return std::log(o.prepared.Prefill(c).tokens_per_second);
  return std::log(MeasuredSpeed(o.prepared.Decode(c), o.wall_clock_tokens, c));
}

// The parameters of a stage.
std::vector<const ParameterSpec*> SpecsOf(Stage stage) {
  std::vector<const ParameterSpec*> out;
  for (const ParameterSpec& spec : throughput::ParameterSpecs()) {
    if (absl::StartsWith(spec.name, "prefill.") == (stage == Stage::kPrefill)) {
      out.push_back(&spec);
    }
  }
  return out;
}
using Specs = std::vector<const ParameterSpec*>;

double LogPrior(const ParameterSpec& spec) {
  Coefficients priors;
  return std::log(*spec.at(priors, spec.index));
}

Coefficients At(const Specs& specs, const double* logs) {
  Coefficients c;
  for (std::size_t i = 0; i < specs.size(); ++i) {
    *specs[i]->at(c, specs[i]->index) = std::exp(logs[i]);
  }
  return c;
}

// A least-squares problem: which rows, which parameters.
struct Fit {
  Stage stage = Stage::kDecode;
  Specs specs;
  std::vector<const Observation*> rows;
  // Logarithms that the profiles of links are held at; empty: they are fitted like the rest.
  std::vector<double> anchors = {};
};

bool IsProfile(const ParameterSpec& spec);

// All residuals of a fit. One block, so that a step evaluates the model once per parameter and row;
// the robust loss is folded into the residuals: r -> sign(r) sqrt(w rho(r^2)).
class Residuals : public ceres::CostFunction {
 public:
  explicit Residuals(const Fit& fit) : fit_(fit), options_(OptionsOf(fit.stage)) {
    constexpr double kHeld = 1e-4;  // tight enough to hold a profile still
    for (std::size_t j = 0; j < fit.specs.size(); ++j) {
      const bool held = !fit.anchors.empty() && IsProfile(*fit.specs[j]);
      centres_.push_back(held ? fit.anchors[j] : LogPrior(*fit.specs[j]));
      sigmas_.push_back(held ? kHeld : fit.specs[j]->prior_log_sigma);
    }
    set_num_residuals(static_cast<int>(fit.rows.size() + fit.specs.size()));
    mutable_parameter_block_sizes()->push_back(static_cast<int>(fit.specs.size()));
  }

  bool Evaluate(const double* const* parameters, double* residuals,
                double** jacobians) const override {
    const double* logs = parameters[0];
    Fill(logs, residuals);
    if (jacobians == nullptr || jacobians[0] == nullptr) return true;
    // Central differences in the logarithm of each parameter.
    constexpr double kStep = 1e-5;
    const std::size_t p = fit_.specs.size();
    std::vector<double> up(static_cast<std::size_t>(num_residuals()));
    std::vector<double> down(up.size());
    std::vector<double> moved(logs, logs + p);
    for (std::size_t j = 0; j < p; ++j) {
      moved[j] = logs[j] + kStep;
      Fill(moved.data(), up.data());
      moved[j] = logs[j] - kStep;
      Fill(moved.data(), down.data());
      moved[j] = logs[j];
      for (std::size_t i = 0; i < up.size(); ++i) {
        jacobians[0][i * p + j] = (up[i] - down[i]) / (2 * kStep);
      }
    }
    return true;
  }

 private:
  double Loss(double squared) const {
    const double a2 = options_.outlier * options_.outlier;
    if (options_.loss == RobustLoss::kCauchy) return a2 * std::log1p(squared / a2);
    return 2 * a2 * (std::sqrt(1 + squared / a2) - 1);
  }

  void Fill(const double* logs, double* residuals) const {
    const Coefficients c = At(fit_.specs, logs);
    for (std::size_t i = 0; i < fit_.rows.size(); ++i) {
      const Observation& o = *fit_.rows[i];
      const double r = (LogSpeed(o, fit_.stage, c) - o.log_measured) / options_.scale;
      const double loss = std::sqrt(o.weight * Loss(r * r));
      residuals[i] = r < 0 ? -loss : loss;
    }
    for (std::size_t j = 0; j < fit_.specs.size(); ++j) {
      residuals[fit_.rows.size() + j] = (logs[j] - centres_[j]) / sigmas_[j];
    }
  }

  const Fit& fit_;
  StageOptions options_;
  std::vector<double> centres_;
  std::vector<double> sigmas_;
};

// The best parameters (logarithms), from `start`.
std::vector<double> Solve(const Fit& fit, std::vector<double> start) {
  ceres::Problem problem;
  problem.AddResidualBlock(new Residuals(fit), nullptr, start.data());
  ceres::Solver::Options options;
  options.linear_solver_type = ceres::DENSE_QR;
  options.num_threads = 1;
  options.max_num_iterations = 60;
  options.function_tolerance = fit.anchors.empty() ? 1e-8 : 1e-5;
  options.logging_type = ceres::SILENT;
  ceres::Solver::Summary summary;
  ceres::Solve(options, &problem, &summary);
  return start;
}

std::vector<double> Priors(const Specs& specs) {
  std::vector<double> logs;
  for (const ParameterSpec* spec : specs) logs.push_back(LogPrior(*spec));
  return logs;
}

// Rows of one configuration of one lab repeat its errors: together they weigh n^(1 - power).
void Weigh(Stage stage, const std::vector<Measurement>& measurements,
           std::vector<Observation>& observations) {
  const StageOptions options = OptionsOf(stage);
  const auto key = [&](const Observation& o) {
    const Measurement& m = measurements[o.row];
    return std::make_tuple(o.lab, o.chip, m.model, m.quant, m.engine_family, m.strategy,
                           m.world.value_or(1), m.batch.value_or(1) > 1);
  };
  std::map<decltype(key(observations[0])), int> repeats;
  for (const Observation& o : observations) ++repeats[key(o)];
  double sum = 0;
  for (Observation& o : observations) {
    o.weight = std::pow(repeats[key(o)], -options.repeat_power);
    if (measurements[o.row].tier == "B") o.weight *= options.weak_tier;
    sum += o.weight;
  }
  for (Observation& o : observations) {
    o.weight *= static_cast<double>(observations.size()) / sum;
  }
}

struct Evidence {
  std::vector<Observation> decode;
  std::vector<Observation> prefill;
  std::vector<std::string> skipped;
};

Evidence Gather(Resolver& resolver, const std::vector<Measurement>& measurements) {
  Evidence evidence;
  for (std::size_t i = 0; i < measurements.size(); ++i) {
    const Measurement& m = measurements[i];
    const auto skip = [&](std::string_view why) {
      evidence.skipped.push_back(absl::StrCat(m.id, ": ", std::string(why)));
    };
    std::variant<Case, std::string> resolved = resolver.Resolve(m);
    if (std::holds_alternative<std::string>(resolved)) {
      skip(std::get<std::string>(resolved));
      continue;
    }
    const throughput::Query& query = std::get<Case>(resolved).query;
    absl::StatusOr<Prepared> prepared = Prepared::Of(query);
    if (!prepared.ok()) {
      skip(std::string(prepared.status().message()));
      continue;
    }
    Observation o{.row = i,
                  .prepared = *prepared,
                  .wall_clock_tokens = std::get<Case>(resolved).wall_clock_tokens,
                  .chip = query.nodes[0].chip->id,
                  .lab = m.lab,
                  .model = query.model->id};
    if (m.decode_tps) {
      o.log_measured = std::log(*m.decode_tps);
      evidence.decode.push_back(o);
    }
    if (m.prefill_tps) {
      if (const std::string& why = std::get<Case>(resolved).prefill_unusable; !why.empty()) {
        skip("prefill: " + why);
        continue;
      }
      if (!prepared->MissingForPrefill().ok()) {
        skip(std::string(prepared->MissingForPrefill().message()));
        continue;
      }
      o.log_measured = std::log(*m.prefill_tps);
      evidence.prefill.push_back(o);
    }
  }
  Weigh(Stage::kDecode, measurements, evidence.decode);
  Weigh(Stage::kPrefill, measurements, evidence.prefill);
  return evidence;
}

std::set<std::string> LabsOf(const Evidence& evidence) {
  std::set<std::string> labs;
  for (const Observation& o : evidence.decode) labs.insert(o.lab);
  for (const Observation& o : evidence.prefill) labs.insert(o.lab);
  return labs;
}

// What an all-reduce or a hop costs is a fact of an engine and a link that one lab may have
// measured alone. Leaving labs out keeps it, as it is for a user who knows the profile.
bool IsProfile(const ParameterSpec& spec) {
  return absl::StartsWith(spec.name, "cluster.all_reduce.") ||
         absl::StartsWith(spec.name, "cluster.hop.");
}

// For each observation: log(measured / predicted) by the fit that has not seen its group.
std::vector<double> LeftOutResiduals(Stage stage, const Specs& specs,
                                     const std::vector<Observation>& observations,
                                     const std::vector<double>& start,
                                     const std::string Observation::* group) {
  std::set<std::string> groups;
  for (const Observation& o : observations) groups.insert(o.*group);
  std::vector<double> residuals(observations.size());
  for (const std::string& name : groups) {
    Fit fit{.stage = stage, .specs = specs, .anchors = start};
    for (const Observation& o : observations) {
      if (o.*group != name) fit.rows.push_back(&o);
    }
    const std::vector<double> logs = Solve(fit, start);
    const Coefficients c = At(specs, logs.data());
    for (std::size_t i = 0; i < observations.size(); ++i) {
      if (observations[i].*group != name) continue;
      residuals[i] = observations[i].log_measured - LogSpeed(observations[i], stage, c);
    }
  }
  return residuals;
}

// Residuals of the same observations, leaving out labs and leaving out models.
struct LeftOut {
  std::vector<double> by_lab;
  std::vector<double> by_model;
};

constexpr double kCoverage = 0.8;

// Equation 4.22's factor: 80 % of the left-out residuals of current builds lie within. `skip_lab`
// (may be empty) does not count.
double DecodeScale(const std::vector<Observation>& observations, const LeftOut& residuals,
                   const Calibration& calibration, const std::string& skip_lab) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < observations.size(); ++i) {
    const Observation& o = observations[i];
    if (!skip_lab.empty() && o.lab == skip_lab) continue;
    const DecodeTerms terms = o.prepared.Decode(calibration.coefficients).terms;
    throughput::DecodeDoubt doubt = o.prepared.Doubt(terms, calibration);
    if (doubt.before_2025) continue;
    ratios.push_back(std::fabs(residuals.by_model[i]) / DecodeLogHalfWidth(doubt));
    doubt.labs -= 1;
    ratios.push_back(std::fabs(residuals.by_lab[i]) / DecodeLogHalfWidth(doubt));
  }
  // Labs never agree better than this part of the width, however clean the file is.
  constexpr double kLeast = 0.25;
  constexpr std::size_t kFewest = 20;
  return ratios.size() < kFewest ? 1 : std::max(kLeast, Quantile(ratios, kCoverage));
}

// Equation 4.23: the quantile of a kind's left-out residuals, drawn towards its parent by as much
// as kPseudoRows rows.
throughput::IntervalWidth WidthOf(const std::vector<double>& residuals, double parent) {
  constexpr double kPseudoRows = 12;
  const int rows = static_cast<int>(residuals.size() / 2);  // each row was left out twice
  const double own = std::log(std::max(1e-3, Quantile(residuals, kCoverage)));
  return {std::exp((rows * own + kPseudoRows * std::log(parent)) / (rows + kPseudoRows)), rows};
}

throughput::IntervalWidths PrefillWidths(const std::vector<Observation>& observations,
                                         const LeftOut& residuals, const Calibration& calibration,
                                         const std::string& skip_lab) {
  std::map<std::string, std::vector<double>> parents;
  std::map<std::pair<std::string, std::string>, std::vector<double>> kinds;
  for (std::size_t i = 0; i < observations.size(); ++i) {
    const Observation& o = observations[i];
    if (!skip_lab.empty() && o.lab == skip_lab) continue;
    const throughput::PrefillKind kind = o.prepared.Kind(calibration);
    for (double r : {residuals.by_lab[i], residuals.by_model[i]}) {
      kinds[{kind.Parent(), kind.Key()}].push_back(std::fabs(r));
      if (!kind.before_2025) parents[kind.Parent()].push_back(std::fabs(r));
    }
  }
  throughput::IntervalWidths widths;
  for (const auto& [name, all] : parents) {
    widths[name] = WidthOf(all, throughput::kPrefillLogHalfWidth);
  }
  for (const auto& [names, all] : kinds) {
    auto parent = widths.find(names.first);
    widths[names.second] = WidthOf(all, parent == widths.end() ? throughput::kPrefillLogHalfWidth
                                                               : parent->second.log_half_width);
  }
  return widths;
}

// Standard errors from the curvature at the optimum: (J'J)^-1 with the priors among the residuals.
std::vector<double> StandardErrors(const Fit& fit, const std::vector<double>& logs) {
  const Residuals residuals(fit);
  const auto p = static_cast<Eigen::Index>(fit.specs.size());
  const auto n = static_cast<Eigen::Index>(fit.rows.size()) + p;
  Eigen::VectorXd r(n);
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> j(n, p);
  const double* parameters = logs.data();
  double* jacobian = j.data();
  residuals.Evaluate(&parameters, r.data(), &jacobian);
  const Eigen::MatrixXd covariance =
      (j.transpose() * j).ldlt().solve(Eigen::MatrixXd::Identity(p, p));
  std::vector<double> errors;
  for (Eigen::Index i = 0; i < p; ++i) errors.push_back(std::sqrt(covariance(i, i)));
  return errors;
}

// Counts the rows, and their labs, that move by more than a hundredth of the parameter's own
// change.
void CountEvidence(const Fit& fit, const std::vector<double>& logs, std::size_t parameter,
                   throughput::Parameter& out) {
  constexpr double kStep = 1e-3;
  constexpr double kLeast = 0.01;
  std::vector<double> moved = logs;
  moved[parameter] += kStep;
  const Coefficients here = At(fit.specs, logs.data());
  const Coefficients there = At(fit.specs, moved.data());
  std::set<std::string> labs;
  for (const Observation* o : fit.rows) {
    const double change = LogSpeed(*o, fit.stage, there) - LogSpeed(*o, fit.stage, here);
    if (std::fabs(change) <= kLeast * kStep) continue;
    ++out.rows;
    labs.insert(o->lab);
  }
  out.labs = static_cast<int>(labs.size());
}

// Four significant digits: what the file prints is what runs, and reruns cannot differ by noise.
double Rounded(double value) {
  if (value == 0) return 0;
  const double unit = std::pow(10, std::floor(std::log10(std::fabs(value))) - 3);
  return std::round(value / unit) * unit;
}

std::vector<double> FitStage(Stage stage, const std::vector<Observation>& observations,
                             Calibration& out) {
  Fit fit{.stage = stage, .specs = SpecsOf(stage)};
  for (const Observation& o : observations) fit.rows.push_back(&o);
  const std::vector<double> logs = Solve(fit, Priors(fit.specs));
  const std::vector<double> errors = StandardErrors(fit, logs);
  for (std::size_t i = 0; i < fit.specs.size(); ++i) {
    throughput::Parameter parameter{.value = Rounded(std::exp(logs[i])),
                                    .standard_error = Rounded(errors[i]),
                                    .unit = fit.specs[i]->unit};
    CountEvidence(fit, logs, i, parameter);
    out.parameters[fit.specs[i]->name] = parameter;
  }
  for (const Observation& o : observations) out.chips.insert(o.chip);
  return logs;
}

LeftOut LeaveOut(Stage stage, const std::vector<Observation>& observations,
                 const std::vector<double>& start) {
  const Specs specs = SpecsOf(stage);
  return {LeftOutResiduals(stage, specs, observations, start, &Observation::lab),
          LeftOutResiduals(stage, specs, observations, start, &Observation::model)};
}

// A fit with its residuals: what intervals and scores are made of.
struct Study {
  Calibration calibration;
  LeftOut decode;
  LeftOut prefill;
};

absl::StatusOr<Study> MakeStudy(const Evidence& evidence) {
  if (evidence.decode.empty() && evidence.prefill.empty()) {
    return absl::FailedPreconditionError(
        "no row of the file can be used: `planner validate` lists the reasons");
  }
  Study study;
  const std::vector<double> decode = FitStage(Stage::kDecode, evidence.decode, study.calibration);
  const std::vector<double> prefill =
      FitStage(Stage::kPrefill, evidence.prefill, study.calibration);
  if (absl::Status status = study.calibration.Resolve(); !status.ok()) return status;
  study.decode = LeaveOut(Stage::kDecode, evidence.decode, decode);
  study.prefill = LeaveOut(Stage::kPrefill, evidence.prefill, prefill);
  return study;
}

}  // namespace

absl::StatusOr<Fitted> Calibrate(const catalog::Catalog& catalog,
                                 const std::vector<Measurement>& measurements) {
  Resolver resolver(catalog);
  Evidence evidence = Gather(resolver, measurements);
  absl::StatusOr<Study> study = MakeStudy(evidence);
  if (!study.ok()) return study.status();
  Fitted fitted{.calibration = std::move(study->calibration),
                .decode_rows = static_cast<int>(evidence.decode.size()),
                .prefill_rows = static_cast<int>(evidence.prefill.size()),
                .skipped = std::move(evidence.skipped)};
  Calibration& calibration = fitted.calibration;
  calibration.decode_interval_scale =
      Rounded(DecodeScale(evidence.decode, study->decode, calibration, ""));
  calibration.prefill_widths = PrefillWidths(evidence.prefill, study->prefill, calibration, "");
  for (auto& [name, width] : calibration.prefill_widths) {
    width.log_half_width = Rounded(width.log_half_width);
  }
  calibration.source = absl::StrCat(fitted.decode_rows, " decode and ", fitted.prefill_rows,
                                    " prefill measurements of ", LabsOf(evidence).size(), " labs");
  return fitted;
}

absl::StatusOr<std::vector<ValidatedRow>> LeaveOneSourceOut(
    const catalog::Catalog& catalog, const std::vector<Measurement>& measurements) {
  Resolver resolver(catalog);
  const Evidence evidence = Gather(resolver, measurements);
  absl::StatusOr<Study> study = MakeStudy(evidence);
  if (!study.ok()) return study.status();
  // The frame (tasks, reasons, assumptions) is that of an ordinary validation.
  std::vector<ValidatedRow> rows = Validate(catalog, study->calibration, measurements).rows;
  for (ValidatedRow& row : rows) {
    row.decode.reset();
    row.prefill.reset();
  }
  for (const std::string& lab : LabsOf(evidence)) {
    Calibration others = study->calibration;
    others.decode_interval_scale = DecodeScale(evidence.decode, study->decode, others, lab);
    others.prefill_widths = PrefillWidths(evidence.prefill, study->prefill, others, lab);
    for (std::size_t i = 0; i < evidence.decode.size(); ++i) {
      const Observation& o = evidence.decode[i];
      if (o.lab != lab) continue;
      throughput::DecodeDoubt doubt =
          o.prepared.Doubt(o.prepared.Decode(others.coefficients).terms, others);
      doubt.labs -= 1;
      rows[o.row].decode =
          throughput::IntervalAround(std::exp(o.log_measured - study->decode.by_lab[i]),
                                     DecodeLogHalfWidth(doubt) * others.decode_interval_scale);
    }
    for (std::size_t i = 0; i < evidence.prefill.size(); ++i) {
      const Observation& o = evidence.prefill[i];
      if (o.lab != lab) continue;
      rows[o.row].prefill = throughput::IntervalAround(
          std::exp(o.log_measured - study->prefill.by_lab[i]),
          PrefillLogHalfWidth(o.prepared.Kind(others), others.prefill_widths));
    }
  }
  return rows;
}

}  // namespace capacity::validation
