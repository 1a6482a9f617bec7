#include "planner/validation/scores.h"

#include <algorithm>
#include <cmath>

namespace capacity::validation {

double Quantile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  const double at = share * static_cast<double>(values.size() - 1);
  const auto below = static_cast<std::size_t>(std::floor(at));
  const std::size_t above = std::min(below + 1, values.size() - 1);
  return values[below] + (at - static_cast<double>(below)) * (values[above] - values[below]);
}

Score ScoreOf(const std::vector<Scored>& rows) {
  Score score;
  score.n = static_cast<int>(rows.size());
  if (rows.empty()) return score;
  std::vector<double> relative;
  std::vector<double> absolute;
  double within = 0;
  double covered = 0;
  double width = 0;
  for (const Scored& row : rows) {
    const double error = row.mid / row.measured - 1;
    relative.push_back(error);
    absolute.push_back(std::fabs(error));
    within += std::fabs(error) <= 0.2 ? 1 : 0;
    covered += row.low <= row.measured && row.measured <= row.high ? 1 : 0;
    width += row.high / row.low - 1;
  }
  const double n = static_cast<double>(rows.size());
  score.median_ape = Quantile(absolute, 0.5);
  score.p90_ape = Quantile(absolute, 0.9);
  score.within_20 = within / n;
  score.bias = Quantile(relative, 0.5);
  score.coverage_80 = covered / n;
  score.mean_width = width / n;
  return score;
}

}  // namespace capacity::validation
