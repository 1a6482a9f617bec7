// Counters of servers at work.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node-agent/engine/server_metrics.h"
#include "tests/node-agent/engine/support.h"

namespace capacity::engine {
namespace {

using ::capacity::testing::Sample;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

template <class T>
std::string Message(const absl::StatusOr<T>& result) {
  return std::string(result.status().message());
}

Metrics Parsed(const std::string& text) {
  const auto metrics = ParseMetrics(text);
  EXPECT_TRUE(metrics.ok()) << Message(metrics);
  return metrics.ok() ? *metrics : Metrics();
}

TEST(Metrics, OfVllmAndLlamaServer) {
  const Metrics vllm = Parsed(Sample("vllm-metrics.excerpt.txt"));
  EXPECT_EQ(vllm.Find({"vllm:num_requests_running"}), 1);
  EXPECT_EQ(vllm.Find({"vllm:gpu_cache_usage_perc", "vllm:kv_cache_usage_perc"}), 0.42);
  EXPECT_EQ(vllm.model, "Qwen/Qwen3-8B-AWQ");
  const Metrics llama = Parsed(Sample("llama-server-metrics.live-excerpt.txt"));
  EXPECT_EQ(llama.Find({"llamacpp:prompt_tokens_cached_total"}), 129725);
}

TEST(Metrics, AreSummedOverLabelsWithoutBuckets) {
  const Metrics metrics = Parsed(
      "# HELP a b\na{engine=\"0\",model_name=\"m \\\"}\\\" n\"} 3 1700000000\na{engine=\"1\"} 4.5\n"
      "h_bucket{le=\"0.1\"} 7\nh_sum 2e1\ng NaN\n");
  EXPECT_EQ(metrics.Find({"a"}), 7.5);
  EXPECT_EQ(metrics.Find({"h_sum"}), 20);
  EXPECT_FALSE(metrics.Find({"h_bucket"}));
  EXPECT_FALSE(metrics.Find({"g"}));
  EXPECT_EQ(metrics.model, "m \"}\" n");
}

TEST(Metrics, RefuseWhatMakesNoSense) {
  EXPECT_THAT(Message(ParseMetrics("")), HasSubstr("no sample"));
  EXPECT_THAT(Message(ParseMetrics("<html>")), HasSubstr("no sample"));
  EXPECT_THAT(Message(ParseMetrics("a -1\n")), HasSubstr("a is -1"));
  EXPECT_THAT(Message(ParseMetrics("a{b=\"c\" 1\n")), HasSubstr("no sample"));
  EXPECT_THAT(Message(ParseMetrics("a 1e300\n")), HasSubstr("a is 1e300"));
  EXPECT_THAT(Message(ParseMetrics("a x\n")), HasSubstr("a is x"));
}

// What vLLM would say after generating and reading so many tokens.
std::string Vllm(double generated, double prompt, int running, const std::string& more = "") {
  const std::string label = "{engine=\"0\",model_name=\"Qwen/Qwen3-8B\"} ";
  return "vllm:num_requests_running" + label + std::to_string(running) +
         "\nvllm:generation_tokens_total" + label + std::to_string(generated) +
         "\nvllm:prompt_tokens_total" + label + std::to_string(prompt) + "\n" + more;
}

std::vector<Scrape> Scrapes(const std::vector<std::string>& texts) {
  std::vector<Scrape> scrapes;
  for (const std::string& text : texts) {
    scrapes.push_back({static_cast<double>(scrapes.size()), Parsed(text)});
  }
  return scrapes;
}

TEST(VllmCounters, AreARateWhileRequestsRun) {
  // Idle, a prompt comes, two seconds of nothing but tokens, idle.
  const std::string ended =
      "vllm:request_prompt_tokens_sum 400\nvllm:request_prompt_tokens_count 2\n";
  const auto measured =
      VllmFromMetrics(Scrapes({Vllm(100, 500, 0), Vllm(110, 900, 2), Vllm(210, 900, 2),
                               Vllm(330, 900, 2), Vllm(340, 900, 0, ended)}));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  EXPECT_EQ(measured->decode, (agent::Rate{110, 100, 120}));
  EXPECT_EQ(measured->streams, 2u);
  EXPECT_EQ(measured->repeats, 2u);
  EXPECT_TRUE(measured->passive);
  EXPECT_EQ(measured->model_name, "Qwen/Qwen3-8B");
  EXPECT_EQ(measured->prompt_tokens, 200u);
  EXPECT_THAT(measured->not_comparable, IsEmpty());
}

TEST(VllmCounters, WhereNoRequestEndedTheContextIsNotKnown) {
  const auto measured = VllmFromMetrics(Scrapes({Vllm(0, 0, 1), Vllm(50, 0, 1), Vllm(100, 0, 1)}));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  EXPECT_FALSE(measured->prompt_tokens);
  EXPECT_THAT(measured->not_comparable, ElementsAre(HasSubstr("how long the contexts were")));
}

TEST(VllmCounters, MixedBatchesAndChangingLoadAreMarked) {
  const auto measured =
      VllmFromMetrics(Scrapes({Vllm(0, 0, 1), Vllm(100, 300, 2), Vllm(200, 600, 3),
                               Vllm(300, 900, 3, "vllm:spec_decode_num_draft_tokens_total 5\n")}));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  EXPECT_THAT(measured->not_comparable,
              ElementsAre(HasSubstr("mixed batches"), HasSubstr("from 1 to 3 requests"),
                          HasSubstr("speculative"), HasSubstr("how long the contexts")));
}

// A histogram's sum and count make a mean, which is no median: it is not passed off as one. That it
// goes back still ends the measurement, under every name that it has had.
TEST(VllmCounters, OldAndNewNamesOfTheHistogram) {
  for (const char* name : {"vllm:inter_token_latency_seconds", "vllm:time_per_output_token_seconds",
                           "vllm:request_time_per_output_token_seconds"}) {
    const auto histogram = [name](const char* sum, const char* count) {
      return std::string(name) + "_sum " + sum + "\n" + name + "_count " + count + "\n";
    };
    const auto measured = VllmFromMetrics(
        Scrapes({Vllm(0, 0, 1, histogram("1", "10")), Vllm(100, 0, 1, histogram("3", "110"))}));
    ASSERT_TRUE(measured.ok()) << Message(measured);
    EXPECT_FALSE(measured->inter_token_median_ms) << name;
    EXPECT_FALSE(measured->time_to_first_token_ms) << name;
    EXPECT_THAT(Message(VllmFromMetrics(Scrapes({Vllm(0, 0, 1, histogram("3", "110")),
                                                 Vllm(100, 0, 1, histogram("1", "10"))}))),
                HasSubstr("started again"))
        << name;
  }
  const auto old =
      VllmFromMetrics(Scrapes({"vllm:num_requests_running 1\nvllm:generation_tokens 1\n",
                               "vllm:num_requests_running 1\nvllm:generation_tokens 51\n"}));
  ASSERT_TRUE(old.ok()) << Message(old);
  EXPECT_EQ(old->decode->median, 50);
}

TEST(VllmCounters, AReStartedServerOrAnIdleOneTellsNothing) {
  EXPECT_THAT(Message(VllmFromMetrics(Scrapes({Vllm(100, 0, 1), Vllm(5, 0, 1)}))),
              HasSubstr("started again"));
  EXPECT_THAT(Message(VllmFromMetrics(Scrapes({Vllm(100, 0, 0), Vllm(100, 0, 0)}))),
              HasSubstr("generated nothing"));
  EXPECT_THAT(Message(VllmFromMetrics(Scrapes({Vllm(100, 0, 1)}))), HasSubstr("one point"));
  EXPECT_THAT(Message(VllmFromMetrics(Scrapes({"a 1\n", "a 1\n"}))), HasSubstr("is this vLLM"));
}

std::string Llama(double prompt, double prompt_s, double generated, double generated_s, int running,
                  int drafted = 0) {
  return "llamacpp:prompt_tokens_total " + std::to_string(prompt) +
         "\nllamacpp:prompt_seconds_total " + std::to_string(prompt_s) +
         "\nllamacpp:tokens_predicted_total " + std::to_string(generated) +
         "\nllamacpp:tokens_predicted_seconds_total " + std::to_string(generated_s) +
         "\nllamacpp:requests_processing " + std::to_string(running) +
         "\nllamacpp:spec_decode_num_draft_tokens_total " + std::to_string(drafted) + "\n";
}

TEST(LlamaCounters, AreRatesOfWhatEndedMeanwhile) {
  std::vector<Scrape> scrapes =
      Scrapes({Llama(1000, 2, 100, 5, 1), Llama(1600, 3, 140, 6, 1), Llama(2000, 4, 180, 7, 1)});
  EXPECT_THAT(LlamaServerFromMetrics(scrapes)->not_comparable,
              ElementsAre(HasSubstr("how long the contexts were is not known")));
  scrapes[0].context_tokens = {8000};
  scrapes[2].context_tokens = {9000};
  const auto measured = LlamaServerFromMetrics(scrapes);
  ASSERT_TRUE(measured.ok()) << Message(measured);
  EXPECT_EQ(measured->depth_tokens, 8500u);
  EXPECT_EQ(measured->prefill->median, 500);
  EXPECT_EQ(measured->decode->median, 40);
  EXPECT_THAT(measured->not_comparable, IsEmpty());
}

TEST(LlamaCounters, SeveralRequestsAndGuessesAreMarked) {
  const auto measured =
      LlamaServerFromMetrics(Scrapes({Llama(0, 0, 0, 0, 3), Llama(600, 1, 40, 1, 2, 9)}));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  EXPECT_THAT(measured->not_comparable,
              ElementsAre(HasSubstr("up to 3 requests"), HasSubstr("speculative"),
                          HasSubstr("how long the contexts")));
  EXPECT_THAT(
      Message(LlamaServerFromMetrics(Scrapes({Llama(9, 9, 9, 9, 1), Llama(1, 1, 1, 1, 1)}))),
      HasSubstr("started again"));
}

TEST(LlamaSlots, TellTheContextsOfThoseThatWork) {
  EXPECT_THAT(ContextsInSlots(R"([{"id":0,"is_processing":true,"n_prompt_tokens":12400},
      {"id":1,"is_processing":false,"n_prompt_tokens":7},
      {"id":2,"is_processing":true,"n_past":300},{"id":3,"is_processing":true},
      {"id":4,"is_processing":true,"n_prompt_tokens":500,"next_token":[{"n_decoded":0}]}])"),
              ElementsAre(12400, 300));
  EXPECT_THAT(ContextsInSlots(R"({"error":{"code":501}})"), IsEmpty());
  EXPECT_THAT(ContextsInSlots(R"([7,{"is_processing":true,"n_prompt_tokens":-1}])"), IsEmpty());
}

TEST(LlamaCounters, OfARealServerAtWork) {
  Scrape idle = {0, Parsed(Llama(0, 0, 0, 0, 0))};
  Scrape busy = {10, Parsed(Sample("llama-server.metrics.busy.txt"))};
  const auto measured = LlamaServerFromMetrics({idle, busy});
  ASSERT_TRUE(measured.ok()) << Message(measured);
  // The server's own averages since it started: the same figures, but that it leaves out the first
  // token of each of its ten requests.
  EXPECT_THAT(measured->prefill->median,
              DoubleNear(*busy.metrics.Find({"llamacpp:prompt_tokens_seconds"}), 0.01));
  EXPECT_THAT(
      measured->decode->median,
      DoubleNear(*busy.metrics.Find({"llamacpp:predicted_tokens_seconds"}) * 2234 / 2224, 0.01));
}

}  // namespace
}  // namespace capacity::engine
