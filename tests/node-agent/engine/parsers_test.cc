// What each engine prints, read: samples of data/, and what breaks them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>
#include <vector>

#include "node-agent/engine/exo.h"
#include "node-agent/engine/llama_bench.h"
#include "node-agent/engine/lm_studio.h"
#include "node-agent/engine/mlx.h"
#include "node-agent/engine/ollama.h"
#include "node-agent/engine/openai.h"
#include "node-agent/engine/vllm_bench.h"
#include "tests/node-agent/engine/support.h"

namespace capacity::engine {
namespace {

using ::capacity::testing::Sample;
using ::capacity::testing::With;
using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

template <class T>
std::string Message(const absl::StatusOr<T>& result) {
  return std::string(result.status().message());
}

// ---------------------------------------------------------------- llama-bench

TEST(LlamaBench, PairsPromptAndGeneration) {
  const auto measured = ParseLlamaBench(Sample("llama-bench.rtx4080.json"));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  ASSERT_THAT(*measured, SizeIs(1));
  const agent::SpeedMeasurement& one = measured->front();
  EXPECT_EQ(one.engine, "llama.cpp");
  EXPECT_EQ(one.source, "llama-bench");
  EXPECT_EQ(one.engine_version, "b5163 (8cf427ff)");
  EXPECT_EQ(one.model_name, "Qwen2.5-7B-Instruct-Q4_K_M.gguf");
  EXPECT_EQ(one.quant_name, "Q4_K - Medium");
  EXPECT_EQ(one.model_bytes, 4677120000u);
  EXPECT_EQ(one.model_parameters, 7615616512u);
  EXPECT_EQ(one.prompt_tokens, 512u);
  EXPECT_EQ(one.generated_tokens, 128u);
  EXPECT_EQ(one.depth_tokens, 0u);
  EXPECT_EQ(one.repeats, 5u);
  EXPECT_EQ(one.kv_type, "f16");
  EXPECT_EQ(one.strategy, "single");
  // Medians of samples_ts, by hand.
  EXPECT_EQ(one.prefill, (agent::Rate{7136.37, 6863.1, 7237.21}));
  EXPECT_EQ(one.decode, (agent::Rate{119.03, 117.464, 120.178}));
  EXPECT_EQ(one.taken_at_unix_ms, 1745495930000);  // 2025-04-24T11:58:50Z
  EXPECT_THAT(one.not_comparable, IsEmpty());
}

TEST(LlamaBench, PairsByDepth) {
  const auto measured = ParseLlamaBench(Sample("llama-bench.gpt-oss.depth.json"));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  ASSERT_THAT(*measured, SizeIs(2));
  EXPECT_EQ((*measured)[0].depth_tokens, 0u);
  EXPECT_EQ((*measured)[1].depth_tokens, 256u);
  for (const auto& one : *measured) {
    EXPECT_EQ(one.prompt_tokens, 128u);
    EXPECT_EQ(one.generated_tokens, 32u);
    EXPECT_TRUE(one.prefill && one.decode);
    EXPECT_EQ(one.quant_name, "Q8_0");
  }
}

TEST(LlamaBench, NamesTheMachinesThatTookPartOverRpc) {
  const auto measured = ParseLlamaBench(Sample("llama-bench.gpt-oss.rpc-two-servers.json"));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  for (const auto& one : *measured) {
    EXPECT_THAT(one.peers, ElementsAre("127.0.0.1:50152", "127.0.0.1:50153"));
    EXPECT_EQ(one.strategy, "pipeline");
  }
}

TEST(LlamaBench, ReadsARowALineAndWhatACrashLeft) {
  const std::string lines = Sample("llama-bench.gpt-oss.jsonl");
  const auto whole = ParseLlamaBench(lines);
  ASSERT_TRUE(whole.ok()) << Message(whole);
  ASSERT_THAT(*whole, SizeIs(1));
  EXPECT_TRUE(whole->front().prefill && whole->front().decode);
  const auto cut = ParseLlamaBench(lines.substr(0, lines.find('\n') + 100));
  ASSERT_TRUE(cut.ok()) << Message(cut);
  ASSERT_THAT(*cut, SizeIs(1));
  EXPECT_TRUE(cut->front().prefill);
  EXPECT_FALSE(cut->front().decode);
}

TEST(LlamaBench, MarksPromptAndAnswerTimedTogether) {
  const auto measured = ParseLlamaBench(Sample("llama-bench.mixed.json"));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  const agent::SpeedMeasurement& mixed = measured->front();
  EXPECT_FALSE(mixed.prefill || mixed.decode);
  EXPECT_EQ(mixed.kv_type, "q8_0");
  EXPECT_THAT(mixed.not_comparable, ElementsAre(HasSubstr("timed together (175.2 tokens/s")));
}

TEST(LlamaBench, WithoutSamplesTheMeanSpeaks) {
  const auto measured = ParseLlamaBench(
      R"([{"model_type":"llama 8B Q4_0","n_prompt":512,"n_gen":0,"avg_ts":100.0,"stddev_ts":2.5}])");
  ASSERT_TRUE(measured.ok()) << Message(measured);
  EXPECT_EQ(measured->front().prefill, (agent::Rate{100, 97.5, 102.5}));
  EXPECT_EQ(measured->front().repeats, 1u);
}

TEST(LlamaBench, DifferentSettingsAreNotPaired) {
  const auto measured =
      ParseLlamaBench(R"([{"model_type":"m","n_prompt":512,"n_gen":0,"n_batch":512,"avg_ts":100},)"
                      R"({"model_type":"m","n_prompt":0,"n_gen":128,"n_batch":2048,"avg_ts":10}])");
  ASSERT_TRUE(measured.ok()) << Message(measured);
  EXPECT_THAT(*measured, SizeIs(2));
}

TEST(LlamaBench, SaysWhichRowAndFieldIsWrong) {
  const std::string good = Sample("llama-bench.rtx4080.json");
  struct Case {
    std::string text;
    const char* says;
  };
  for (const Case& one :
       {Case{With(good, "\"n_gen\": 0", "\"n_gen\": -1"), "rows[0].n_gen is -1"},
        Case{With(good, "\"n_gen\": 128", "\"n_gen\": 1.5"), "rows[1].n_gen is 1.5"},
        Case{With(good, "\"n_gen\": 128", "\"n_gen\": \"x\""), "rows[1].n_gen is \"x\""},
        Case{With(good, "6863.1", "-1"), "rows[0].samples_ts"},
        Case{With(good, "\"model_size\": 4677120000", "\"model_size\": 1e300"),
             "rows[0].model_size"},
        Case{With(good, "6863.1", "1e999"), "out of range"},
        Case{good.substr(0, good.size() / 2), "no JSON, or cut off, at byte"}, Case{"[]", "no row"},
        Case{"", "no JSON"},
        Case{R"([{"model_type":"m","n_prompt":0,"n_gen":0,"avg_ts":1}])", "both 0"},
        Case{R"([{"n_prompt":1,"n_gen":0,"avg_ts":1}])", "model_type is missing"},
        Case{R"([17])", "rows[0] is 17, not an object"}}) {
    const auto measured = ParseLlamaBench(one.text);
    EXPECT_FALSE(measured.ok()) << one.says;
    EXPECT_THAT(Message(measured), HasSubstr(one.says));
  }
}

// The machine's accelerator is beside what a processor computes.
TEST(LlamaBench, MarksWhatWasLeftToTheProcessor) {
  const auto row = [](const std::string& more) {
    return R"([{"model_type":"llama 8B Q4_0","n_prompt":0,"n_gen":128,"avg_ts":20,)" + more + "}]";
  };
  const std::string card = R"("gpu_info":"NVIDIA GeForce RTX 4080","backends":"CUDA",)";
  struct Case {
    std::string more;
    const char* says;  // "": comparable
  };
  for (const Case& one :
       {Case{card + R"("n_gpu_layers":99)", ""}, Case{card + R"("n_gpu_layers":-1)", ""},
        Case{card + R"("n_gpu_layers":0)", "all layers (n_gpu_layers 0)"},
        Case{card + R"("n_gpu_layers":10)", "all but 10 layers"},
        Case{card + R"("n_gpu_layers":99,"devices":"none")", "all layers"},
        Case{card + R"("n_gpu_layers":99,"n_cpu_moe":20)", "experts (n_cpu_moe)"},
        Case{card + R"("n_gpu_layers":99,"no_kv_offload":true)", "the cache (no_kv_offload)"},
        Case{card + R"("n_gpu_layers":99,"tensor_buft_overrides":"none")", ""},
        Case{card + R"("n_gpu_layers":99,"tensor_buft_overrides":"exps=CPU")",
             "tensors (tensor_buft_overrides)"},
        Case{R"("gpu_info":"","backends":"MTL,BLAS","n_gpu_layers":0)", "all layers"},
        // Without an accelerator it is the machine's speed.
        Case{R"("gpu_info":"","backends":"CPU","n_gpu_layers":0,"n_cpu_moe":2)", ""},
        Case{R"("gpu_info":"","backends":"BLAS","n_gpu_layers":99)", ""}}) {
    const auto measured = ParseLlamaBench(row(one.more));
    ASSERT_TRUE(measured.ok()) << Message(measured);
    const std::vector<std::string>& why = measured->front().not_comparable;
    if (std::string(one.says).empty()) {
      EXPECT_THAT(why, IsEmpty()) << one.more;
    } else {
      EXPECT_THAT(why, ElementsAre(HasSubstr(one.says))) << one.more;
    }
  }
  EXPECT_TRUE(RanOnProcessorOnly(row(R"("gpu_info":"","backends":"CPU")")));
  EXPECT_FALSE(RanOnProcessorOnly(row(card + R"("n_gpu_layers":0)")));
  EXPECT_FALSE(RanOnProcessorOnly(row(R"("n_gpu_layers":0)")));  // it does not say
}

TEST(LlamaBench, SeveralCardsShareTheWork) {
  const auto strategy = [](const std::string& more) {
    return ParseLlamaBench(R"([{"model_type":"m","n_prompt":0,"n_gen":8,"avg_ts":2,)" + more + "}]")
        ->front()
        .strategy;
  };
  const std::string two = R"("gpu_info":"NVIDIA GeForce RTX 3090, NVIDIA GeForce RTX 3090",)";
  EXPECT_EQ(strategy(two + R"("split_mode":"layer")"), "pipeline");
  EXPECT_EQ(strategy(two + R"("split_mode":"row")"), "tensor");
  EXPECT_EQ(strategy(two + R"("split_mode":"none")"), "single");
  EXPECT_EQ(strategy(two + R"("split_mode":"layer","devices":"CUDA1")"), "single");
  EXPECT_EQ(strategy(two + R"("split_mode":"layer","devices":"CUDA0/CUDA1")"), "pipeline");
  EXPECT_EQ(strategy(R"("gpu_info":"NVIDIA GB10","split_mode":"layer")"), "single");
}

TEST(LlamaBench, NamesMachinesHoweverABuildNamesThem) {
  for (const char* more : {R"("gpu_info":"NVIDIA GB10, RPC0[192.168.1.7:50052]")",
                           R"("gpu_info":"","rpc_servers":"192.168.1.7:50052")"}) {
    const auto measured = ParseLlamaBench(
        std::string(R"([{"model_type":"m","n_prompt":0,"n_gen":8,"avg_ts":2,)") + more + "}]");
    EXPECT_THAT(measured->front().peers, ElementsAre("192.168.1.7:50052"));
    EXPECT_EQ(measured->front().strategy, "pipeline");
  }
}

TEST(LlamaBench, ReadsCsv) {
  const auto measured = ParseLlamaBench("warming up\n" + Sample("llama-bench.m2-ultra.csv"));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  ASSERT_THAT(*measured, SizeIs(1));
  const agent::SpeedMeasurement& one = measured->front();
  EXPECT_EQ(one.model_name, "Qwen3.5-2B-UD-Q8_K_XL.gguf");
  EXPECT_EQ(one.engine_version, "b8240 (d088d5b74)");
  EXPECT_EQ(one.model_parameters, 1881825088u);
  EXPECT_THAT(one.prefill->median, DoubleNear(4469.227, 1e-3));
  EXPECT_THAT(one.decode->median, DoubleNear(110.620, 1e-3));
  EXPECT_EQ(one.prompt_tokens, 512u);
  EXPECT_EQ(one.generated_tokens, 128u);
  EXPECT_THAT(one.not_comparable, IsEmpty());
  EXPECT_THAT(ParseLlamaBench(With(Sample("llama-bench.m2-ultra.csv"), "\"99\"", "\"0\""))
                  ->front()
                  .not_comparable,
              ElementsAre(HasSubstr("n_gpu_layers 0")));
}

TEST(LlamaBench, ReadsTheListBehindALog) {
  const std::string log = "ggml_cuda_init: found 1 CUDA devices:\n  Device 0: X [y]\n";
  EXPECT_EQ(*ParseLlamaBench(log + Sample("llama-bench.rtx4080.json")),
            *ParseLlamaBench(Sample("llama-bench.rtx4080.json")));
  EXPECT_THAT(
      Message(ParseLlamaBench("| model | size |       test |        t/s |\n| --- | --- |\n")),
      HasSubstr("run llama-bench with -o json"));
  EXPECT_THAT(Message(ParseLlamaBench("INSERT INTO llama_bench (n_prompt, avg_ts) VALUES (1);\n")),
              HasSubstr("run llama-bench with -o json"));
}

TEST(LlamaBench, AMeanOfUnevenRepeatsIsMarked) {
  const auto measured = ParseLlamaBench(
      R"([{"model_type":"m","n_prompt":0,"n_gen":128,"avg_ts":54.5,"stddev_ts":40}])");
  EXPECT_THAT(measured->front().not_comparable, ElementsAre(HasSubstr("differ too much")));
}

// ---------------------------------------------------------------- chat completions

// As the pieces of a recorded stream would have come, one event each 10 ms.
absl::StatusOr<Answer> Replay(const std::string& recorded) {
  ChatStream stream;
  double now = 100;
  std::istringstream lines(recorded);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("data: ", 0) != 0) continue;
    now += 10;
    if (const absl::Status taken = stream.Take(line.substr(6), now); !taken.ok()) return taken;
  }
  if (!stream.complete()) return absl::DataLossError("broke off");
  return stream.answer();
}

