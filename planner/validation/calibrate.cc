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
using throughput::IntervalFactors;
using throughput::IntervalGroup;
using throughput::ParameterSpec;
using throughput::Prepared;

// Decode and prefill share no parameter, so they are two fits.
enum class Stage { kDecode, kPrefill };

// How a stage weighs evidence. Chosen once by leaving labs out; not tuned per row.
struct StageOptions {
  double scale;         // expected error of a measurement, natural logarithm
  double outlier;       // residuals beyond this many scales count ever less (Cauchy)
  double repeat_power;  // n rows of one configuration of one lab weigh n^(1 - power)
  double weak_tier;     // weight of tier B rows
};
StageOptions OptionsOf(Stage stage) {
  if (stage == Stage::kDecode) return {0.10, 0.7, 0.5, 0.5};
  return {0.10, 1.0, 0.5, 1.0};
}

// One measured speed.
struct Observation {
  std::size_t row = 0;  // index into the measurements
  Prepared prepared;
  std::optional<double> wall_clock_tokens;
  std::string chip;
  std::string lab;
  IntervalGroup group = IntervalGroup::kDense;
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

// All residuals of a fit. One block, so that a step evaluates the model once per parameter and row;
// the robust loss is folded into the residuals: r -> sign(r) sqrt(w rho(r^2)).
class Residuals : public ceres::CostFunction {
 public:
  Residuals(Stage stage, const Specs& specs, const std::vector<Observation>& rows,
            std::string left_out)
      : stage_(stage), options_(OptionsOf(stage)), specs_(specs), left_out_(std::move(left_out)) {
    for (const Observation& row : rows) {
      if (row.lab != left_out_ || left_out_.empty()) rows_.push_back(&row);
    }
    set_num_residuals(static_cast<int>(rows_.size() + specs_.size()));
    mutable_parameter_block_sizes()->push_back(static_cast<int>(specs_.size()));
  }

  bool Evaluate(const double* const* parameters, double* residuals,
                double** jacobians) const override {
    const double* logs = parameters[0];
    Fill(At(specs_, logs), logs, residuals);
    if (jacobians == nullptr || jacobians[0] == nullptr) return true;
    // Central differences in the logarithm of each parameter.
    constexpr double kStep = 1e-5;
    const std::size_t p = specs_.size();
    std::vector<double> up(static_cast<std::size_t>(num_residuals()));
    std::vector<double> down(up.size());
    std::vector<double> moved(logs, logs + p);
    for (std::size_t j = 0; j < p; ++j) {
      moved[j] = logs[j] + kStep;
      Fill(At(specs_, moved.data()), moved.data(), up.data());
      moved[j] = logs[j] - kStep;
      Fill(At(specs_, moved.data()), moved.data(), down.data());
      moved[j] = logs[j];
      for (std::size_t i = 0; i < up.size(); ++i) {
        jacobians[0][i * p + j] = (up[i] - down[i]) / (2 * kStep);
      }
    }
    return true;
  }

  std::size_t rows() const { return rows_.size(); }

 private:
  void Fill(const Coefficients& c, const double* logs, double* residuals) const {
    const double a2 = options_.outlier * options_.outlier;
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      const double r = (LogSpeed(*rows_[i], stage_, c) - rows_[i]->log_measured) / options_.scale;
      const double loss = std::sqrt(rows_[i]->weight * a2 * std::log1p(r * r / a2));
      residuals[i] = r < 0 ? -loss : loss;
    }
    for (std::size_t j = 0; j < specs_.size(); ++j) {
      residuals[rows_.size() + j] = (logs[j] - LogPrior(*specs_[j])) / specs_[j]->prior_log_sigma;
    }
  }

  Stage stage_;
  StageOptions options_;
  const Specs& specs_;
  std::string left_out_;
  std::vector<const Observation*> rows_;
};

