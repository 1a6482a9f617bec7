// The life of an agent: enrol once, report when something changed, say every few seconds that it
// lives, renew its certificate, until told to stop.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node-agent/report.h"
#include "node-agent/reporter/first_contact.h"
#include "node-agent/reporter/link_work.h"
#include "node-agent/reporter/spool.h"
#include "node-agent/reporter/stop.h"

namespace capacity::reporter {

struct Settings {
  // Absent: looked for among those that World::find knows, and only ever in TLS.
  std::optional<Address> planner;
  std::string state_directory;
  std::string name;             // what the node asks to be called
  bool name_is_stated = false;  // by whoever started the agent; else the host's
  // As it was printed; needed until the node is enrolled; may stay. Used again when the planner
  // does not know the node any more, or was set up anew and made this token.
  std::string join_token;
  std::chrono::milliseconds heartbeat{10'000};
  std::chrono::milliseconds probe{15 * 60'000};        // looks whether something changed
  std::chrono::milliseconds report{24 * 60 * 60'000};  // at least so often, changed or not
  // How often the memory's bandwidth is measured; not before the agent has run for `probe`, and
  // only when the machine is idle.
  std::chrono::milliseconds measure{7 * 24 * 60 * 60'000LL};
  Spool::Limits spool;
};

// What changes all the time.
struct Vitals {
  std::optional<std::uint64_t> available_memory_bytes;
  std::optional<double> load_average;  // one minute, over all cores
};

enum class Severity { kInfo, kWarning, kError };

// What the agent asks of the world.
struct World {
  std::function<absl::StatusOr<agent::Report>()> report;  // may take seconds
  std::function<Vitals()> vitals;                         // must be cheap
  std::function<Readiness()> readiness;  // to measure a link; called in a thread of its own
  // The memory's bandwidth; takes seconds. FailedPrecondition: not now, the machine is busy. Empty:
  // it is never measured.
  std::function<absl::StatusOr<std::vector<agent::MemoryBandwidth>>()> measure;
  // Who says that it is a planner, each a stranger; takes seconds. Only where Settings::planner is
  // absent; empty: nobody is ever found.
  std::function<absl::StatusOr<std::vector<Address>>()> find;
  std::function<std::int64_t()> clock;  // Unix ms
  std::function<void(Severity, const std::string&)> log;
  std::string agent_version;
};

// The same in all that is worth a new report: neither the time, nor how much memory is free now,
// nor the conditions of old measurements count.
bool SameFacts(const agent::Report& a, const agent::Report& b);

// Of the planners that `find` knows, the one is taken whose authority the token names, or has
// enrolled this node; where it was is remembered.
//
// OK when stopped. Ends by itself only when it cannot begin: InvalidArgument (neither a token, nor
// an enrolment, nor a planner on loopback that speaks plaintext; a token that is none; a key or
// certificate that was lost or damaged, without a token), Unauthenticated or AlreadyExists
// (the planner refuses to enrol it), PermissionDenied (who answers is not the planner of the
// token), FailedPrecondition (another agent runs from the directory), Unavailable (the directory
// cannot be used). A planner that cannot be reached is no reason to end.
absl::Status Run(const Settings& settings, const World& world, Stop& stop);

}  // namespace capacity::reporter