TEST(ChatStream, TakesUsageAndTimingsOfLlamaServer) {
  const auto answer = Replay(Sample("llama-server.chat.stream.sse.txt"));
  ASSERT_TRUE(answer.ok()) << Message(answer);
  EXPECT_EQ(answer->prompt_tokens, 146u);
  EXPECT_EQ(answer->generated_tokens, 24u);
  EXPECT_EQ(answer->cached_tokens, 0u);
  EXPECT_EQ(answer->finish, "length");
  EXPECT_EQ(answer->model, "synthetic");
  EXPECT_FALSE(answer->speculative);
  // 146 tokens in 1607.967 ms; 23 after the first in 3169.045 ms.
  EXPECT_THAT(*answer->prefill_per_second, DoubleNear(90.798, 1e-3));
  EXPECT_THAT(*answer->decode_per_second, DoubleNear(7.2577, 1e-4));
  // The first event has no text, and bytes of one letter are held back until it is whole.
  EXPECT_LE(answer->piece_ms.size(), 24u);
  EXPECT_GE(answer->piece_ms.size(), 15u);
  EXPECT_GT(answer->piece_ms.front(), 110);
}

TEST(ChatStream, TimingsAloneCountTokens) {
  const auto answer = Replay(Sample("llama-server.chat.stream.no-usage-asked.sse.txt"));
  ASSERT_TRUE(answer.ok()) << Message(answer);
  EXPECT_EQ(answer->prompt_tokens, 146u);
  EXPECT_EQ(answer->generated_tokens, 24u);
}

