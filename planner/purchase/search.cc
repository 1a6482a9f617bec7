#include "planner/purchase/search.h"

namespace capacity::purchase {

std::vector<std::size_t> ConcaveHull(const std::vector<Choice>& points) {
  std::vector<std::size_t> hull;
  auto slope = [&points](std::size_t a, std::size_t b) {
    return (points[b].usd_per_month - points[a].usd_per_month) /
           (points[b].cost - points[a].cost).dollars();
  };
  for (std::size_t p = 0; p < points.size(); ++p) {
    while (hull.size() >= 2 &&
           slope(hull[hull.size() - 2], hull.back()) <= slope(hull[hull.size() - 2], p)) {
      hull.pop_back();
    }
    hull.push_back(p);
  }
  return hull;
}

}  // namespace capacity::purchase
