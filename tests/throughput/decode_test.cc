#include "planner/throughput/decode.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "planner/throughput/throughput.h"
#include "tests/throughput/builders.h"

namespace capacity::throughput {
namespace {

class Decode : public ::testing::Test {
 protected:
  double Tps(const Query& query) {
    absl::StatusOr<Estimate> estimate = PredictDecode(query, calibration_);
    EXPECT_TRUE(estimate.ok()) << estimate.status();
    return estimate.ok() ? estimate->mid : 0;
  }

  Calibration calibration_ = testing::ShippedCalibration();
  catalog::Model dense_ = testing::Llama31Of8B();
  catalog::Model moe_ = testing::Qwen3Of235B();
  catalog::Quantization q8_ = testing::Uniform("q8_0", "gguf", 8.5);
  catalog::Chip chip_ = testing::M4Max();
};

// Llama 3.1 8B: 7504924672 parameters are read, of them 128256 x 4096 = 525336576 in the head.
TEST_F(Decode, ReadsEachTensorClassAtItsOwnBits) {
  catalog::Quantization mixed = q8_;
  mixed.bits = catalog::TensorBits{.experts = 4, .dense = 8, .head = 16, .embedding = 2};
  const absl::StatusOr<WeightBytes> bytes =
      WeightsOf(dense_, mixed, catalog::Engine::kLlamaCpp, nullptr);
  ASSERT_TRUE(bytes.ok());
  EXPECT_DOUBLE_EQ(bytes->dense, 7504924672.0 - 525336576.0);
  EXPECT_DOUBLE_EQ(bytes->head, 2 * 525336576.0);
  EXPECT_DOUBLE_EQ(bytes->routed, 0);
}

// Nobody has measured an M6 for the model; the M5 is the nearest that somebody has.
TEST_F(Decode, AnAppleChipNewerThanTheMeasuredOnesIsAsEfficientAsTheNewest) {
  const auto speeds = [&](const std::string& generation) {
    chip_.generation = generation;
    const Query query{.model = &dense_,
                      .quant = &q8_,
                      .engine = catalog::Engine::kMlx,
                      .nodes = {{.chip = &chip_}},
                      .context_tokens = 4096,
                      .prompt_tokens = 4096};
    const absl::StatusOr<Estimate> prefill = PredictPrefill(query, calibration_);
    EXPECT_TRUE(prefill.ok()) << prefill.status();
    return std::pair(Tps(query), prefill.ok() ? prefill->mid : 0);
  };
  EXPECT_EQ(speeds("m6"), speeds("m5"));
  EXPECT_NE(speeds("m6"), speeds("m4"));
}

// Qwen3-235B: 8 of 128 experts, 227096395776 parameters in all.
TEST_F(Decode, ReadsTheExpertsOfOneToken) {
  const absl::StatusOr<WeightBytes> bytes =
      WeightsOf(moe_, q8_, catalog::Engine::kLlamaCpp, nullptr);
  ASSERT_TRUE(bytes.ok());
  EXPECT_DOUBLE_EQ(bytes->routed, 227096395776.0 / 16 * 8.5 / 8);
  EXPECT_DOUBLE_EQ(bytes->routed_all, 227096395776.0 * 8.5 / 8);
}

TEST_F(Decode, ScalesToTheRealFile) {
  catalog::Artifact file{.bytes = Bytes{9'000'000'000}, .exact = true};
  const absl::StatusOr<WeightBytes> bytes =
      WeightsOf(dense_, q8_, catalog::Engine::kLlamaCpp, &file);
  ASSERT_TRUE(bytes.ok());
  EXPECT_NEAR(bytes->read(), 9e9 * 7504924672.0 / 8030261248.0, 1);
}

TEST_F(Decode, CoverageGrowsFromOneTokensExpertsToAll) {
  EXPECT_DOUBLE_EQ(ExpertCoverage(128, 8, 1, 0.3), 1);
  EXPECT_DOUBLE_EQ(ExpertCoverage(0, 1, 32, 0.3), 1) << "dense";
  double before = 1;
  for (double tokens : {2.0, 4.0, 8.0, 64.0, 1024.0}) {
    const double coverage = ExpertCoverage(128, 8, tokens, 0.3);
    EXPECT_GT(coverage, before);
    EXPECT_LE(coverage, 16);
    before = coverage;
  }
  EXPECT_LT(ExpertCoverage(128, 8, 16, 0.2), ExpertCoverage(128, 8, 16, 3))
      << "a skewed router touches fewer";
}

TEST_F(Decode, MoreBandwidthIsNeverSlower) {
  double before = 0;
  for (double gbps : {100, 273, 400, 546, 819}) {
    Query query = testing::On(dense_, q8_, catalog::Engine::kLlamaCpp, chip_);
    query.nodes[0].bandwidth = BytesPerSecond{gbps * 1e9};
    EXPECT_GT(Tps(query), before);
    before = Tps(query);
  }
}

TEST_F(Decode, LongerContextIsNeverFaster) {
  for (const catalog::Model* model : {&dense_, &moe_}) {
    double before = 1e9;
    for (int context : {0, 100, 4096, 32768, 131072}) {
      Query query = testing::On(*model, q8_, catalog::Engine::kMlx, chip_);
      query.context_tokens = context;
      EXPECT_LT(Tps(query), before);
      before = Tps(query);
    }
  }
}

TEST_F(Decode, ABiggerBatchNeverLowersTheAggregate) {
  const catalog::Chip spark = testing::Gb10();
  for (const catalog::Model* model : {&dense_, &moe_}) {
    double before = 0;
    for (int batch : {2, 4, 8, 16, 32, 64}) {
      Query query = testing::On(*model, q8_, catalog::Engine::kVllm, spark);
      query.batch = batch;
      EXPECT_GT(Tps(query), before) << model->id << " at " << batch;
      before = Tps(query);
    }
  }
}

TEST_F(Decode, FewerBitsAreNeverSlowerOnRecentChips) {
  const catalog::Quantization q4 = testing::Uniform("q4_0", "gguf", 4.5);
  EXPECT_GT(Tps(testing::On(dense_, q4, catalog::Engine::kLlamaCpp, chip_)),
            Tps(testing::On(dense_, q8_, catalog::Engine::kLlamaCpp, chip_)));
}

TEST_F(Decode, AnUnknownFamilyFallsBackToItsPlatformAndWidens) {
  catalog::Chip future = chip_;
  future.id = "apple-m9-hyper-99";
  future.family = "apple-hyper";
  const Estimate known =
      *PredictDecode(testing::On(dense_, q8_, catalog::Engine::kMlx, chip_), calibration_);
  const Estimate unknown =
      *PredictDecode(testing::On(dense_, q8_, catalog::Engine::kMlx, future), calibration_);
  EXPECT_DOUBLE_EQ(unknown.mid, known.mid);
  EXPECT_GT(unknown.high / unknown.low, known.high / known.low);
}

TEST_F(Decode, ExplainedTermsSumToTheMid) {
  for (int batch : {1, 8}) {
    Query query = testing::On(moe_, q8_, catalog::Engine::kMlx, chip_);
    query.context_tokens = 8192;
    query.batch = batch;
    const absl::StatusOr<Explanation> why = Explain(query, calibration_);
    ASSERT_TRUE(why.ok()) << why.status();
    double decode = 0;
    for (const Term& term : why->decode) decode += term.milliseconds;
    EXPECT_NEAR(batch * 1e3 / decode, Tps(query), 1e-6);
    double prefill = 0;
    for (const Term& term : why->prefill) prefill += term.milliseconds;
    EXPECT_NEAR(query.prompt_tokens * batch * 1e3 / prefill,
                PredictPrefill(query, calibration_)->mid, 1e-6);
  }
}

TEST_F(Decode, AMissingCountIsNamed) {
  dense_.parameters.decode_read.reset();
  const absl::StatusOr<Estimate> estimate =
      PredictDecode(testing::On(dense_, q8_, catalog::Engine::kMlx, chip_), calibration_);
  EXPECT_EQ(std::string(estimate.status().message()),
            "model llama-3.1-8b has no count of the parameters read per token");
}

TEST_F(Decode, LongerPromptsNeverTakeLess) {
  double before = 0;
  for (int prompt : {1, 100, 512, 600, 4096, 65536}) {
    Query query = testing::On(dense_, q8_, catalog::Engine::kMlx, chip_);
    query.prompt_tokens = prompt;
    const double seconds = prompt / PredictPrefill(query, calibration_)->mid;
    EXPECT_GT(seconds, before);
    before = seconds;
  }
}

}  // namespace
}  // namespace capacity::throughput
