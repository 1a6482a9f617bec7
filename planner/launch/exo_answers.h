// What EXO's API says, and what it is asked. Field names: exo-explore/exo @b5375f8 (2026-06-22),
// src/exo/shared/types and src/exo/api/types/api.py.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/launch/launch.h"

namespace capacity::launch {

// How EXO shares a model, in its words.
struct ExoChoice {
  std::string sharding;  // "Pipeline" or "Tensor"
  std::string meta;      // "MlxRing" (TCP) or "MlxJaccl" (RDMA)

  friend bool operator==(const ExoChoice&, const ExoChoice&) = default;
};
ExoChoice ExoChoiceFor(const LaunchPlan& plan);

// ---------------------------------------------------------------- questions

// "/instance/previews?model_id=...&node_ids=...": placements that contain at least these nodes.
std::string PreviewsPath(const std::string& model, const std::vector<std::string>& node_ids);
// The body of POST /place_instance.
std::string PlaceRequest(const std::string& model, const ExoChoice& choice, std::size_t nodes);

// ---------------------------------------------------------------- answers

struct ExoNode {
  std::string id;
  std::string name;  // friendlyName; empty: not known yet
  std::vector<std::string> addresses;
};

// The layers [first, end) of one node.
struct ExoShard {
  std::string node;    // id
  std::string runner;  // id
  int rank = 0;
  int first = 0;
  int end = 0;
};

struct ExoInstance {
  std::string id;
  std::string model;             // EXO's name
  ExoChoice choice;              // empty fields: not understood
  int layers = 0;                // of the whole model; 0: not said
  std::vector<ExoShard> shards;  // by rank
};

struct ExoRunner {
  std::string status;  // "RunnerReady", "RunnerLoading", ...
  std::string error;   // of RunnerFailed
  int layers_loaded = 0;
  int layers = 0;  // to load; 0: not said
};

struct ExoState {
  std::vector<ExoNode> nodes;                // by id
  std::vector<ExoInstance> instances;        // by id
  std::map<std::string, ExoRunner> runners;  // by id
};

// An answer of GET /state. InvalidArgument when it is none; what is not understood is left out.
absl::StatusOr<ExoState> ReadExoState(std::string_view text);

// One placement that EXO would make.
struct ExoPreview {
  ExoChoice choice;
  std::string error;  // why there is none of this kind; empty: `instance` is one
  ExoInstance instance;
  std::string json;  // of the instance, as it came
};
// An answer of GET /instance/previews.
absl::StatusOr<std::vector<ExoPreview>> ReadExoPreviews(std::string_view text);

// The body of POST /instance: the preview with `layers` (by node id) for its own, in the order of
// its ranks. FailedPrecondition when the nodes are not the same or the layers do not add up to the
// model's; under tensor parallelism nothing is changed.
absl::StatusOr<std::string> CreateRequest(const ExoPreview& preview,
                                          const std::map<std::string, int>& layers);

// What an answer of an error says: {"error": {"message": ...}}, {"detail": ...}, or its beginning.
std::string ComplaintOf(std::string_view body);

// ---------------------------------------------------------------- whose node is whose

// EXO's id of each planned node: by an address that the user named for it, else by its name
// (ignoring case, ".local", spaces and hyphens). FailedPrecondition lists what EXO has when one is
// not found, or two of EXO's could be meant.
absl::StatusOr<std::map<std::string, std::string>> ExoIdsOf(
    const std::vector<std::string>& nodes, const std::map<std::string, Address>& addresses,
    const ExoState& state);

}  // namespace capacity::launch
