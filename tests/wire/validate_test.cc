#include "planner/wire/validate.h"

#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "planner/wire/error_details.h"

namespace capacity::wire {
namespace {

using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::SizeIs;

v1::SendReportRequest Good() {
  v1::SendReportRequest request;
  request.mutable_origin()->set_node_id("n");
  request.mutable_origin()->set_boot_id(1);
  request.mutable_origin()->set_sequence(1);
  request.mutable_report()->set_hostname("h");
  request.mutable_report()->add_ports()->set_name("en0");
  return request;
}

TEST(Validate, AcceptsAReport) { EXPECT_THAT(Violations(Good()), IsEmpty()); }

TEST(Validate, NamesEveryFieldAtOnce) {
  v1::SendReportRequest request = Good();
  request.mutable_origin()->clear_node_id();
  request.mutable_origin()->set_sequence(std::numeric_limits<std::uint64_t>::max());
  request.mutable_report()->mutable_ports(0)->set_negotiated_bits_per_second(std::nan(""));
  request.mutable_report()->set_taken_at_unix_ms(-5);
  request.mutable_report()->set_hostname("a\nb");
  EXPECT_THAT(Violations(request),
              ::testing::UnorderedElementsAre(
                  Field(&FieldViolation::field, "origin.node_id"),
                  Field(&FieldViolation::field, "origin.sequence"),
                  Field(&FieldViolation::field, "report.ports[0].negotiated_bits_per_second"),
                  Field(&FieldViolation::field, "report.taken_at_unix_ms"),
                  Field(&FieldViolation::field, "report.hostname")));
}

TEST(Validate, ListsAndTextsHaveLimits) {
  v1::SendReportRequest request = Good();
  for (int i = 0; i <= kMaxItems; ++i) request.mutable_report()->add_ports();
  request.mutable_report()->set_hostname(std::string(kMaxText + 1, 'x'));
  EXPECT_THAT(Violations(request), SizeIs(2));
}

TEST(Validate, ASpeedSaysWhatRanAndHowFast) {
  v1::SendMeasurementsRequest request;
  *request.mutable_origin() = Good().origin();
  v1::SpeedMeasurement& speed = *request.add_speeds();
  speed.set_id("0123456789abcdef0123456789ABCDEF");
  speed.set_engine("mlx");
  speed.set_model_name("gpt-oss-20b");
  speed.mutable_decode()->set_median_tokens_per_second(80);
  EXPECT_THAT(Violations(request), IsEmpty());
  speed.set_id("short");
  speed.clear_model_name();
  speed.mutable_decode()->set_median_tokens_per_second(0);
  EXPECT_THAT(Violations(request),
              ::testing::UnorderedElementsAre(
                  Field(&FieldViolation::field, "speeds[0].id"),
                  Field(&FieldViolation::field, "speeds[0].model_name"),
                  Field(&FieldViolation::field, "speeds[0].decode.median_tokens_per_second")));
}

TEST(Validate, AMissingMessageIsMissing) {
  EXPECT_THAT(Violations(v1::SendReportRequest()), SizeIs(2));
  EXPECT_THAT(Violations(v1::HeartbeatRequest()), SizeIs(1));
}

TEST(Validate, NeverTooManyToRead) {
  v1::SendMeasurementsRequest request;
  for (int i = 0; i < 400; ++i) request.add_links();
  EXPECT_THAT(Violations(request), SizeIs(32));
}

TEST(ErrorDetails, SurviveTheWire) {
  const FieldViolations violations = {{"budget_usd", "is negative"}};
  EXPECT_EQ(ViolationsIn(BadRequestDetails(3, "bad", violations)), violations);
  EXPECT_EQ(RetryDelayMsIn(RetryDetails(8, "slow down", 1500)), 1500);
  EXPECT_THAT(ViolationsIn("garbage"), IsEmpty());
  EXPECT_EQ(RetryDelayMsIn(BadRequestDetails(3, "bad", violations)), std::nullopt);
}

}  // namespace
}  // namespace capacity::wire