TEST(ChatStream, ACachedPromptIsMarked) {
  const auto answer = Replay(Sample("llama-server.chat.stream.prompt-cached.sse.txt"));
  ASSERT_TRUE(answer.ok()) << Message(answer);
  const agent::SpeedMeasurement measured = Measured({{*answer}}, {.generate = 24});
  EXPECT_THAT(measured.not_comparable,
              ElementsAre(HasSubstr("the prompt was cached (145 of 146 tokens)")));
}

TEST(ChatStream, ADeadServerLeavesItIncomplete) {
  EXPECT_TRUE(
      absl::IsDataLoss(Replay(Sample("llama-server.chat.killed-mid-stream.sse.txt")).status()));
}

TEST(ChatStream, GuessedTokensAreMarked) {
  ChatStream stream;
  ASSERT_TRUE(stream
                  .Take(R"({"choices":[{"delta":{},"finish_reason":"stop"}],"timings":)"
                        R"({"prompt_n":9,"prompt_ms":1,"predicted_n":40,"predicted_ms":100,)"
                        R"("draft_n":12,"draft_n_accepted":9}})",
                        0)
                  .ok());
  EXPECT_TRUE(stream.answer().speculative);
}

TEST(ChatStream, ThoughtsAreTokensToo) {
  ChatStream stream;
  for (const char* key : {"reasoning_content", "reasoning", "content"}) {
    ASSERT_TRUE(
        stream.Take(std::string(R"({"choices":[{"delta":{")") + key + R"(":"so"}}]})", 1).ok());
  }
  EXPECT_THAT(stream.answer().piece_ms, SizeIs(3));
}

TEST(ChatStream, CallsAndPlainCompletionsAreTokensToo) {
  ChatStream stream;
  for (const char* piece :
       {R"({"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"x"}}]}}]})",
        R"({"choices":[{"text":"ab","finish_reason":null}]})",
        R"({"choices":[{"delta":{"role":"assistant","content":""}}]})"}) {
    ASSERT_TRUE(stream.Take(piece, 1).ok());
  }
  EXPECT_THAT(stream.answer().piece_ms, SizeIs(2));
  EXPECT_FALSE(stream.answer().thoughts_shown);
  ASSERT_TRUE(stream
                  .Take(R"({"choices":[],"usage":{"completion_tokens":9,)"
                        R"("completion_tokens_details":{"reasoning_tokens":7}}})",
                        2)
                  .ok());
  EXPECT_EQ(stream.answer().thought_tokens, 7u);
  EXPECT_FALSE(stream.over());
  ASSERT_TRUE(stream.Take("[DONE]", 3).ok());
  EXPECT_TRUE(stream.over());
}

