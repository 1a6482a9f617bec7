#include "planner/wire/error_details.h"

#include "capacity/v1/error.pb.h"
#include "google/protobuf/any.pb.h"

namespace capacity::wire {
namespace {

constexpr char kBadRequestType[] = "type.googleapis.com/google.rpc.BadRequest";
constexpr char kRetryInfoType[] = "type.googleapis.com/google.rpc.RetryInfo";
constexpr std::int64_t kMsPerSecond = 1000;
constexpr std::int64_t kNsPerMs = 1'000'000;

template <class Detail>
std::string StatusWith(int code, const std::string& message, const char* type,
                       const Detail& detail) {
  v1::Status status;
  status.set_code(code);
  status.set_message(message);
  google::protobuf::Any& any = *status.add_details();
  any.set_type_url(type);
  any.set_value(detail.SerializeAsString());
  return status.SerializeAsString();
}

// The first detail of this type.
template <class Detail>
std::optional<Detail> Find(const std::string& details, const char* type) {
  v1::Status status;
  if (!status.ParseFromString(details)) return std::nullopt;
  for (const google::protobuf::Any& any : status.details()) {
    Detail detail;
    if (any.type_url() == type && detail.ParseFromString(any.value())) return detail;
  }
  return std::nullopt;
}

}  // namespace

std::string BadRequestDetails(int code, const std::string& message,
                              const FieldViolations& violations) {
  v1::BadRequest bad;
  for (const FieldViolation& violation : violations) {
    v1::BadRequest::FieldViolation& out = *bad.add_field_violations();
    out.set_field(violation.field);
    out.set_description(violation.description);
  }
  return StatusWith(code, message, kBadRequestType, bad);
}

std::string PlainDetails(int code, const std::string& message) {
  v1::Status status;
  status.set_code(code);
  status.set_message(message);
  return status.SerializeAsString();
}

std::string RetryDetails(int code, const std::string& message, std::int64_t retry_delay_ms) {
  v1::RetryInfo retry;
  retry.mutable_retry_delay()->set_seconds(retry_delay_ms / kMsPerSecond);
  retry.mutable_retry_delay()->set_nanos(
      static_cast<std::int32_t>(retry_delay_ms % kMsPerSecond * kNsPerMs));
  return StatusWith(code, message, kRetryInfoType, retry);
}

FieldViolations ViolationsIn(const std::string& details) {
  FieldViolations violations;
  if (const auto bad = Find<v1::BadRequest>(details, kBadRequestType)) {
    for (const auto& violation : bad->field_violations()) {
      violations.push_back({violation.field(), violation.description()});
    }
  }
  return violations;
}

std::optional<std::int64_t> RetryDelayMsIn(const std::string& details) {
  const auto retry = Find<v1::RetryInfo>(details, kRetryInfoType);
  if (!retry) return std::nullopt;
  return retry->retry_delay().seconds() * kMsPerSecond + retry->retry_delay().nanos() / kNsPerMs;
}

}  // namespace capacity::wire
