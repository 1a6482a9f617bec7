#include "planner/throughput/cluster.h"

#include <gtest/gtest.h>

#include "planner/throughput/throughput.h"
#include "tests/throughput/builders.h"

namespace capacity::throughput {
namespace {

using testing::On;

const Calibration& Shipped() {
  static const Calibration& calibration = *new Calibration(testing::ShippedCalibration());
  return calibration;
}

double DecodeOf(const Query& query) {
  absl::StatusOr<Estimate> estimate = PredictDecode(query, Shipped());
  EXPECT_TRUE(estimate.ok()) << estimate.status();
  return estimate.ok() ? estimate->mid : 0;
}

// Four Ultras, Qwen3-235B at 8 bits: Geerling's charts of 2025-12-18 (20.4, 17.2 and 15.2 tokens/s
// on one, two and four nodes over TCP; 19.5 and 31.9 on one and four over RDMA).
class FourUltras : public ::testing::Test {
 protected:
  catalog::Model model_ = testing::Qwen3Of235B();
  catalog::Quantization gguf_ = testing::Uniform("q8_0", "gguf", 8.5);
  catalog::Quantization mlx_ = testing::Uniform("mlx-8bit", "mlx", 8.5);
  catalog::Chip ultra_ = testing::M3Ultra();
  catalog::Link tcp_ = testing::Thunderbolt5Tcp();
  catalog::Link rdma_ = testing::Thunderbolt5Rdma();

  Query Pipeline(int nodes) {
    Query q = On(model_, gguf_, catalog::Engine::kLlamaCpp, ultra_, nodes);
    q.strategy = nodes == 1 ? Strategy::kSingle : Strategy::kPipeline;
    q.link = nodes == 1 ? nullptr : &tcp_;
    return q;
  }
  Query Tensor(int nodes, const catalog::Link& link) {
    Query q = On(model_, mlx_, catalog::Engine::kExo, ultra_, nodes);
    q.strategy = nodes == 1 ? Strategy::kSingle : Strategy::kTensor;
    q.link = nodes == 1 ? nullptr : &link;
    return q;
  }
};

TEST_F(FourUltras, APipelineOverTcpSlowsWithEveryNode) {
  EXPECT_NEAR(DecodeOf(Pipeline(1)), 20.4, 20.4 * 0.1);
  EXPECT_NEAR(DecodeOf(Pipeline(2)), 17.2, 17.2 * 0.1);
  EXPECT_NEAR(DecodeOf(Pipeline(4)), 15.2, 15.2 * 0.1);
  EXPECT_GT(DecodeOf(Pipeline(1)), DecodeOf(Pipeline(2)));
  EXPECT_GT(DecodeOf(Pipeline(2)), DecodeOf(Pipeline(4)));
}

TEST_F(FourUltras, TensorParallelOverTcpIsSlowerThanOne) {
  EXPECT_LT(DecodeOf(Tensor(2, tcp_)), DecodeOf(Tensor(1, tcp_)));
  EXPECT_LT(DecodeOf(Tensor(4, tcp_)), DecodeOf(Tensor(1, tcp_)));
}

TEST_F(FourUltras, TensorParallelOverRdmaIsFaster) {
  EXPECT_NEAR(DecodeOf(Tensor(1, rdma_)), 19.5, 19.5 * 0.15);
  EXPECT_NEAR(DecodeOf(Tensor(4, rdma_)), 31.9, 31.9 * 0.15);
  EXPECT_GT(DecodeOf(Tensor(2, rdma_)), DecodeOf(Tensor(1, rdma_)));
}

TEST_F(FourUltras, AMeasuredAllReduceReplacesTheProfile) {
  Query q = Tensor(2, rdma_);
  const double assumed = DecodeOf(q);
  q.all_reduce = Seconds{400e-6};
  EXPECT_LT(DecodeOf(q), assumed);
  q.all_reduce = Seconds{20e-6};
  EXPECT_GT(DecodeOf(q), assumed);
}

TEST_F(FourUltras, TheSlowestRankSetsTheTensorSpeed) {
  catalog::Chip small = testing::M4Max();
  Query q = Tensor(2, rdma_);
  q.nodes[1].chip = &small;
  Query both_small = q;
  both_small.nodes[0].chip = &small;
  EXPECT_DOUBLE_EQ(DecodeOf(q), DecodeOf(both_small));
}

TEST_F(FourUltras, APipelineSumsItsStagesByShare) {
  catalog::Chip small = testing::M4Max();
  Query q = Pipeline(2);
  q.nodes[1].chip = &small;
  const double even = DecodeOf(q);
  q.nodes[0].layer_share = 0.8;
  q.nodes[1].layer_share = 0.2;
  EXPECT_GT(DecodeOf(q), even) << "more layers on the faster node";
}

TEST_F(FourUltras, ReplicasAddUp) {
  Query q = Tensor(2, rdma_);
  q.strategy = Strategy::kReplicas;
  q.batch = 2;
  EXPECT_NEAR(DecodeOf(q), 2 * DecodeOf(Tensor(1, rdma_)), 1e-9);
}

TEST_F(FourUltras, AChipWithoutBandwidthIsNamed) {
  ultra_.memory_bandwidth.reset();
  absl::StatusOr<Estimate> estimate = PredictDecode(Tensor(1, rdma_), Shipped());
  EXPECT_EQ(estimate.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(std::string(estimate.status().message()),
            "chip apple-m3-ultra-80 has no memory bandwidth in the catalogue");
}

TEST_F(FourUltras, AChipWithoutFlopsStillDecodes) {
  ultra_.fp16_dense.reset();
  EXPECT_GT(DecodeOf(Tensor(1, rdma_)), 0);
  absl::StatusOr<Estimate> prefill = PredictPrefill(Tensor(1, rdma_), Shipped());
  EXPECT_EQ(std::string(prefill.status().message()),
            "chip apple-m3-ultra-80 has no FP16 FLOP/s in the catalogue");
}

}  // namespace
}  // namespace capacity::throughput