TEST(ChatStream, RefusesWhatMakesNoSense) {
  struct Case {
    const char* data;
    const char* says;
  };
  for (const Case& one :
       {Case{"{", "no JSON"}, Case{"[1]", "no JSON object"},
        Case{R"({"error":{"message":"out of memory"}})", "out of memory"},
        Case{R"({"error":"out of memory"})", "out of memory"},
        Case{R"({"usage":{"prompt_tokens":-3}})", "usage.prompt_tokens is -3"},
        Case{R"({"timings":{"predicted_n":1e12}})", "timings.predicted_n is 1000000000000.0"},
        Case{R"({"timings":{"prompt_n":100000000,"prompt_ms":1e-9}})", "impossible speed"},
        Case{R"({"choices":[7]})", "choices[0] is 7, not an object"}}) {
    ChatStream stream;
    EXPECT_THAT(std::string(stream.Take(one.data, 0).message()), HasSubstr(one.says));
  }
}

TEST(ChatAnswer, OfAnOlderLlamaServerIsReadTheSameWay) {
  const auto answer = ParseChatAnswer(Sample("llama-server-timings.chat-completions.json"));
  ASSERT_TRUE(answer.ok()) << Message(answer);
  EXPECT_EQ(answer->prompt_tokens, 18u);
  // That build divides 77 tokens by the time of 76: (77 - 1) / 4353.352 ms.
  EXPECT_THAT(*answer->decode_per_second, DoubleNear(17.4578, 1e-4));
}

