// The bytes of grpc-status-details-bin (proto/capacity/v1/error.proto).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "planner/wire/validate.h"

namespace capacity::wire {

// A google.rpc.Status of this code and message with a BadRequest.
std::string BadRequestDetails(int code, const std::string& message,
                              const FieldViolations& violations);

// With a RetryInfo.
// The code and message alone.
std::string PlainDetails(int code, const std::string& message);
std::string RetryDetails(int code, const std::string& message, std::int64_t retry_delay_ms);

// What those say; empty or nullopt when `details` holds no such thing.
FieldViolations ViolationsIn(const std::string& details);
std::optional<std::int64_t> RetryDelayMsIn(const std::string& details);

}  // namespace capacity::wire
