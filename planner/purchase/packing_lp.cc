#include "planner/purchase/packing_lp.h"

#include <cstddef>

namespace capacity::purchase {
namespace {

constexpr double kZero = 1e-11;  // relative to rows scaled to a largest coefficient of one
constexpr int kPivotsBeforeBland = 50;

// The tableau in canonical form: columns are variables, then slacks, then the right-hand side.
class Tableau {
 public:
  explicit Tableau(const PackingProgram& program)
      : variables_(program.objective.size()),
        rows_(program.rows.size()),
        width_(variables_ + rows_ + 1),
        cells_((rows_ + 1) * width_, 0),
        basis_(rows_) {
    for (std::size_t r = 0; r < rows_; ++r) {
      double largest = 0;
      for (double a : program.rows[r]) largest = a > largest ? a : largest;
      const double scale = largest > 0 ? 1 / largest : 1;
      for (std::size_t v = 0; v < variables_; ++v) at(r, v) = program.rows[r][v] * scale;
      at(r, variables_ + r) = 1;
      at(r, width_ - 1) = program.capacity[r] * scale;
      basis_[r] = variables_ + r;
    }
    double largest = 0;
    for (double c : program.objective) largest = c > largest ? c : largest;
    const double scale = largest > 0 ? 1 / largest : 1;
    for (std::size_t v = 0; v < variables_; ++v) at(rows_, v) = -program.objective[v] * scale;
  }

  void Solve() {
    int stalled = 0;
    for (;;) {
      const std::size_t entering = Entering(stalled > kPivotsBeforeBland);
      if (entering == width_) return;
      const std::size_t leaving = Leaving(entering);
      if (leaving == rows_) return;  // unbounded: excluded by the contract
      const double before = at(rows_, width_ - 1);
      Pivot(leaving, entering);
      stalled = at(rows_, width_ - 1) > before + kZero ? 0 : stalled + 1;
    }
  }

  std::vector<double> Solution() const {
    std::vector<double> x(variables_, 0);
    for (std::size_t r = 0; r < rows_; ++r) {
      if (basis_[r] < variables_) x[basis_[r]] = cells_[r * width_ + width_ - 1];
    }
    return x;
  }

 private:
  double& at(std::size_t row, std::size_t column) { return cells_[row * width_ + column]; }

  // The column to enter, or width_ when none gains.
  std::size_t Entering(bool first) {
    std::size_t best = width_;
    double best_cost = -kZero;
    for (std::size_t c = 0; c + 1 < width_; ++c) {
      if (at(rows_, c) >= best_cost) continue;
      best = c;
      if (first) return best;
      best_cost = at(rows_, c);
    }
    return best;
  }

  // The row whose basic variable reaches zero first; ties by the smaller variable.
  std::size_t Leaving(std::size_t entering) {
    std::size_t best = rows_;
    double best_ratio = 0;
    for (std::size_t r = 0; r < rows_; ++r) {
      if (at(r, entering) <= kZero) continue;
      const double ratio = at(r, width_ - 1) / at(r, entering);
      if (best == rows_ || ratio < best_ratio ||
          (ratio == best_ratio && basis_[r] < basis_[best])) {
        best = r;
        best_ratio = ratio;
      }
    }
    return best;
  }

  void Pivot(std::size_t row, std::size_t column) {
    const double pivot = at(row, column);
    for (std::size_t c = 0; c < width_; ++c) at(row, c) /= pivot;
    for (std::size_t r = 0; r <= rows_; ++r) {
      if (r == row) continue;
      const double factor = at(r, column);
      if (factor == 0) continue;
      for (std::size_t c = 0; c < width_; ++c) at(r, c) -= factor * at(row, c);
    }
    basis_[row] = column;
  }

  std::size_t variables_;
  std::size_t rows_;
  std::size_t width_;
  std::vector<double> cells_;
  std::vector<std::size_t> basis_;
};

}  // namespace

std::vector<double> SolvePacking(const PackingProgram& program) {
  Tableau tableau(program);
  tableau.Solve();
  return tableau.Solution();
}

}  // namespace capacity::purchase
