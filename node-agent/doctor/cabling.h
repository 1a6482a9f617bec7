// The Thunderbolt cables between several Macs.
#pragma once

#include <vector>

#include "node-agent/doctor/notes.h"

namespace capacity::doctor {

// Which cables a full mesh of those that RDMA may join lacks, or what they form instead; and what
// hinders all of them together. None of `macs` is there twice.
void CheckCabling(const std::vector<const Patient*>& macs, Notes& notes);

// Cables that lead to none of these.
void CheckStrangers(const std::vector<const Patient*>& macs, Notes& notes);

}  // namespace capacity::doctor
