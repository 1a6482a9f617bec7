// One machine that runs Linux: a DGX Spark, a sibling, or another.
#pragma once

#include "node-agent/doctor/notes.h"

namespace capacity::doctor {

void CheckLinux(const agent::Report& report, Notes& notes);

}  // namespace capacity::doctor
