// What keeps a machine, or several cabled together, from RDMA; and what to do about it.
#pragma once

#include <string>
#include <vector>

#include "node-agent/report.h"

namespace capacity::doctor {

struct Patient {
  std::string name;  // for people: hostname, or the capture's directory
  agent::Report report;
};

struct Advice {
  enum class Severity {
    kGood,     // works
    kNote,     // worth knowing; nothing to do
    kProblem,  // something to do
  };
  Severity severity = Severity::kNote;
  std::string patient;  // empty: about all of them together
  std::string finding;  // "RDMA is disabled (ibv_devices lists no device)."
  std::string remedy;   // what to do, in steps; empty for kGood and kNote

  friend bool operator==(const Advice&, const Advice&) = default;
};

// In the order of `patients`; then about the cables between them, when there are several.
std::vector<Advice> Diagnose(const std::vector<Patient>& patients);

}  // namespace capacity::doctor
