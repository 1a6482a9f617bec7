// The ConnectX-7 cables between several DGX Sparks or siblings.
#pragma once

#include <vector>

#include "node-agent/doctor/notes.h"

namespace capacity::doctor {

// Which of `machines` reach each other over their cages, as far as addresses and subnets tell: no
// output names the machine at the other end of such a cable. Those without a cage that is up are
// left out; what hinders them is told of each alone.
void CheckCages(const std::vector<const Patient*>& machines, Notes& notes);

}  // namespace capacity::doctor
