// The machine that this program runs on.
#pragma once

#include <memory>

#include "node-agent/host/host.h"

namespace capacity::host {

// Commands run without a shell, in the C locale, with an empty standard input, in a process group
// of their own that is killed at the timeout. Programs are looked for in PATH and then in the usual
// system directories (a service's PATH often lacks /usr/sbin and /sbin). Safe from one thread.
std::unique_ptr<Host> Live();

// Kills every command that a live host of this process is running, with its process group. May be
// called from a signal handler.
void KillRunning();

// From now on SIGINT, SIGTERM and SIGHUP, where they are not ignored, end this process as they
// would, but not before its commands. For programs that handle none of them otherwise.
void EndWithCommands();

}  // namespace capacity::host
