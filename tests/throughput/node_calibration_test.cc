#include "planner/throughput/node_calibration.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "tests/throughput/builders.h"

namespace capacity::throughput {
namespace {

const std::vector<std::string> kHere = {"mac-studio m4-max"};

class NodeCalibration : public ::testing::Test {
 protected:
  // A run of `model` that was `factor` times as fast as predicted.
  SpeedMeasurement Ran(const catalog::Model& model, double factor) {
    SpeedMeasurement run{.query = Asked(model), .machines = kHere, .name = model.id};
    run.decode = TokensPerSecond{factor * Predict(run.query, calibration_)->decode_tps.mid};
    return run;
  }
  Query Asked(const catalog::Model& model) {
    return testing::On(model, quant_, catalog::Engine::kMlx, chip_);
  }
  Estimate Decode(const catalog::Model& model, const std::vector<SpeedMeasurement>& runs) {
    const Query query = Asked(model);
    return Evidence(runs, calibration_)
        .Adjust(query, kHere, *Predict(query, calibration_))
        .decode_tps;
  }
  // By what share of a measured `factor` the estimate of `model` moved.
  double Moved(const catalog::Model& model, const std::vector<SpeedMeasurement>& runs,
               double factor) {
    return std::log(Decode(model, runs).mid / Decode(model, {}).mid) / std::log(factor);
  }
  double Width(const catalog::Model& model, const std::vector<SpeedMeasurement>& runs) {
    const Estimate estimate = Decode(model, runs);
    return std::log(estimate.high / estimate.low);
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
  catalog::Model a_ = Sized("a", 1.1), b_ = Sized("b", 1.3), c_ = Sized("c", 1.6);
};

TEST_F(NodeCalibration, WithoutMeasurementsTheCatalogueAnswers) {
  EXPECT_TRUE(Evidence().empty());
  const Estimate estimate = Decode(asked_, {});
  EXPECT_EQ(estimate.source, EstimateSource::kCatalogModel);
  EXPECT_EQ(estimate, Predict(Asked(asked_), calibration_)->decode_tps);
}

TEST_F(NodeCalibration, OneOtherModelMovesTheEstimateByAboutHalfAndNarrowsIt) {
  const Estimate after = Decode(asked_, {Ran(a_, 1.10)});
  EXPECT_EQ(after.source, EstimateSource::kNodeCalibrated);
  EXPECT_NEAR(Moved(asked_, {Ran(a_, 1.10)}, 1.10), 0.5, 0.1);
  EXPECT_LT(Width(asked_, {Ran(a_, 1.10)}), 0.92 * Width(asked_, {}));
}

TEST_F(NodeCalibration, MoreModelsMoveItFurtherAndNeverTheWholeWay) {
  const std::vector<SpeedMeasurement> three = {Ran(a_, 1.10), Ran(b_, 1.10), Ran(c_, 1.10)};
  const double moved = Moved(asked_, three, 1.10);
  EXPECT_GT(moved, Moved(asked_, {three[0]}, 1.10) + 0.1);
  EXPECT_LT(moved, 0.9);
  EXPECT_LT(Width(asked_, three), Width(asked_, {three[0]}));
}

TEST_F(NodeCalibration, ModelsOfOtherSpeedsAndEnginesTellLess) {
  const catalog::Model far = Sized("far", 20);
  const double by_near = Moved(asked_, {Ran(a_, 1.10)}, 1.10);
  const double by_far = Moved(asked_, {Ran(far, 1.10)}, 1.10);
  EXPECT_GT(by_near, by_far + 0.1);
  EXPECT_GT(by_far, 0.02);  // it is still the same machine

  const catalog::Quantization gguf = testing::Uniform("q4_k_m", "gguf", 4.8);
  SpeedMeasurement other{.query = testing::On(a_, gguf, catalog::Engine::kLlamaCpp, chip_),
                         .machines = kHere};
  other.decode = TokensPerSecond{1.10 * Predict(other.query, calibration_)->decode_tps.mid};
  EXPECT_LT(Moved(asked_, {other}, 1.10), by_near - 0.1);
}

TEST_F(NodeCalibration, OtherMachinesTellNothing) {
  SpeedMeasurement elsewhere = Ran(a_, 1.10);
  elsewhere.machines = {"mac-studio m3-ultra"};
  EXPECT_EQ(Decode(asked_, {elsewhere}), Decode(asked_, {}));
}

TEST_F(NodeCalibration, TheSameConfigurationIsTakenAsMeasuredAndTheNewestCounts) {
  SpeedMeasurement run = Ran(asked_, 1.3);
  SpeedMeasurement older = Ran(asked_, 1.1);
  older.age_years = 0.5;
  for (const std::vector<SpeedMeasurement>& runs :
       {std::vector{Ran(a_, 0.9), run, older}, std::vector{older, run, Ran(a_, 0.9)}}) {
    const Estimate estimate = Decode(asked_, runs);
    EXPECT_EQ(estimate.source, EstimateSource::kMeasuredPlacement);
    EXPECT_DOUBLE_EQ(estimate.mid, run.decode->value);
  }
}

TEST_F(NodeCalibration, TheSameModelAtAnotherContextCountsForMoreThanAnother) {
  const auto at_60k = [&](const catalog::Model& model) {
    SpeedMeasurement run{.query = Asked(model), .machines = kHere};
    run.query.context_tokens = 60'000;
    run.decode = TokensPerSecond{1.10 * Predict(run.query, calibration_)->decode_tps.mid};
    return run;
  };
  EXPECT_GT(Moved(asked_, {at_60k(asked_)}, 1.10),
            Moved(asked_, {at_60k(Sized("twin", 1))}, 1.10) + 0.05);
  EXPECT_EQ(Decode(asked_, {at_60k(asked_)}).source, EstimateSource::kNodeCalibrated);
}

TEST_F(NodeCalibration, DecodeMeasurementsSayNothingAboutPrefill) {
  const Query query = Asked(asked_);
  const Speed before = *Predict(query, calibration_);
  EXPECT_EQ(Evidence({Ran(a_, 1.2)}, calibration_).Adjust(query, kHere, before).prefill_tps,
            before.prefill_tps);
}

TEST_F(NodeCalibration, OldMeasurementsCountForLess) {
  SpeedMeasurement old = Ran(a_, 1.10);
  old.age_years = 2;
  EXPECT_LT(Moved(asked_, {old}, 1.10), 0.5 * Moved(asked_, {Ran(a_, 1.10)}, 1.10));
}

// A machine that is slower throughout (a power limit) is believed; one wild figure among sound ones
// is not, and is named.
TEST_F(NodeCalibration, ContradictionsAreNamedAndCountForLess) {
  const catalog::Model d = Sized("d", 1.2);
  const catalog::Model e = Sized("e", 1.4);
  const std::vector<SpeedMeasurement> throttled = {Ran(a_, 0.6), Ran(b_, 0.6), Ran(c_, 0.6),
                                                   Ran(d, 0.6)};
  EXPECT_TRUE(Evidence(throttled, calibration_).remarks().empty());
  EXPECT_GT(Moved(asked_, throttled, 0.6), 0.6);

  std::vector<SpeedMeasurement> sound = {Ran(a_, 1.02), Ran(b_, 0.99), Ran(c_, 1.01), Ran(d, 1.0)};
  sound.push_back(Ran(e, 0.4));
  const Evidence evidence(sound, calibration_);
  ASSERT_EQ(evidence.remarks().size(), 1u);
  EXPECT_EQ(evidence.remarks()[0].rfind("e decode: ", 0), 0u) << evidence.remarks()[0];
  EXPECT_NEAR(Decode(asked_, sound).mid / Decode(asked_, {}).mid, 1, 0.06);
}

// What the others hardly bear on they cannot contradict: the only measurement of another machine.
TEST_F(NodeCalibration, ALoneMeasurementIsNotContradictedByStrangers) {
  SpeedMeasurement lone = Ran(asked_, 0.8);
  lone.machines = {"another"};
  const Evidence evidence({Ran(a_, 1.02), Ran(b_, 0.99), Ran(c_, 1.01), lone}, calibration_);
  EXPECT_THAT(evidence.remarks(), ::testing::IsEmpty());
}

// Ten times slower than foretold is more often a wrong build than a wrong catalogue: it is named,
// moves others by what is still believable, and makes them wider.
TEST_F(NodeCalibration, OneThatIsFarFromTheCatalogueAloneMovesOthersALittle) {
  const std::vector<SpeedMeasurement> runs = {Ran(a_, 0.1)};
  const Evidence evidence(runs, calibration_);
  EXPECT_THAT(evidence.remarks(),
              ::testing::ElementsAre(::testing::HasSubstr("nothing confirms it")));
  const double moved = Decode(asked_, runs).mid / Decode(asked_, {}).mid;
  EXPECT_LT(moved, 0.95);
  EXPECT_GT(moved, 0.6);
  EXPECT_GT(Width(asked_, runs), 1.5 * Width(asked_, {}));
  // What was measured itself is what was measured.
  EXPECT_DOUBLE_EQ(Decode(a_, runs).mid, runs[0].decode->value);
}

TEST_F(NodeCalibration, WhatMemoryCannotDeliverIsNotUsed) {
  const Evidence evidence({Ran(a_, 10)}, calibration_);
  EXPECT_THAT(evidence.remarks(), ::testing::ElementsAre(::testing::HasSubstr("bandwidth allows")));
  EXPECT_EQ(Decode(asked_, {Ran(a_, 10)}), Decode(asked_, {}));
}

// However wide the catalogue's interval of the one that is asked for.
TEST_F(NodeCalibration, NoEstimateMovesFurtherThanWhatWasMeasured) {
  const catalog::Quantization gguf = testing::Uniform("q4_k_m", "gguf", 4.8);
  for (const double factor : {0.8, 1.1}) {
    for (const catalog::Engine engine : catalog::kAllEngines) {
      Query query = testing::On(asked_, gguf, engine, chip_);
      query.batch = 8;
      SpeedMeasurement run{.query = testing::On(asked_, gguf, catalog::Engine::kLlamaCpp, chip_),
                           .machines = kHere};
      run.decode = TokensPerSecond{factor * PredictDecode(run.query, calibration_)->mid};
      const Speed before = *Predict(query, calibration_);
      const double moved =
          std::log(Evidence({run}, calibration_).Adjust(query, kHere, before).decode_tps.mid /
                   before.decode_tps.mid) /
          std::log(factor);
      EXPECT_GE(moved, 0) << catalog::Name(engine);
      EXPECT_LE(moved, 1) << catalog::Name(engine);
    }
  }
}

TEST_F(NodeCalibration, AContradictedMeasurementOfTheSameConfigurationIsNotTakenAsMeasured) {
  const std::vector<SpeedMeasurement> runs = {Ran(asked_, 1.0), Ran(asked_, 1.01),
                                              Ran(asked_, 0.1)};
  EXPECT_DOUBLE_EQ(Decode(asked_, runs).mid, runs[1].decode->value);
  EXPECT_THAT(Evidence(runs, calibration_).remarks(), ::testing::SizeIs(1));
  // Of two, the one that the catalogue does not expect.
  EXPECT_DOUBLE_EQ(Decode(asked_, {runs[0], runs[2]}).mid, runs[0].decode->value);
  EXPECT_THAT(Evidence({runs[0], runs[2]}, calibration_).remarks(), ::testing::SizeIs(1));
}

TEST_F(NodeCalibration, AnOldMeasurementOfTheSameConfigurationIsNamedAndWeighed) {
  SpeedMeasurement old = Ran(asked_, 0.5);
  old.age_years = 7;
  const std::vector<SpeedMeasurement> runs = {old, Ran(a_, 1.0), Ran(b_, 1.0), Ran(c_, 1.0)};
  EXPECT_NEAR(Decode(asked_, runs).mid / Decode(asked_, {}).mid, 1, 0.05);
  EXPECT_EQ(Decode(asked_, runs).source, EstimateSource::kNodeCalibrated);
  EXPECT_THAT(Evidence(runs, calibration_).remarks(),
              ::testing::ElementsAre(::testing::HasSubstr("7.0 years old")));
}

// Prompts of 18 and of 128 tokens are far from each other in speed.
TEST_F(NodeCalibration, AMeasuredPromptSaysLittleOfAnotherLength) {
  Query query = Asked(asked_);
  query.prompt_tokens = 18;
  SpeedMeasurement run{.query = query, .machines = kHere};
  run.prefill = TokensPerSecond{0.9 * PredictPrefill(query, calibration_)->mid};
  const auto after = [&](int tokens) {
    query.prompt_tokens = tokens;
    return Evidence({run}, calibration_)
        .Adjust(query, kHere, *Predict(query, calibration_))
        .prefill_tps;
  };
  EXPECT_DOUBLE_EQ(after(18).mid, run.prefill->value);
  EXPECT_EQ(after(18).source, EstimateSource::kMeasuredPlacement);
  EXPECT_EQ(after(128).source, EstimateSource::kNodeCalibrated);
  EXPECT_GT(after(128).mid, 1.5 * run.prefill->value);
  // What is measured once holds nearby in proportion to what is foretold.
  query.prompt_tokens = 20;
  const double foretold = PredictPrefill(query, calibration_)->mid;
  EXPECT_NEAR(after(20).mid / foretold, 0.9, 1e-9);
}

TEST_F(NodeCalibration, WhatTheOthersSayOfEachIsWhatTheySayWithoutIt) {
  const std::vector<SpeedMeasurement> runs = {Ran(a_, 1.04), Ran(b_, 1.02), Ran(c_, 1.05),
                                              Ran(Sized("far", 9), 0.97)};
  const std::vector<Expectation> expected = Evidence(runs, calibration_).WithoutEach();
  ASSERT_EQ(expected.size(), runs.size());
  for (std::size_t i = 0; i < runs.size(); ++i) {
    std::vector<SpeedMeasurement> others = runs;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    const Speed before = *Predict(runs[i].query, calibration_);
    const Speed after = Evidence(others, calibration_).Adjust(runs[i].query, kHere, before);
    ASSERT_TRUE(expected[i].decode);
    EXPECT_NEAR(expected[i].decode->mid, after.decode_tps.mid, 1e-6 * after.decode_tps.mid);
    EXPECT_NEAR(expected[i].decode->high, after.decode_tps.high, 1e-6 * after.decode_tps.high);
    EXPECT_FALSE(expected[i].prefill);
  }
}

TEST_F(NodeCalibration, MeasurementsThatDoNotPredictEachOtherNarrowNothing) {
  const std::vector<SpeedMeasurement> runs = {Ran(a_, 1.15), Ran(b_, 0.87), Ran(c_, 1.15),
                                              Ran(Sized("d", 1.2), 0.87)};
  EXPECT_THAT(Evidence(runs, calibration_).remarks(),
              ::testing::Contains(::testing::HasSubstr("predict each other worse")));
  EXPECT_GE(Width(asked_, runs), 0.999 * Width(asked_, {}));
}

TEST_F(NodeCalibration, TheNewestOfVeryManyAreUsed) {
  std::vector<SpeedMeasurement> runs;
  for (int i = 0; i < 600; ++i) {
    SpeedMeasurement run = Ran(a_, i < 300 ? 0.9 : 1.05);
    run.age_years = i < 300 ? 1 : 0;
    runs.push_back(run);
  }
  EXPECT_GT(Decode(asked_, runs).mid, Decode(asked_, {}).mid);
}

TEST_F(NodeCalibration, NoShiftExceedsTheLargestMeasured) {
  catalog::Model small = Sized("small", 0.05);  // launches dominate: a wide interval
  EXPECT_LE(Decode(small, {Ran(a_, 1.10), Ran(b_, 1.12)}).mid, 1.12 * Decode(small, {}).mid);
}

// What a link costs is learned on one cluster and holds on another over the same link.
TEST_F(NodeCalibration, AClusterTellsWhatItsLinkCosts) {
  catalog::Link link;
  link.id = "rdma-tb5";
  link.medium = "thunderbolt5";
  link.transport = catalog::Transport::kRdma;
  const auto together = [&](const catalog::Model& model, std::size_t nodes) {
    Query query = Asked(model);
    query.engine = catalog::Engine::kOther;  // no all-reduce profile of its own
    query.nodes.resize(nodes, query.nodes[0]);
    query.strategy = Strategy::kTensor;
    query.link = &link;
    return query;
  };
  SpeedMeasurement pair{.query = together(a_, 2), .machines = {"one", "one"}, .name = "pair"};
  const Estimate expected = *PredictDecode(pair.query, calibration_);
  pair.decode = TokensPerSecond{0.7 * expected.mid};
  const Query four = together(asked_, 4);
  const Speed before = *Predict(four, calibration_);
  const std::vector<std::string> others(4, "another");
  const Speed after = Evidence({pair}, calibration_).Adjust(four, others, before);
  EXPECT_LT(after.decode_tps.mid, 0.95 * before.decode_tps.mid);
  EXPECT_LT(after.decode_tps.high / after.decode_tps.low,
            before.decode_tps.high / before.decode_tps.low);
  // Single machines elsewhere have no link to learn about.
  EXPECT_EQ(Evidence({pair}, calibration_)
                .Adjust(Asked(asked_), {"another"}, *Predict(Asked(asked_), calibration_))
                .decode_tps.source,
            EstimateSource::kCatalogModel);
}

}  // namespace
}  // namespace capacity::throughput
