#include "node-agent/reporter/wire.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "capacity/v1/node.pb.h"

namespace capacity::reporter {
namespace {

v1::NodeReport Converted(const agent::Report& report) {
  v1::NodeReport message;
  EXPECT_TRUE(message.ParseFromString(Serialize(report)));
  return message;
}

// Every field of the report, each with a value of its own.
agent::Report Whole() {
  agent::Report report;
  report.agent_version = "0.1.0";
  report.hostname = "studio";
  report.taken_at_unix_ms = 1;
  report.machine = {"Apple", "Mac Studio", "Mac15,14", agent::Machine::Kind::kMac};
  report.os = {"macOS", "26.2", "25C56", "release"};
  report.processor = {"Apple M3 Ultra", "arm64", 32, {{"Performance", 24}, {"Efficiency", 8}}};
  report.memory = {10, 11, 12, 13, 14, true, 0.5, 15};
  report.accelerators = {
      {"Apple M3 Ultra", 80, 20, 21, "driver", "1g.12gb", 350.0, agent::Accelerator::Fault::kLost}};
  report.ports = {{agent::Port::Kind::kThunderbolt,
                   "receptacle 3",
                   {"en5"},
                   "rdma_en5",
                   agent::Port::State::kUp,
                   80e9,
                   40e9,
                   true,
                   false,
                   "peer",
                   "domain",
                   "peer-domain",
                   {"10.0.0.1"},
                   true,
                   true,
                   "twin"}};
  report.rdma = {agent::Rdma::State::kEnabled, "why"};
  report.memory_bandwidths = {{agent::MemoryBandwidth::Kind::kGpuRead,
                               100.0,
                               90.0,
                               5,
                               1'000,
                               8,
                               "gpu 0",
                               2,
                               {0.25, agent::Conditions::Power::kBattery, "nominal", true}}};
  report.probes = {{"sysctl", agent::ProbeResult::Outcome::kPartial, {"x is unknown"}}};
  report.identity = agent::Identity{"mac-studio", "m3-ultra", 1, "why not"};
  return report;
}

// Paths of fields that have no value, below `message` and everything that it holds.
void FindEmpty(const google::protobuf::Message& message, const std::string& path,
               std::set<std::string>& empty) {
  const auto* const reflection = message.GetReflection();
  for (int i = 0; i < message.GetDescriptor()->field_count(); ++i) {
    const auto* const field = message.GetDescriptor()->field(i);
    const std::string name = path + std::string(field->name());
    const int count = field->is_repeated() ? reflection->FieldSize(message, field)
                                           : reflection->HasField(message, field);
    if (count == 0) {
      empty.insert(name);
    } else if (field->cpp_type() == google::protobuf::FieldDescriptor::CPPTYPE_MESSAGE) {
      FindEmpty(field->is_repeated() ? reflection->GetRepeatedMessage(message, field, 0)
                                     : reflection->GetMessage(message, field),
                name + ".", empty);
    }
  }
}

TEST(Wire, EveryFieldOfTheMessageIsFilled) {
  std::set<std::string> empty;
  FindEmpty(Converted(Whole()), "", empty);
  for (const std::string& field : empty) ADD_FAILURE() << field << " is never filled";
}

TEST(Wire, FieldsKeepTheirMeaning) {
  const v1::NodeReport message = Converted(Whole());
  EXPECT_EQ(message.machine().kind(), v1::Machine::KIND_MAC);
  EXPECT_EQ(message.os().vendor_release(), "release");
  EXPECT_EQ(message.processor().groups(1).cores(), 8u);
  EXPECT_EQ(message.memory().installed_bytes(), 10u);
  EXPECT_EQ(message.memory().wired_limit_bytes(), 14u);
  EXPECT_EQ(message.accelerators(0).memory_used_bytes(), 21u);
  EXPECT_EQ(message.accelerators(0).fault(), v1::Accelerator::FAULT_LOST);
  EXPECT_EQ(message.ports(0).capable_bits_per_second(), 80e9);
  EXPECT_EQ(message.ports(0).negotiated_bits_per_second(), 40e9);
  EXPECT_TRUE(message.ports(0).rdma_capable());
  EXPECT_TRUE(message.ports(0).has_rdma_active());
  EXPECT_FALSE(message.ports(0).rdma_active());
  EXPECT_EQ(message.rdma().state(), v1::Rdma::STATE_ENABLED);
  EXPECT_EQ(message.memory_bandwidths(0).best_bytes_per_second(), 100.0);
  EXPECT_EQ(message.memory_bandwidths(0).conditions().power(), v1::Conditions::POWER_BATTERY);
  EXPECT_EQ(message.probes(0).outcome(), v1::Probe::OUTCOME_PARTIAL);
  EXPECT_EQ(message.identity().chip(), "m3-ultra");
}

TEST(Wire, ALinkThatNobodyBroughtUpCarriesNothing) {
  agent::Report report = Whole();
  report.ports[0].admin_down = true;
  EXPECT_EQ(Converted(report).ports(0).state(), v1::Port::STATE_DOWN);
}

TEST(Wire, WhatIsNotKnownIsAbsent) {
  const v1::NodeReport message = Converted({});
  EXPECT_FALSE(message.memory().has_installed_bytes());
  EXPECT_FALSE(message.has_identity());
}

TEST(Wire, MeasurementsReadBackAsWritten) {
  const auto measured = Whole().memory_bandwidths;
  EXPECT_EQ(ParseMeasured(SerializeMeasured(measured)), measured);
  EXPECT_TRUE(ParseMeasured("").empty());
  EXPECT_TRUE(ParseMeasured("\xff\xff").empty());
}

// Every field of a speed, each with a value of its own.
agent::SpeedMeasurement WholeSpeed() {
  agent::SpeedMeasurement speed;
  speed.id = "0123456789abcdef0123456789abcdef";
  speed.engine = "llama.cpp";
  speed.engine_version = "b9010 (5d8f1c7)";
  speed.source = "llama-bench";
  speed.model_name = "gpt-oss 20B MXFP4 MoE";
  speed.quant_name = "MXFP4";
  speed.model_bytes = 11;
  speed.model_parameters = 12;
  speed.model = "gpt-oss-20b";
  speed.quant = "mxfp4";
  speed.prompt_tokens = 13;
  speed.generated_tokens = 14;
  speed.depth_tokens = 15;
  speed.streams = 16;
  speed.repeats = 17;
  speed.prefill = agent::Rate{18, 17.5, 18.5};
  speed.decode = agent::Rate{19, 18.5, 19.5};
  speed.time_to_first_token_ms = 20;
  speed.inter_token_median_ms = 21;
  speed.inter_token_p95_ms = 22;
  speed.kv_type = "q8_0";
  speed.strategy = "pipeline";
  speed.peers = {"10.0.0.2", "10.0.0.3"};
  speed.not_comparable = {"the prompt was cached"};
  speed.passive = true;
  speed.power_watts = 23;
  speed.taken_at_unix_ms = 24;
  speed.conditions = {0.25, agent::Conditions::Power::kMains, "nominal", true};
  return speed;
}

TEST(Wire, EveryFieldOfASpeedIsFilledAndReadBack) {
  v1::SpeedMeasurement message;
  ASSERT_TRUE(message.ParseFromString(Serialize(WholeSpeed())));
  std::set<std::string> empty;
  FindEmpty(message, "", empty);
  for (const std::string& field : empty) ADD_FAILURE() << field << " is never filled";
  EXPECT_EQ(message.decode().median_tokens_per_second(), 19);
  EXPECT_EQ(message.prefill().lowest_tokens_per_second(), 17.5);
  EXPECT_EQ(message.depth_tokens(), 15u);
  EXPECT_EQ(message.streams(), 16u);
  EXPECT_EQ(message.peers(1), "10.0.0.3");
  EXPECT_EQ(ParseSpeed(Serialize(WholeSpeed())), WholeSpeed());
  EXPECT_EQ(ParseSpeed(Serialize(agent::SpeedMeasurement{})), agent::SpeedMeasurement{});
  EXPECT_EQ(ParseSpeed("\xff\xff"), std::nullopt);
}

TEST(Wire, TextInAnotherEncodingArrives) {
  agent::Report report;
  const std::pair<const char*, const char*> texts[] = {
      {"caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80", "caf\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"},
      {"caf\xe9", "caf?"},
      {"\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xff", "??????????"},
      {"\xe2\x82", "??"}};
  for (const auto& [text, expected] : texts) {
    report.hostname = text;
    EXPECT_EQ(Converted(report).hostname(), expected);
  }
}

}  // namespace
}  // namespace capacity::reporter
