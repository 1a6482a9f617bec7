// EXO: POST /bench/chat/completions (its own counters and power), GET /state (the cluster).
// Field names from exo-explore/exo, src/exo/api/types/api.py and src/exo/shared/types (commit
// b5375f8c, 2026-06-22: state.py, topology.py, multiaddr.py, profiling.py); no
// answer of a real cluster has been seen, so what /state says is taken as far as it is understood.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "node-agent/engine/answer.h"
#include "node-agent/engine/openai.h"

namespace capacity::engine {

// Body of POST /bench/chat/completions.
std::string ExoBenchRequest(const Question& question);

absl::StatusOr<Answer> ParseExoBench(std::string_view text);

// A model that runs, and where.
struct ExoInstance {
  std::string model;               // "mlx-community/..."
  std::string strategy;            // "single", "tensor", "pipeline"; empty: not understood
  std::vector<std::string> nodes;  // node identifiers, sorted
  std::optional<std::uint64_t> bytes;
};
struct ExoState {
  std::vector<ExoInstance> instances;  // by model
  std::vector<std::string> nodes;      // all of the topology, sorted
  // What others know the nodes by: the address at which another node reaches it, else one of its
  // interfaces', else its name. Those of which EXO says nothing are missing.
  std::map<std::string, std::string> names;
};
// InvalidArgument when it is no state at all; instances of a shape not known are left out.
absl::StatusOr<ExoState> ParseExoState(std::string_view text);

}  // namespace capacity::engine
