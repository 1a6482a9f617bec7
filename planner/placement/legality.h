// Which strategies and engines may join which nodes (docs/model.md 3).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "planner/catalog/catalog.h"
#include "planner/fleet/fleet.h"
#include "planner/placement/topology.h"
#include "planner/throughput/throughput.h"

namespace capacity::placement {

// Collects reasons against something. Most combinations are only asked whether there is any, and
// then no text is built and the first reason ends the search.
class Reasons {
 public:
  enum class Detail { kFirstOnly, kAll };
  explicit Reasons(Detail detail) : detail_(detail) {}

  template <class MakeText>
  void Add(MakeText&& make_text) {
    any_ = true;
    if (detail_ == Detail::kAll) texts_.push_back(std::forward<MakeText>(make_text)());
  }
  bool any() const { return any_; }
  // No further reason can change what the caller learns.
  bool settled() const { return any_ && detail_ == Detail::kFirstOnly; }
  std::vector<std::string> Take() { return std::move(texts_); }

 private:
  Detail detail_;
  bool any_ = false;
  std::vector<std::string> texts_;
};

// A way of running one file on some nodes.
struct Combination {
  const fleet::Fleet* fleet = nullptr;
  const std::vector<int>* nodes = nullptr;
  const catalog::Model* model = nullptr;
  const catalog::Quantization* quant = nullptr;
  catalog::Engine engine = catalog::Engine::kLlamaCpp;
  throughput::Strategy strategy = throughput::Strategy::kSingle;
  const Joint* joint = nullptr;  // over the link in question; null for none
};

// Whether `engine` loads `quant` of `model` at all.
void CheckFormat(const catalog::Model& model, const catalog::Quantization& quant,
                 catalog::Engine engine, Reasons& reasons);

// Everything else, assuming CheckFormat passed.
void CheckCombination(const Combination& combination, Reasons& reasons);

// Separate memories of a node: its cards, or 1.
int DevicesOf(const fleet::Node& node);

}  // namespace capacity::placement
