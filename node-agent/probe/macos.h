// The probes of a Mac.
#pragma once

#include "node-agent/host/host.h"
#include "node-agent/probe/probe.h"
#include "node-agent/report.h"

namespace capacity::probe {

// Fills everything of `report` but its version, time and identity.
void ProbeMacos(host::Host& host, const Options& options, agent::Report& report);

// True when at least one tool that only macOS has answers. Not needed where uname does.
bool LooksLikeMacos(host::Host& host);

}  // namespace capacity::probe