TEST(ModelList, SaysWhatLlamaServerKnowsOfItsModel) {
  const auto models = ParseModelList(Sample("llama-server.v1-models.json"));
  ASSERT_TRUE(models.ok()) << Message(models);
  ASSERT_THAT(*models, SizeIs(1));
  EXPECT_EQ(models->front().id, "synthetic");
  EXPECT_EQ(models->front().owner, "llamacpp");
  EXPECT_EQ(models->front().quant_name, "Q8_0");
  EXPECT_EQ(models->front().bytes, 42090880u);
  EXPECT_EQ(models->front().parameters, 58177632u);
}

// ---------------------------------------------------------------- Ollama

TEST(Ollama, CountsInNanoseconds) {
  const auto answer = ParseOllamaAnswer(Sample("ollama-api-generate.final.json"));
  ASSERT_TRUE(answer.ok()) << Message(answer);
  EXPECT_EQ(answer->model, "llama3.2");
  EXPECT_EQ(answer->prompt_tokens, 26u);
  EXPECT_EQ(answer->generated_tokens, 259u);
  EXPECT_THAT(*answer->prefill_per_second, DoubleNear(26 / 0.130079, 1e-6));
  EXPECT_THAT(*answer->decode_per_second, DoubleNear(258 / 4.23271, 1e-6));
}

TEST(Ollama, ACachedPromptHasNoCount) {
  const auto answer = ParseOllamaAnswer(
      With(Sample("ollama-api-generate.final.json"), "\"prompt_eval_count\": 26,", ""));
  ASSERT_TRUE(answer.ok()) << Message(answer);
  EXPECT_FALSE(answer->prefill_per_second);
  EXPECT_THAT(answer->not_comparable, ElementsAre(HasSubstr("cached")));
}

TEST(Ollama, ReadsItsStreamLineByLine) {
  OllamaStream stream;
  EXPECT_TRUE(stream.Take(R"({"model":"llama3.2","response":"The","done":false})", 5).ok());
  EXPECT_TRUE(stream.Take(R"({"model":"llama3.2","response":"\n","done":false})", 6).ok());
  EXPECT_FALSE(stream.complete());
  EXPECT_TRUE(stream
                  .Take(R"({"done":true,"done_reason":"length","prompt_eval_count":9,)"
                        R"("prompt_eval_duration":1000,"eval_count":2,"eval_duration":1000})",
                        7)
                  .ok());
  EXPECT_TRUE(stream.complete());
  EXPECT_THAT(stream.answer().piece_ms, ElementsAre(5, 6));
  EXPECT_EQ(stream.answer().finish, "length");
}

TEST(Ollama, RefusesWhatMakesNoSense) {
  EXPECT_THAT(Message(ParseOllamaAnswer(R"({"error":"model not found"})")),
              HasSubstr("model not found"));
  EXPECT_THAT(Message(ParseOllamaAnswer("{}")), HasSubstr("eval_count is missing"));
  EXPECT_THAT(Message(ParseOllamaAnswer(R"({"eval_count":5,"eval_duration":0})")),
              HasSubstr("eval_duration is 0"));
  EXPECT_THAT(Message(ParseOllamaAnswer("")), HasSubstr("no JSON"));
}

