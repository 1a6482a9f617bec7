// What every question shares: the facts, the fleet it is about, and how a bad one is refused.
//
// The command line and the service ask through this folder, so that the same fleet and the same
// question have one answer, byte for byte, wherever they come from.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/base/diagnostics.h"
#include "planner/catalog/catalog.h"
#include "planner/inventory/inventory.h"
#include "planner/placement/placement.h"
#include "planner/throughput/calibration.h"

namespace capacity::answer {

// The facts that every answer rests on.
struct Facts {
  catalog::Catalog catalog;
  throughput::Calibration calibration;
};

// Where the fleet is described: an inventory and the what-ifs that change it, files or texts.
struct Documents {
  inventory::DocumentReader read;
  std::string inventory;
  std::vector<std::string> overlays;  // in the order in which they apply
  std::size_t standing = 0;           // how many of them, from the first, are no what-if but hold
};

// What is wrong with one argument. The names are those of the protocol: "budget", "model", "nodes";
// empty: the question as a whole.
struct ArgumentProblem {
  std::string argument;
  std::string problem;
};

// An answer, or everything that is wrong with the question. Exactly one of the two.
template <class T>
struct Answered {
  std::optional<T> value;
  Diagnostics problems;  // in the documents
  std::vector<ArgumentProblem> arguments;
};

// "unknown model "x"; did you mean ...?".
std::string Unknown(const char* what, const std::string& name,
                    const std::vector<std::string>& known);

// The load of these tokens and streams with this cell type of the KV cache. InvalidArgument lists
// the types that there are.
absl::StatusOr<placement::Load> MakeLoad(const catalog::Catalog& catalog, int context_tokens,
                                         int prompt_tokens, int streams,
                                         const std::string& kv_type);

// The ids of catalogue entries, for suggestions.
template <class Entry>
std::vector<std::string> Ids(const std::vector<Entry>& entries) {
  std::vector<std::string> ids;
  for (const Entry& entry : entries) ids.push_back(entry.id);
  return ids;
}

}  // namespace capacity::answer
