// How each engine is started; MakeLaunchPlan chooses among them. `plan` comes with what they all
// share; each adds steps, warnings and what is missing.
#pragma once

#include <string>
#include <vector>

#include "planner/fleet/fleet.h"
#include "planner/launch/launch.h"
#include "planner/placement/placement.h"

namespace capacity::launch {

// What an engine's steps are made from.
struct Job {
  const fleet::Fleet& fleet;
  const placement::Placement& placement;
  const Facts& facts;
  std::vector<std::string> nodes;  // names, in the placement's order
  std::vector<int> layers;         // of each

  const fleet::Node& node(std::size_t i) const {
    return fleet.nodes()[static_cast<std::size_t>(placement.nodes[i])];
  }
};

void PlanLlamaCpp(const Job& job, LaunchPlan& plan);
void PlanExo(const Job& job, LaunchPlan& plan);
void PlanMlx(const Job& job, LaunchPlan& plan);
void PlanVllm(const Job& job, LaunchPlan& plan);

// ---------------------------------------------------------------- shared

// Where a node is reached over the network it clusters over: as the user named it, else as its
// agent reported it, else "<NODE>", which `plan` then says is missing.
Address ReachAt(const Job& job, const std::string& node, LaunchPlan& plan);

// The name by which the engine loads the model, or "<MODEL>", which `plan` then says is missing.
std::string SourceOf(const Job& job, LaunchPlan& plan);

// The socket of `node` to cluster over: the stated interface's, else the one up and not for
// management with the fastest kind. Null when nothing is known.
const Socket* ClusterSocket(const Job& job, const std::string& node);

// llama.cpp deals n layers and the output to devices by cumulated proportions, the file's
// `mtp_layers` included though it loads none of them. These land exactly `layers` (in device order,
// none negative, at least one positive) on each; the rest goes to the last device that has any
// (llama.cpp b11669, load_tensors).
std::vector<int> TensorSplit(std::vector<int> layers, int mtp_layers);

// From each node to each other by Thunderbolt, as MLX's hostfile has it; "" where it is not known.
std::vector<std::vector<std::string>> RdmaMatrix(const Job& job);

// The program that starts a model on one machine or in a cluster, as JSON text of MLX's hostfile.
std::string Hostfile(const Job& job, const std::vector<std::string>& ssh_names,
                     const std::vector<std::vector<std::string>>& rdma,
                     const std::vector<std::string>& addresses);

}  // namespace capacity::launch