TEST(Ollama, ListsWhatIsLoaded) {
  const auto models = ParseOllamaModels(Sample("ollama-api-ps.json"));
  ASSERT_TRUE(models.ok()) << Message(models);
  ASSERT_THAT(*models, SizeIs(1));
  EXPECT_EQ(models->front().listed.id, "mistral:latest");
  EXPECT_EQ(models->front().listed.quant_name, "Q4_0");
  EXPECT_EQ(models->front().listed.bytes, 5137025024u);
  EXPECT_EQ(models->front().listed.parameters, 7'200'000'000u);
  EXPECT_EQ(models->front().accelerated_bytes, 5137025024u);
}

// ---------------------------------------------------------------- LM Studio

TEST(LmStudio, BothItsInterfaces) {
  const auto v0 = ParseLmStudioAnswer(Sample("lmstudio-api-v0-chat-completions.json"));
  ASSERT_TRUE(v0.ok()) << Message(v0);
  EXPECT_EQ(v0->model, "granite-3.0-2b-instruct");
  EXPECT_THAT(*v0->decode_per_second, DoubleNear(51.4371, 1e-4));
  EXPECT_THAT(*v0->first_token_ms, DoubleNear(111, 1e-9));
  EXPECT_EQ(v0->engine_version, "llama.cpp-mac-arm64-apple-metal-advsimd 1.3.0");
  const auto v1 = ParseLmStudioAnswer(Sample("lmstudio-api-v1-chat.json"));
  ASSERT_TRUE(v1.ok()) << Message(v1);
  EXPECT_EQ(v1->model, "qwen/qwen3-vl-4b");
  EXPECT_EQ(v1->prompt_tokens, 17u);
  EXPECT_EQ(v1->generated_tokens, 50u);
  EXPECT_THAT(*v1->decode_per_second, DoubleNear(51.0376, 1e-4));
  EXPECT_THAT(*PrefillOf(*v1), DoubleNear(17 / 0.814, 1e-6));
}

TEST(LmStudio, ListsLanguageModels) {
  const auto v0 = ParseLmStudioModels(Sample("lmstudio-api-v0-models.json"));
  ASSERT_TRUE(v0.ok()) << Message(v0);
  ASSERT_THAT(*v0, SizeIs(2));
  EXPECT_EQ((*v0)[1].listed.id, "meta-llama-3.1-8b-instruct");
  EXPECT_EQ((*v0)[1].listed.quant_name, "Q4_K_M");
  EXPECT_FALSE((*v0)[1].loaded);
  const auto v1 = ParseLmStudioModels(Sample("lmstudio-api-v1-models.json"));
  ASSERT_TRUE(v1.ok()) << Message(v1);
  ASSERT_THAT(*v1, SizeIs(2));
  EXPECT_EQ((*v1)[0].listed.bytes, 17990911801u);
  EXPECT_TRUE((*v1)[0].loaded);
  EXPECT_FALSE((*v1)[1].loaded);
}

TEST(LmStudio, ADraftModelIsMarkedAlsoWhenItsGuessesWereWrong) {
  const std::string v0 = Sample("lmstudio-api-v0-chat-completions.json");
  for (const char* field : {R"("draft_model": "small",)", R"("total_draft_tokens_count": 30,
         "accepted_draft_tokens_count": 0,)"}) {
    EXPECT_TRUE(ParseLmStudioAnswer(With(v0, "\"stats\": {", std::string("\"stats\": {") + field))
                    ->speculative)
        << field;
  }
  EXPECT_TRUE(ParseLmStudioAnswer(
                  With(v0, "\"usage\": {", "\"usage\": {\"total_draft_tokens_count\": 492,"))
                  ->speculative);
  EXPECT_FALSE(ParseLmStudioAnswer(v0)->speculative);
}

TEST(LmStudio, RefusesWhatMakesNoSense) {
  EXPECT_THAT(Message(ParseLmStudioAnswer(R"({"choices":[]})")), HasSubstr("stats is missing"));
  EXPECT_THAT(Message(ParseLmStudioAnswer(R"({"stats":{"tokens_per_second":0}})")),
              HasSubstr("stats.tokens_per_second is 0"));
  EXPECT_THAT(Message(ParseLmStudioAnswer(R"({"stats":7})")), HasSubstr("stats is 7"));
  EXPECT_THAT(Message(ParseLmStudioModels(R"({"data":7})")), HasSubstr("no list"));
}

// ---------------------------------------------------------------- EXO

constexpr char kExoBench[] = R"({"model":"mlx-community/gpt-oss-20b-MXFP4-Q8","choices":[
 {"index":0,"message":{"role":"assistant","content":"x"},"finish_reason":"length"}],
 "generation_stats":{"prompt_tps":811.5,"generation_tps":62.25,"prompt_tokens":520,
 "generation_tokens":128,"peak_memory_usage":{"inBytes":12000000000},"prefix_cache_hit":"none"},
 "power_usage":{"elapsed_seconds":3.1,"nodes":[],"total_avg_sys_power_watts":140.5,
 "total_energy_joules":435.0}})";

TEST(Exo, ReadsItsOwnCountersAndPower) {
  const auto answer = ParseExoBench(kExoBench);
  ASSERT_TRUE(answer.ok()) << Message(answer);
  EXPECT_EQ(answer->prefill_per_second, 811.5);
  EXPECT_EQ(answer->decode_per_second, 62.25);
  EXPECT_EQ(answer->prompt_tokens, 520u);
  EXPECT_EQ(answer->power_watts, 140.5);
  EXPECT_THAT(answer->not_comparable, IsEmpty());
  const auto cached = ParseExoBench(With(kExoBench, "\"none\"", "\"partial\""));
  ASSERT_TRUE(cached.ok());
  EXPECT_THAT(cached->not_comparable, ElementsAre(HasSubstr("cached (partial)")));
  EXPECT_THAT(Message(ParseExoBench(R"({"generation_stats":null})")), HasSubstr("is missing"));
  EXPECT_THAT(Message(ParseExoBench(With(kExoBench, "62.25", "-1"))),
              HasSubstr("generation_stats.generation_tps is -1"));
}

