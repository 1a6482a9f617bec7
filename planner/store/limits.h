// What the store takes in: sizes and alphabets, before anything reaches the database.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "planner/store/records.h"

namespace capacity::store {

// Each is OK or InvalidArgument, saying what is wrong.
absl::Status Validate(const NewReport& report);
absl::Status Validate(const NewMeasurements& measurements);
absl::Status Validate(const NewHeartbeat& heartbeat);
absl::Status Validate(const Link& link);
absl::Status Validate(const Enrollment& enrollment);
absl::Status Validate(const TokenRecord& token);
absl::Status Validate(const CertificateRecord& certificate);

}  // namespace capacity::store
