// A report of the machine behind a host: live, or replayed from a capture.
#pragma once

#include <cstdint>
#include <string>

#include "node-agent/host/host.h"
#include "node-agent/report.h"

namespace capacity::probe {

struct Options {
  std::string agent_version;
  std::int64_t taken_at_unix_ms = 0;
  // Thunderbolt domain UUIDs leave the machine as hashes under this salt only. Reports that are to
  // be paired need the same one.
  std::string domain_salt;
};

// Runs every probe for the system that the host turns out to be. Never fails: what could not be
// found out is in `probes`. Reads only; in particular no RDMA resource is made, since on macOS
// those leak until a reboot. Leaves `memory_bandwidths` and `identity` empty.
agent::Report TakeReport(host::Host& host, const Options& options);

}  // namespace capacity::probe
