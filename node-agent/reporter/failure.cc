#include "node-agent/reporter/failure.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "node-agent/reporter/connection.h"

namespace capacity::reporter {
namespace {

using Milliseconds = std::chrono::milliseconds;

constexpr Milliseconds kShortestPause{10};  // whatever a planner asks for
constexpr Milliseconds kLongestPause{60 * 60'000};

constexpr char kHere[] = "capacity.here";  // a payload's name

}  // namespace

bool EndsEnrolment(const absl::Status& status) {
  return absl::IsUnauthenticated(status) || absl::IsAlreadyExists(status) ||
         absl::IsInvalidArgument(status) || absl::IsPermissionDenied(status);
}

bool IsNoMember(const absl::Status& status) {
  return absl::IsUnauthenticated(status) || absl::IsNotFound(status);
}

std::optional<Milliseconds> PauseIn(const absl::Status& status) {
  if (!absl::IsResourceExhausted(status)) return std::nullopt;
  const auto asked = RetryDelayOf(status);
  if (!asked) return std::nullopt;
  return std::clamp(*asked, kShortestPause, kLongestPause);
}

absl::Status Here(absl::Status status) {
  if (!status.ok()) status.SetPayload(kHere, absl::Cord());
  return status;
}

bool IsHere(const absl::Status& status) { return status.GetPayload(kHere).has_value(); }

bool NobodyIsReached(const absl::Status& status) {
  constexpr const char* kWords[] = {"failed to connect", "certificate verify failed",
                                    "CERTIFICATE_VERIFY_FAILED"};
  return absl::IsUnavailable(status) &&
         std::any_of(std::begin(kWords), std::end(kWords), [&status](const char* words) {
           return absl::StrContains(status.message(), words);
         });
}

std::string WhatMembershipLacks(const absl::Status& status) {
  return absl::StrCat(absl::IsNotFound(status) ? "the planner has forgotten this node ("
                                               : "the planner refuses this node (",
                      std::string(absl::StripSuffix(status.message(), "; enrol again")));
}

absl::Status InWordsOfOptions(const absl::Status& status) {
  constexpr const char* kField = "node_name: ";
  if (!absl::IsInvalidArgument(status) || !absl::StartsWith(status.message(), kField)) {
    return status;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("--name: ", std::string(absl::StripPrefix(status.message(), kField))));
}

}  // namespace capacity::reporter
