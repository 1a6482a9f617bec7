#include "planner/throughput/node_calibration.h"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/throughput/builders.h"

namespace capacity::throughput {
namespace {

class NodeCalibration : public ::testing::Test {
 protected:
  // A run of `model` that was `factor` times as fast as predicted.
  SpeedMeasurement Ran(const catalog::Model& model, double factor) {
    SpeedMeasurement run{.query = Asked(model)};
    run.decode = TokensPerSecond{factor * Predict(run.query, calibration_)->decode_tps.mid};
    return run;
  }
  Query Asked(const catalog::Model& model) {
    return testing::On(model, quant_, catalog::Engine::kMlx, chip_);
  }
  Estimate Decode(const catalog::Model& model, const std::vector<SpeedMeasurement>& runs) {
    const Query query = Asked(model);
    return AdjustForMeasurements(query, *Predict(query, calibration_), runs, calibration_)
        .decode_tps;
  }
  catalog::Model Sized(const char* id, double factor) {
    catalog::Model model = testing::Llama31Of8B();
    model.id = id;
    model.parameters.decode_read = *model.parameters.decode_read * factor;
    return model;
  }

  Calibration calibration_ = testing::ShippedCalibration();
  catalog::Quantization quant_ = testing::Uniform("mlx-4bit", "mlx", 4.5);
  catalog::Chip chip_ = testing::M4Max();
  catalog::Model asked_ = testing::Llama31Of8B();
  catalog::Model a_ = Sized("a", 2), b_ = Sized("b", 3), c_ = Sized("c", 4);
};

TEST_F(NodeCalibration, WithoutMeasurementsTheCatalogueAnswers) {
  const Estimate estimate = Decode(asked_, {});
  EXPECT_EQ(estimate.source, EstimateSource::kCatalogModel);
  EXPECT_EQ(estimate, Predict(Asked(asked_), calibration_)->decode_tps);
}

TEST_F(NodeCalibration, OneOtherModelMovesTheEstimateByAboutHalfAndNarrowsIt) {
  const Estimate before = Decode(asked_, {});
  const Estimate after = Decode(asked_, {Ran(a_, 1.10)});
  EXPECT_EQ(after.source, EstimateSource::kNodeCalibrated);
  EXPECT_NEAR(std::log(after.mid / before.mid) / std::log(1.10), 0.5, 0.1);
  EXPECT_LT(std::log(after.high / after.low), 0.92 * std::log(before.high / before.low));
}

TEST_F(NodeCalibration, ThreeOtherModelsMoveItByAboutThreeQuarters) {
  const Estimate before = Decode(asked_, {});
  const Estimate after = Decode(asked_, {Ran(a_, 1.10), Ran(b_, 1.10), Ran(c_, 1.10)});
  EXPECT_NEAR(std::log(after.mid / before.mid) / std::log(1.10), 0.75, 0.08);
  EXPECT_LT(after.high / after.low,
            Decode(asked_, {Ran(a_, 1.10)}).high / Decode(asked_, {Ran(a_, 1.10)}).low);
}

TEST_F(NodeCalibration, TheSameConfigurationIsTakenAsMeasured) {
  SpeedMeasurement run = Ran(asked_, 1.3);
  const Estimate estimate = Decode(asked_, {Ran(a_, 0.9), run});
  EXPECT_EQ(estimate.source, EstimateSource::kMeasuredPlacement);
  EXPECT_DOUBLE_EQ(estimate.mid, run.decode->value);
}

TEST_F(NodeCalibration, TheSameModelAtAnotherContextCountsForMoreThanAnother) {
  SpeedMeasurement far = Ran(asked_, 1.10);
  far.query.context_tokens = 60000;
  far.decode = TokensPerSecond{1.10 * Predict(far.query, calibration_)->decode_tps.mid};
  const double by_same = Decode(asked_, {far}).mid;
  const double by_other = Decode(asked_, {Ran(a_, 1.10)}).mid;
  EXPECT_GT(by_same, by_other);
  EXPECT_EQ(Decode(asked_, {far}).source, EstimateSource::kNodeCalibrated);
}

TEST_F(NodeCalibration, DecodeMeasurementsSayNothingAboutPrefill) {
  const Query query = Asked(asked_);
  const Speed before = *Predict(query, calibration_);
  EXPECT_EQ(AdjustForMeasurements(query, before, {Ran(a_, 1.2)}, calibration_).prefill_tps,
            before.prefill_tps);
}

}  // namespace
}  // namespace capacity::throughput