// The best parameters (logarithms) without the rows of `left_out` (empty: with all), from `start`.
std::vector<double> Solve(Stage stage, const Specs& specs, const std::vector<Observation>& rows,
                          const std::string& left_out, std::vector<double> start) {
  ceres::Problem problem;
  problem.AddResidualBlock(new Residuals(stage, specs, rows, left_out), nullptr, start.data());
  ceres::Solver::Options options;
  options.linear_solver_type = ceres::DENSE_QR;
  options.num_threads = 1;
  options.max_num_iterations = 60;
  options.function_tolerance = 1e-7;
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
                  .lab = m.lab};
    if (m.decode_tps) {
      o.log_measured = std::log(*m.decode_tps);
      o.group = prepared->decode_group();
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
      o.group = prepared->prefill_group();
      evidence.prefill.push_back(o);
    }
  }
  Weigh(Stage::kDecode, measurements, evidence.decode);
  Weigh(Stage::kPrefill, measurements, evidence.prefill);
  return evidence;
}

std::set<std::string> LabsOf(const std::vector<Observation>& observations) {
  std::set<std::string> labs;
  for (const Observation& o : observations) labs.insert(o.lab);
  return labs;
}

// For each observation: log(measured / predicted) by the fit that has not seen its lab.
std::vector<double> LeftOutResiduals(Stage stage, const Specs& specs,
                                     const std::vector<Observation>& observations,
                                     const std::vector<double>& start) {
  std::vector<double> residuals(observations.size());
  for (const std::string& lab : LabsOf(observations)) {
    const std::vector<double> logs = Solve(stage, specs, observations, lab, start);
    const Coefficients c = At(specs, logs.data());
    for (std::size_t i = 0; i < observations.size(); ++i) {
      if (observations[i].lab != lab) continue;
      residuals[i] = observations[i].log_measured - LogSpeed(observations[i], stage, c);
    }
  }
  return residuals;
}

// The interval that held 80 % of the residuals of a group, leaving out `lab` (empty: none). A group
// of fewer than kFewest rows keeps what is assumed for it.
constexpr int kFewest = 20;
IntervalFactors FactorsFrom(const std::vector<Observation>& observations,
                            const std::vector<double>& residuals, IntervalGroup group,
                            const std::string& lab) {
  std::vector<double> held;
  for (std::size_t i = 0; i < observations.size(); ++i) {
    if (observations[i].group != group) continue;
    if (!lab.empty() && observations[i].lab == lab) continue;
    held.push_back(residuals[i]);
  }
  if (static_cast<int>(held.size()) < kFewest) return Calibration().FactorsOf(group);
  constexpr double kTail = 0.1;
  return {std::max(1.02, std::exp(-Quantile(held, kTail))),
          std::max(1.02, std::exp(Quantile(held, 1 - kTail))), static_cast<int>(held.size())};
}

