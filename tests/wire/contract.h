// A protocol as lines of text, one fact a line, so that a promise can be compared and reviewed.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "google/protobuf/descriptor.h"

namespace capacity::testing {

// Of every message, field, enum value and method in `file`:
//   "field capacity.v1.Origin 2 boot_id uint64 optional"
//   "value capacity.v1.Outcome 1 OUTCOME_ACCEPTED"
//   "method capacity.v1.Agents Enrol capacity.v1.EnrolRequest capacity.v1.EnrolResponse"
std::set<std::string> Facts(const google::protobuf::FileDescriptor& file);

// The promises that `today` no longer keeps.
std::vector<std::string> Broken(const std::set<std::string>& promised,
                                const std::set<std::string>& today);

}  // namespace capacity::testing
