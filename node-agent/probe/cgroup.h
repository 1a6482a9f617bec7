// Limits of memory that the kernel sets for a group of processes: a container, a slice, a job.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "node-agent/host/host.h"

namespace capacity::probe {

struct MemoryLimit {
  std::uint64_t bytes = 0;  // at most for the group
  std::uint64_t left = 0;   // of it, with the cached files that the kernel would drop; all of it
                            // where what is used is not told
  std::string file;         // that says so
};

// Of the groups that this process is in, the one that leaves least; nullopt: none has a limit. What
// a service is limited to is not looked at where this process is the service: others are not.
std::optional<MemoryLimit> TightestMemoryLimit(host::Host& host);

}  // namespace capacity::probe