// Standard errors from the curvature at the optimum: (J'J)^-1 with the priors among the residuals.
std::vector<double> StandardErrors(Stage stage, const Specs& specs,
                                   const std::vector<Observation>& observations,
                                   const std::vector<double>& logs) {
  const Residuals residuals(stage, specs, observations, "");
  const auto p = static_cast<Eigen::Index>(specs.size());
  const auto n = static_cast<Eigen::Index>(residuals.rows()) + p;
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

// How many rows move by more than a hundredth of the parameter's own change.
int RowsInforming(Stage stage, const Specs& specs, const std::vector<Observation>& observations,
                  const std::vector<double>& logs, std::size_t parameter) {
  constexpr double kStep = 1e-3;
  constexpr double kLeast = 0.01;
  std::vector<double> moved = logs;
  moved[parameter] += kStep;
  const Coefficients here = At(specs, logs.data());
  const Coefficients there = At(specs, moved.data());
  int rows = 0;
  for (const Observation& o : observations) {
    const double change = LogSpeed(o, stage, there) - LogSpeed(o, stage, here);
    if (std::fabs(change) > kLeast * kStep) ++rows;
  }
  return rows;
}

// Four significant digits: what the file prints is what runs, and reruns cannot differ by noise.
double Rounded(double value) {
  if (value == 0) return 0;
  const double unit = std::pow(10, std::floor(std::log10(std::fabs(value))) - 3);
  return std::round(value / unit) * unit;
}

void FitStage(Stage stage, const std::vector<Observation>& observations, Calibration& out) {
  const Specs specs = SpecsOf(stage);
  const std::vector<double> logs = Solve(stage, specs, observations, "", Priors(specs));
  const std::vector<double> errors = StandardErrors(stage, specs, observations, logs);
  for (std::size_t i = 0; i < specs.size(); ++i) {
    out.parameters[specs[i]->name] = {
        .value = Rounded(std::exp(logs[i])),
        .standard_error = Rounded(errors[i]),
        .rows = RowsInforming(stage, specs, observations, logs, i),
        .unit = specs[i]->unit,
    };
  }
  const std::vector<double> residuals = LeftOutResiduals(stage, specs, observations, logs);
  for (int g = 0; g < throughput::kIntervalGroups; ++g) {
    const auto group = static_cast<IntervalGroup>(g);
    IntervalFactors factors = FactorsFrom(observations, residuals, group, "");
    if (factors.rows == 0) continue;
    factors.below = Rounded(factors.below);
    factors.above = Rounded(factors.above);
    out.intervals[Name(group)] = factors;
  }
}

// Fills `rows` with the left-out estimates of a stage.
void PredictLeftOut(Stage stage, const std::vector<Observation>& observations,
                    std::vector<ValidatedRow>& rows) {
  if (observations.empty()) return;
  const Specs specs = SpecsOf(stage);
  const std::vector<double> all = Solve(stage, specs, observations, "", Priors(specs));
  const std::vector<double> residuals = LeftOutResiduals(stage, specs, observations, all);
  for (std::size_t i = 0; i < observations.size(); ++i) {
    const Observation& o = observations[i];
    const Estimate estimate =
        throughput::IntervalAround(std::exp(o.log_measured - residuals[i]),
                                   FactorsFrom(observations, residuals, o.group, o.lab));
    (stage == Stage::kDecode ? rows[o.row].decode : rows[o.row].prefill) = estimate;
  }
}

}  // namespace

absl::StatusOr<Fitted> Calibrate(const catalog::Catalog& catalog,
                                 const std::vector<Measurement>& measurements) {
  Resolver resolver(catalog);
  Evidence evidence = Gather(resolver, measurements);
  if (evidence.decode.empty() && evidence.prefill.empty()) {
    return absl::FailedPreconditionError(
        "no row of the file can be used: see `planner validate` for the reasons");
  }
  Fitted fitted;
  if (!evidence.decode.empty()) FitStage(Stage::kDecode, evidence.decode, fitted.calibration);
  if (!evidence.prefill.empty()) FitStage(Stage::kPrefill, evidence.prefill, fitted.calibration);
  fitted.decode_rows = static_cast<int>(evidence.decode.size());
  fitted.prefill_rows = static_cast<int>(evidence.prefill.size());
  fitted.skipped = std::move(evidence.skipped);
  fitted.calibration.source =
      absl::StrCat(fitted.decode_rows, " decode and ", fitted.prefill_rows,
                   " prefill measurements of ", LabsOf(evidence.decode).size(), " labs");
  if (absl::Status status = fitted.calibration.Resolve(); !status.ok()) return status;
  return fitted;
}

absl::StatusOr<std::vector<ValidatedRow>> LeaveOneSourceOut(
    const catalog::Catalog& catalog, const std::vector<Measurement>& measurements) {
  Resolver resolver(catalog);
  const Evidence evidence = Gather(resolver, measurements);
  if (evidence.decode.empty() && evidence.prefill.empty()) {
    return absl::FailedPreconditionError(
        "no row of the file can be used: see `planner validate` for the reasons");
  }
  // The frame (tasks, reasons, assumptions) is the same as for an ordinary validation.
  std::vector<ValidatedRow> rows = Validate(catalog, Calibration(), measurements).rows;
  for (ValidatedRow& row : rows) {
    row.decode.reset();
    row.prefill.reset();
  }
  PredictLeftOut(Stage::kDecode, evidence.decode, rows);
  PredictLeftOut(Stage::kPrefill, evidence.prefill, rows);
  return rows;
}

}  // namespace capacity::validation
