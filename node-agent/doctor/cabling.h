// The Thunderbolt cables between several Macs.
#pragma once

#include <vector>

#include "node-agent/doctor/notes.h"

namespace capacity::doctor {

// Which cables a full mesh of these Macs lacks, or what they form instead; and what hinders them
// together. `macs` are those that RDMA may join, none of them twice.
void CheckCabling(const std::vector<const Patient*>& macs, Notes& notes);

// Cables that lead to none of these.
void CheckStrangers(const std::vector<const Patient*>& macs, Notes& notes);

}  // namespace capacity::doctor
