// What a failed talk with the planner means: whether waiting mends it, who has to do something, and
// in whose words it is told.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "absl/status/status.h"

namespace capacity::reporter {

// No waiting mends it while the node is not enrolled.
bool EndsEnrolment(const absl::Status& status);

// The planner does not know this node, or not any more.
bool IsNoMember(const absl::Status& status);

// The planner is well and asks to be asked later; nullopt: it does not.
std::optional<std::chrono::milliseconds> PauseIn(const absl::Status& status);

// Marks what this machine's disk refuses: no planner has part in it.
absl::Status Here(absl::Status status);
bool IsHere(const absl::Status& status);

// There is no connection, in gRPC's words. The planner's own answers are other ones.
bool NobodyIsReached(const absl::Status& status);

// "the planner refuses this node (why", without what the planner ends with: what to do.
std::string WhatMembershipLacks(const absl::Status& status);

// The planner names the fields of its messages; who started the agent gave options.
absl::Status InWordsOfOptions(const absl::Status& status);

}  // namespace capacity::reporter
