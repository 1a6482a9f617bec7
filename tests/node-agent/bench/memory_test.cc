#include "node-agent/bench/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node-agent/bench/conditions.h"
#include "node-agent/bench/memory_cuda.h"
#include "node-agent/host/capture.h"

namespace capacity::bench {
namespace {

using agent::Conditions;
using agent::MemoryBandwidth;
using ::testing::HasSubstr;

constexpr std::uint64_t kMiB = std::uint64_t{1} << 20;
constexpr std::uint64_t kGiB = std::uint64_t{1} << 30;

TEST(WorkingSet, IsFarAboveTheCacheAndBelowAQuarterOfWhatIsFree) {
  EXPECT_EQ(WorkingSet(32 * kMiB, 64 * kGiB), 3 * 256 * kMiB);
  EXPECT_EQ(WorkingSet(256 * kMiB, 64 * kGiB), 3 * 1024 * kMiB);
  EXPECT_EQ(WorkingSet(32 * kMiB, 2 * kGiB), 512 * kMiB);
  EXPECT_EQ(WorkingSet(0, 64 * kGiB), 3 * 256 * kMiB);
}

TEST(WorkingSet, IsNothingWhereOnlyTheCacheWouldBeMeasured) {
  EXPECT_EQ(WorkingSet(512 * kMiB, 8 * kGiB), 0u);
  EXPECT_EQ(WorkingSet(kMiB, 100 * kMiB), 0u);
  EXPECT_EQ(WorkingSet(kMiB, 0), 0u);
}

TEST(CpuMemory, GivesTriadAndReadWithTheirEffort) {
  const auto measured = MeasureCpuMemory({.threads = 2, .repeats = 3, .bytes = 48 * kMiB});
  ASSERT_TRUE(measured.ok()) << measured.status().message();
  ASSERT_EQ(measured->size(), 2u);
  EXPECT_EQ((*measured)[0].kind, MemoryBandwidth::Kind::kCpuTriad);
  EXPECT_EQ((*measured)[1].kind, MemoryBandwidth::Kind::kCpuRead);
  EXPECT_EQ((*measured)[0].buffer_bytes, 48 * kMiB);
  for (const MemoryBandwidth& one : *measured) {
    EXPECT_EQ(one.repeats, 3u);
    EXPECT_EQ(one.threads, 2u);
    EXPECT_GE(one.best_bytes_per_second, one.median_bytes_per_second);
    // Between a slow disk and a thousand memory channels: the unit is right.
    EXPECT_GT(one.median_bytes_per_second, 1e8);
    EXPECT_LT(one.best_bytes_per_second, 1e14);
  }
}

TEST(CpuMemory, NothingToMeasureWithIsAnError) {
  EXPECT_FALSE(MeasureCpuMemory({.bytes = 0}).ok());
  EXPECT_FALSE(MeasureCpuMemory({.repeats = 0, .bytes = 48 * kMiB}).ok());
}

TEST(GpuMemory, EitherAFigureOrAReason) {
  const CudaMeasurements measured = MeasureGpuMemory(2);
  EXPECT_FALSE(measured.measured.empty() && measured.missing.empty());
}

Conditions From(std::map<std::string, std::string> files, std::vector<host::Output> commands = {}) {
  host::Capture capture;
  capture.files = std::move(files);
  capture.commands = std::move(commands);
  return ReadConditions(*host::Replay(capture));
}

TEST(Conditions, OfALinuxLaptopOnItsBattery) {
  const Conditions conditions = From({{"/proc/loadavg", "0.10 0.2 0.3 1/2 3\n"},
                                      {"/sys/class/power_supply/AC/type", "Mains\n"},
                                      {"/sys/class/power_supply/AC/online", "0\n"},
                                      {"/sys/class/power_supply/BAT0/type", "Battery\n"},
                                      {"/sys/class/power_supply/BAT0/status", "Discharging\n"},
                                      {"/sys/class/thermal/thermal_zone0/temp", "41000\n"},
                                      {"/sys/class/thermal/thermal_zone1/temp", "54500\n"}});
  EXPECT_EQ(conditions.load_average, 0.1);
  EXPECT_EQ(conditions.power, Conditions::Power::kBattery);
  EXPECT_EQ(conditions.thermal, "54 C");
  EXPECT_THAT(WhyNotNow(conditions, 8), HasSubstr("battery"));
}

TEST(Conditions, OfAMac) {
  const Conditions conditions = From(
      {}, {{.arguments = {"uptime"}, .text = "10:00 up 1 day, load averages: 1.21 1.30 1.40\n"},
           {.arguments = {"pmset", "-g", "batt"}, .text = "Now drawing from 'AC Power'\n"},
           {.arguments = {"pmset", "-g", "therm"}, .text = "CPU_Speed_Limit = 100\n"}});
  EXPECT_EQ(conditions.load_average, 1.21);
  EXPECT_EQ(conditions.power, Conditions::Power::kMains);
  EXPECT_EQ(WhyNotNow(conditions, 20), "");
  EXPECT_THAT(WhyNotNow(conditions, 2), HasSubstr("busy (load 1.2 on 2 cores)"));
}

TEST(Conditions, NothingKnownSpeaksAgainstNothing) { EXPECT_EQ(WhyNotNow(From({}), 4), ""); }

}  // namespace
}  // namespace capacity::bench
