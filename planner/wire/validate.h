// What is wrong with a message from outside, all of it at once.
#pragma once

#include <string>
#include <vector>

#include "capacity/v1/planner.pb.h"

namespace capacity::wire {

struct FieldViolation {
  std::string field;        // "report.ports[3].negotiated_bits_per_second"
  std::string description;  // what is wrong; what would be right

  friend bool operator==(const FieldViolation&, const FieldViolation&) = default;
};
using FieldViolations = std::vector<FieldViolation>;

// No node says more of itself; no message has longer texts, questions' documents aside.
inline constexpr int kMaxItems = 512;          // of one list
inline constexpr std::size_t kMaxText = 1024;  // bytes of one text
inline constexpr std::size_t kMaxPem = 16384;
inline constexpr std::size_t kMaxDocument = 192 << 10;

// Empty: the message makes sense.
FieldViolations Violations(const v1::EnrolRequest& request);
FieldViolations Violations(const v1::RenewRequest& request);
FieldViolations Violations(const v1::SendReportRequest& request);
FieldViolations Violations(const v1::HeartbeatRequest& request);
FieldViolations Violations(const v1::SendMeasurementsRequest& request);
FieldViolations Violations(const v1::PollTaskRequest& request);
FieldViolations Violations(const v1::UpdateTaskRequest& request);
FieldViolations Violations(const v1::PlanRequest& request);
FieldViolations Violations(const v1::FitRequest& request);
FieldViolations Violations(const v1::PredictRequest& request);
FieldViolations Violations(const v1::ListNodesRequest& request);
FieldViolations Violations(const v1::GetNodeRequest& request);
FieldViolations Violations(const v1::ExportInventoryRequest& request);
FieldViolations Violations(const v1::ForgetRequest& request);
FieldViolations Violations(const v1::RenameRequest& request);

}  // namespace capacity::wire
