// The measured speeds of a fleet, and what they say of each other.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "planner/base/estimate.h"
#include "planner/fleet/fleet.h"
#include "planner/throughput/calibration.h"
#include "planner/throughput/node_calibration.h"

namespace capacity::placement {

// What each node is: nodes with the same machine and chip are alike to a measurement.
std::vector<std::string> MachinesOf(const fleet::Fleet& fleet, const std::vector<int>& nodes);

// The fleet's measurements as runs, in its order. One that says too little to be compared with
// anything is left out, and one of a model that the nodes cannot hold.
//
// On a node with several cards the strategy that a measurement does not state is the engine's own
// habit: llama.cpp and Ollama deal the layers to all cards; vLLM takes one card, and all of them,
// tensor parallel, for a model that one cannot hold.
std::vector<throughput::SpeedMeasurement> MeasuredOn(const catalog::Catalog& catalog,
                                                     const fleet::Fleet& fleet);

// A measurement beside what would have been predicted, tokens/s of all streams together.
struct Judged {
  const fleet::SpeedMeasurement* measurement = nullptr;
  throughput::Strategy strategy = throughput::Strategy::kSingle;  // stated, or the engine's habit
  std::optional<Estimate> decode_before;                          // by the catalogue alone
  std::optional<Estimate> decode_after;  // in the light of the fleet's other measurements
  std::optional<Estimate> prefill_before;
  std::optional<Estimate> prefill_after;
  std::string why_not;  // why nothing is predicted; empty when something is
};

// Every measurement of the fleet, in its order. `remarks` names those that the others contradict.
struct Judgements {
  std::vector<Judged> measurements;
  std::vector<std::string> remarks;
};
Judgements JudgeMeasurements(const catalog::Catalog& catalog,
                             const throughput::Calibration& calibration, const fleet::Fleet& fleet);

}  // namespace capacity::placement
