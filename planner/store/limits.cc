#include "planner/store/limits.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <string>

#include "absl/strings/str_cat.h"
#include "planner/store/store.h"

namespace capacity::store {
namespace {

constexpr std::size_t kMaxIdBytes = 128;
constexpr std::size_t kMaxKindBytes = 64;
constexpr std::size_t kMaxSubjectBytes = 256;
constexpr std::size_t kMaxNameBytes = 63;  // a label of the domain name system
constexpr std::size_t kHashBytes = 32;
constexpr std::size_t kMaxMeasurements = 1024;  // in one delivery

absl::Status Length(std::string_view text, std::size_t from, std::size_t to,
                    std::string_view what) {
  if (text.size() >= from && text.size() <= to) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), " has ", text.size(),
                                                 " bytes; ", from, " to ", to, " are allowed"));
}

// The first that is not OK.
template <class... Statuses>
absl::Status FirstProblem(Statuses... statuses) {
  absl::Status first;
  ((first.ok() ? void(first = statuses) : void()), ...);
  return first;
}

absl::Status Validate(const Stamp& stamp) {
  constexpr std::uint64_t kLargest = std::numeric_limits<std::int64_t>::max();
  if (stamp.boot_id <= kLargest && stamp.sequence <= kLargest) return absl::OkStatus();
  return absl::InvalidArgumentError("the boot id or sequence number is larger than 2^63 - 1");
}

absl::Status Validate(const std::vector<Measurement>& measurements) {
  if (measurements.size() > kMaxMeasurements) {
    return absl::InvalidArgumentError(
        absl::StrCat("more than ", kMaxMeasurements, " measurements at once"));
  }
  for (const Measurement& measurement : measurements) {
    const absl::Status problem =
        FirstProblem(Length(measurement.kind, 1, kMaxKindBytes, "a measurement's kind"),
                     Length(measurement.subject, 0, kMaxSubjectBytes, "a measurement's subject"),
                     Length(measurement.bytes, 0, kMaxReportBytes, "a measurement"));
    if (!problem.ok()) return problem;
  }
  return absl::OkStatus();
}

bool IsNameStart(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsNameCharacter(char c) { return IsNameStart(c) || c == '-' || c == '_' || c == '.'; }

}  // namespace

absl::Status ValidateNodeName(std::string_view name) {
  if (absl::Status length = Length(name, 1, kMaxNameBytes, "a node's name"); !length.ok()) {
    return length;
  }
  if (IsNameStart(name.front()) && std::all_of(name.begin(), name.end(), IsNameCharacter)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "a node's name has letters, digits, '-', '_' and '.', and begins with a letter or digit");
}

absl::Status Validate(const NewReport& report) {
  return FirstProblem(Length(report.node_id, 1, kMaxIdBytes, "the node id"), Validate(report.stamp),
                      Length(report.bytes, 0, kMaxReportBytes, "the report"),
                      Validate(report.measurements));
}

absl::Status Validate(const NewMeasurements& measurements) {
  if (measurements.measurements.empty()) {
    return absl::InvalidArgumentError("a delivery of measurements has at least one");
  }
  return FirstProblem(Length(measurements.node_id, 1, kMaxIdBytes, "the node id"),
                      Validate(measurements.stamp), Validate(measurements.measurements));
}

absl::Status Validate(const NewHeartbeat& heartbeat) {
  return FirstProblem(Length(heartbeat.node_id, 1, kMaxIdBytes, "the node id"),
                      Validate(heartbeat.stamp),
                      Length(heartbeat.bytes, 0, kMaxHeartbeatBytes, "the heartbeat"));
}

absl::Status Validate(const Link& link) {
  return FirstProblem(Length(link.from_node_id, 1, kMaxIdBytes, "the node id"),
                      Length(link.to_node_id, 1, kMaxIdBytes, "the peer's node id"),
                      Length(link.path, 0, kMaxSubjectBytes, "a link's path"),
                      Length(link.bytes, 0, kMaxReportBytes, "a link"));
}

absl::Status Validate(const Enrollment& enrollment) {
  if (!enrollment.token_hash.empty() && enrollment.token_hash.size() != kHashBytes) {
    return absl::InvalidArgumentError("a token's hash has 32 bytes");
  }
  return FirstProblem(ValidateNodeName(enrollment.name),
                      Length(enrollment.key_fingerprint, 0, kMaxIdBytes, "the key's fingerprint"),
                      Length(enrollment.new_node_id, 1, kMaxIdBytes, "the node id"));
}

absl::Status Validate(const TokenRecord& token) {
  if (token.hash.size() != kHashBytes) {
    return absl::InvalidArgumentError("a token's hash has 32 bytes");
  }
  return token.node_name.empty() ? absl::OkStatus() : ValidateNodeName(token.node_name);
}

absl::Status Validate(const CertificateRecord& certificate) {
  return FirstProblem(
      Length(certificate.serial, 1, kMaxIdBytes, "a certificate's serial"),
      Length(certificate.role, 1, kMaxIdBytes, "a certificate's role"),
      Length(certificate.subject, 0, kMaxIdBytes, "a certificate's subject"),
      Length(certificate.fingerprint, 1, kMaxIdBytes, "a certificate's fingerprint"),
      Length(certificate.key_fingerprint, 1, kMaxIdBytes, "a key's fingerprint"));
}

}  // namespace capacity::store