TEST(Exo, ReadsWhatRunsWhere) {
  const auto state = ParseExoState(R"({
    "topology":{"nodes":["node-b","node-a"],"connections":{}},
    "instances":{"i-1":{"MlxJacclInstance":{"instanceId":"i-1","shardAssignments":{
      "modelId":"mlx-community/gpt-oss-120b",
      "runnerToShard":{"r-1":{"TensorShardMetadata":{"worldSize":2,"modelCard":{"storageSize":
        {"inBytes":63000000000}}}},"r-2":{"TensorShardMetadata":{"worldSize":2}}},
      "nodeToRunner":{"node-b":"r-2","node-a":"r-1"}}}},
     "i-2":{"MlxRingInstance":{"shardAssignments":{"modelId":"other",
      "shards":[["node-a","r-3",{"PipelineShardMetadata":{}}],
                ["node-b","r-4",{"PipelineShardMetadata":{}}]]}}},
     "i-3":{"Unknown":17}}})");
  ASSERT_TRUE(state.ok()) << Message(state);
  EXPECT_THAT(state->nodes, ElementsAre("node-a", "node-b"));
  ASSERT_THAT(state->instances, SizeIs(2));
  EXPECT_EQ(state->instances[0].model, "mlx-community/gpt-oss-120b");
  EXPECT_EQ(state->instances[0].strategy, "tensor");
  EXPECT_THAT(state->instances[0].nodes, ElementsAre("node-a", "node-b"));
  EXPECT_EQ(state->instances[0].bytes, 63000000000u);
  EXPECT_EQ(state->instances[1].strategy, "pipeline");
  EXPECT_THAT(Message(ParseExoState(R"({"status":"ok"})")), HasSubstr("no state of EXO"));
}

// As exo-explore/exo writes them: state.py, topology.py, multiaddr.py, profiling.py.
TEST(Exo, KnowsItsNodesByAddressesAndNames) {
  const auto state = ParseExoState(R"({"instances":{},
    "topology":{"nodes":["a","b","c","d","e"],"connections":{"a":{"b":[
      {"sourceRdmaIface":"rdma_en3","sinkRdmaIface":"rdma_en4"},
      {"sinkMultiaddr":{"address":"/ip4/169.254.10.2/tcp/52415"}},
      {"sinkMultiaddr":{"address":"/ip4/192.168.1.8/tcp/52415","ip_address":"192.168.1.8"}}]}}},
    "nodeIdentities":{"c":{"friendlyName":"spark-3"},"d":{"friendlyName":"Unknown"}},
    "nodeNetwork":{"b":{"interfaces":[{"name":"bridge0","ipAddress":"172.17.0.1"}]},
      "c":{"interfaces":[{"name":"lo","ipAddress":"127.0.0.1"},
        {"name":"en5","ipAddress":"169.254.1.1"}]},
      "e":{"interfaces":[{"name":"lo","ipAddress":"::1"},{"name":"en0","ipAddress":"fe80::1%en0"},
        {"name":"en0","ipAddress":"10.0.0.9"}]}}})");
  ASSERT_TRUE(state.ok()) << Message(state);
  EXPECT_THAT(state->names,
              ElementsAre(Pair("b", "192.168.1.8"), Pair("c", "spark-3"), Pair("e", "10.0.0.9")));
}

// ---------------------------------------------------------------- mlx_lm

TEST(Mlx, Benchmark) {
  const auto measured = ParseMlx(Sample("mlx_lm.benchmark.txt"));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  ASSERT_THAT(*measured, SizeIs(1));
  EXPECT_EQ(measured->front().engine, "mlx");
  EXPECT_EQ(measured->front().source, "mlx_lm.benchmark");
  EXPECT_EQ(measured->front().prompt_tokens, 1024u);
  EXPECT_EQ(measured->front().generated_tokens, 64u);
  EXPECT_EQ(measured->front().repeats, 5u);
  EXPECT_EQ(measured->front().prefill, (agent::Rate{359.048, 351.905, 363.097}));
  EXPECT_EQ(measured->front().decode, (agent::Rate{39.02, 38.15, 39.119}));
}

TEST(Mlx, TailOfGenerate) {
  const auto measured = ParseMlx(Sample("mlx_lm.generate.tail.txt"));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  ASSERT_THAT(*measured, SizeIs(1));
  EXPECT_EQ(measured->front().source, "mlx_lm.generate");
  EXPECT_EQ(measured->front().prompt_tokens, 71u);
  EXPECT_EQ(measured->front().generated_tokens, 105u);
  EXPECT_EQ(measured->front().prefill->median, 194.970);
  EXPECT_EQ(measured->front().decode->median, 32.612);
}

TEST(Mlx, ABatchIsThatManyStreams) {
  const auto measured =
      ParseMlx(With(Sample("mlx_lm.benchmark.txt"), "batch_size=1.", "batch_size=4."));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  ASSERT_THAT(*measured, SizeIs(1));
  EXPECT_EQ(measured->front().streams, 4u);
}

TEST(Mlx, TwoRunsInOneFileAreTwo) {
  const auto measured =
      ParseMlx(Sample("mlx_lm.benchmark.txt") +
               "Timing with prompt_tokens=8192, generation_tokens=64, batch_size=4.\n"
               "Trial 1:  prompt_tps=151.905, generation_tps=118.757, peak_memory=3.5\n" +
               Sample("mlx_lm.generate.tail.txt") + Sample("mlx_lm.generate.tail.txt"));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  ASSERT_THAT(*measured, SizeIs(4));
  EXPECT_EQ((*measured)[0].repeats, 5u);
  EXPECT_EQ((*measured)[0].decode, (agent::Rate{39.02, 38.15, 39.119}));
  EXPECT_EQ((*measured)[1].prompt_tokens, 8192u);
  EXPECT_EQ((*measured)[1].streams, 4u);
  EXPECT_EQ((*measured)[1].decode->high, 118.757);
  EXPECT_EQ((*measured)[2].source, "mlx_lm.generate");
  EXPECT_EQ((*measured)[3].streams, 1u);
}

TEST(Mlx, CommasStandBetweenThousands) {
  const auto measured = ParseMlx(
      "Prompt: 1,071 tokens, 1,194.970 tokens-per-sec\nGeneration: 105 tokens, 30.5 "
      "tokens-per-sec\n");
  ASSERT_TRUE(measured.ok()) << Message(measured);
  EXPECT_EQ(measured->front().prompt_tokens, 1071u);
  EXPECT_EQ(measured->front().prefill->median, 1194.97);
  EXPECT_THAT(Message(ParseMlx("Generation: 105 tokens, 30,5 tokens-per-sec\n")),
              HasSubstr("30,5 tokens-per-sec"));
  EXPECT_THAT(Message(ParseMlx("Prompt: 1,07 tokens, 5 tokens-per-sec\n")), HasSubstr("1,07"));
}

TEST(Mlx, RefusesWhatMakesNoSense) {
  EXPECT_THAT(Message(ParseMlx("")), HasSubstr("no result of mlx_lm.generate"));
  EXPECT_THAT(Message(ParseMlx("Trial 1: prompt_tps=nan, generation_tps=1")), HasSubstr("Trial 1"));
  EXPECT_THAT(Message(ParseMlx("Prompt: -1 tokens, 5 tokens-per-sec")), HasSubstr("Prompt: -1"));
  EXPECT_THAT(Message(ParseMlx("Generation: 5 tokens, inf tokens-per-sec")), HasSubstr("inf"));
}

// ---------------------------------------------------------------- vllm bench serve

TEST(VllmBench, MixedBatchesAreMarked) {
  const auto measured = ParseVllmBench(Sample("vllm-bench-serve.json"));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  EXPECT_EQ(measured->model_name, "Qwen/Qwen3.5-9B");
  EXPECT_EQ(measured->streams, 19u);
  EXPECT_EQ(measured->prompt_tokens, 4202u);
  EXPECT_EQ(measured->generated_tokens, 491u);
  EXPECT_THAT(measured->decode->median, DoubleNear(86.1637, 1e-4));
  EXPECT_FALSE(measured->prefill);
  EXPECT_THAT(measured->not_comparable,
              ElementsAre(HasSubstr("mixed batches"), HasSubstr("rate of their own")));
}

TEST(VllmBench, OneRequestAtATimeIsComparable) {
  const auto measured = ParseVllmBench(
      With(Sample("vllm-bench-serve.json"), "\"max_concurrency\": null", "\"max_concurrency\": 1"));
  ASSERT_TRUE(measured.ok()) << Message(measured);
  EXPECT_THAT(measured->not_comparable, IsEmpty());
  EXPECT_THAT(measured->decode->median, DoubleNear(1000 / 97.488724536467, 1e-6));
  EXPECT_THAT(measured->prefill->median, DoubleNear(4202.43 / 1.7656007854966447, 1e-3));
  EXPECT_THAT(Message(ParseVllmBench("{}")), HasSubstr("completed is missing"));
  EXPECT_THAT(Message(ParseVllmBench(
                  With(Sample("vllm-bench-serve.json"), "\"completed\": 100", "\"completed\": 0"))),
              HasSubstr("no request was answered"));
  EXPECT_THAT(Message(ParseVllmBench(
                  With(With(Sample("vllm-bench-serve.json"), "\"max_concurrency\": null",
                            "\"max_concurrency\": 1"),
                       "\"median_tpot_ms\": 97.488724536467", "\"median_tpot_ms\": 1e-9"))),
              HasSubstr("median_tpot_ms makes an impossible speed"));
}

TEST(VllmBench, DraftsAreMarked) {
  const auto with = [](const std::string& more) {
    return ParseVllmBench(With(Sample("vllm-bench-serve.json"), "\"max_concurrency\": null",
                               "\"max_concurrency\": 1, " + more))
        ->not_comparable;
  };
  EXPECT_THAT(with(R"("spec_decode_num_drafts": 100, "spec_decode_acceptance_rate": 0)"),
              ElementsAre(HasSubstr("speculative")));
  EXPECT_THAT(with(R"("spec_decode_num_drafts": 0)"), IsEmpty());
}

}  // namespace
}  // namespace capacity::engine
