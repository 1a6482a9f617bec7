#include "planner/catalog/recognize.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "planner/inventory/inventory.h"

namespace capacity::catalog {
namespace {

const Catalog& Shipped() {
  static const auto& loaded = *new inventory::Loaded<Catalog>(
      inventory::LoadCatalog(absl::StrCat(CAPACITY_SOURCE_DIR, "/inventories/catalog"), {}));
  return *loaded.value;
}

std::string Found(const SeenModel& seen) {
  const Recognized found = Recognize(Shipped(), seen);
  EXPECT_EQ(found.why.empty(), found.model != nullptr && found.quant != nullptr) << found.why;
  return absl::StrCat(found.model == nullptr ? "?" : found.model->id, " ",
                      found.quant == nullptr ? "?" : found.quant->id);
}

TEST(Recognize, WhatEnginesCallTheirModels) {
  EXPECT_EQ(Found({"llama.cpp", "/models/gpt-oss-20b-mxfp4.gguf", "MXFP4 MoE"}),
            "gpt-oss-20b mxfp4");
  EXPECT_EQ(Found({"llama.cpp", "gpt-oss-120b-mxfp4-00001-of-00003.gguf", ""}),
            "gpt-oss-120b mxfp4");
  EXPECT_EQ(Found({"llama.cpp", "Meta-Llama-3.1-8B-Instruct-Q4_K_M.gguf", "Q4_K - Medium"}),
            "llama-3.1-8b q4_k_m");
  EXPECT_EQ(Found({"llama.cpp", "Qwen3-30B-A3B-UD-Q4_K_XL.gguf", ""}), "qwen3-30b-a3b ud-q4_k_xl");
  EXPECT_EQ(Found({"ollama", "gpt-oss:20b", "MXFP4"}), "gpt-oss-20b mxfp4");
  EXPECT_EQ(Found({"ollama", "llama3.2:3b", "Q4_K_M"}), "llama-3.2-3b q4_k_m");
  EXPECT_EQ(Found({"mlx", "mlx-community/Qwen3-30B-A3B-4bit", ""}), "qwen3-30b-a3b mlx-4bit");
  EXPECT_EQ(Found({"mlx", "mlx-community/gpt-oss-120b-MXFP4-Q8", ""}), "gpt-oss-120b mlx-mxfp4-q8");
  EXPECT_EQ(Found({"vllm", "openai/gpt-oss-120b", "mxfp4"}).substr(0, 13), "gpt-oss-120b ");
}

TEST(Recognize, TheNumberOfParametersDecides) {
  EXPECT_EQ(Found({"ollama", "llama3.2:latest", "Q4_K_M", 3212749888}), "llama-3.2-3b q4_k_m");
  EXPECT_EQ(Found({"ollama", "llama3.2:latest", "Q4_K_M", 1235814400}), "llama-3.2-1b q4_k_m");
  // A made-up model that borrows a name.
  EXPECT_EQ(Found({"llama.cpp", "gpt-oss-20b-mxfp4.gguf", "", 58177632}), "? mxfp4");
}

TEST(Recognize, AnotherWordIsAnotherModel) {
  for (const char* name :
       {"DeepSeek-R1-Distill-Llama-3.1-8B-Q4_K_M.gguf", "qwen3-30b-a3b-coder-q8_0",
        "llama-3.1-8b-abliterated-q4_k_m.gguf", "gpt-oss", "", "-", "/", "8b"}) {
    EXPECT_EQ(Recognize(Shipped(), {"llama.cpp", name, ""}).model, nullptr) << name;
  }
}

// What files and repositories are really called, and what each is; "?" alone: none.
struct Named {
  const char* engine;
  const char* name;
  const char* quant_name;
  const char* is;
};
constexpr Named kNames[] = {
    {"llama.cpp", "Qwen3-8B-Q4_K_M.gguf", "", "qwen3-8b q4_k_m"},
    {"llama.cpp", "Qwen_Qwen3-8B-Q4_K_M.gguf", "", "qwen3-8b q4_k_m"},
    {"llama.cpp", "bartowski/Qwen_Qwen3-8B-GGUF:Q4_K_M", "", "qwen3-8b q4_k_m"},
    {"llama.cpp", "google_gemma-3-27b-it-Q4_K_M.gguf", "", "gemma-3-27b q4_k_m"},
    {"llama.cpp", "openai_gpt-oss-20b-MXFP4.gguf", "", "gpt-oss-20b mxfp4"},
    {"llama.cpp", "gpt-oss-20b-F16.gguf", "", "gpt-oss-20b ?"},
    {"llama.cpp", "gpt-oss-20b-Q4_K_M.gguf", "", "gpt-oss-20b ?"},
    {"llama.cpp", "gpt-oss-20b-Q8_0.gguf", "", "gpt-oss-20b ?"},
    {"llama.cpp", "gpt-oss-120b-UD-Q4_K_XL-00001-of-00002.gguf", "", "gpt-oss-120b ?"},
    {"llama.cpp", "Meta-Llama-3-8B-Instruct.Q4_K_M.gguf", "", "llama-3.1-8b q4_k_m"},
    {"llama.cpp", "Llama-3.2-11B-Vision-Instruct-Q4_K_M.gguf", "", "?"},
    {"llama.cpp", "Llama-3.3-70B-Instruct-UD-Q4_K_XL.gguf", "Q4_K - Medium",
     "llama-3.3-70b ud-q4_k_xl"},
    {"llama.cpp", "Qwen3-30B-A3B-UD-Q2_K_XL.gguf", "Q2_K - Medium", "qwen3-30b-a3b ?"},
    {"llama.cpp", "Qwen3-30B-A3B-UD-Q2_K_XL.gguf", "", "qwen3-30b-a3b ?"},
    {"llama.cpp", "Qwen3-30B-A3B-UD-Q8_K_XL.gguf", "Q8_0", "qwen3-30b-a3b ud-q8_k_xl"},
    {"llama.cpp", "Qwen3-30B-A3B-UD-Q5_K_XL.gguf", "", "qwen3-30b-a3b ?"},
    {"llama.cpp", "Qwen3-30B-A3B-UD-IQ2_M.gguf", "", "qwen3-30b-a3b ?"},
    {"llama.cpp", "Qwen3-30B-A3B-Instruct-2507-UD-Q4_K_XL.gguf", "", "qwen3-30b-a3b ud-q4_k_xl"},
    {"llama.cpp", "Qwen3-30B-A3B-Q4_K_L.gguf", "", "qwen3-30b-a3b ?"},
    {"llama.cpp", "Qwen3-30B-A3B-Q6_K_L.gguf", "", "qwen3-30b-a3b ?"},
    {"llama.cpp", "Qwen3-30B-A3B-Q3_K_XL.gguf", "", "qwen3-30b-a3b ?"},
    {"llama.cpp", "Qwen3-30B-A3B-128K-Q4_K_M.gguf", "", "qwen3-30b-a3b q4_k_m"},
    {"llama.cpp", "Qwen3-4B-Instruct-2507-Q4_K_M.gguf", "", "qwen3-4b q4_k_m"},
    {"llama.cpp", "Qwen3-4B-Thinking-2507-Q4_K_M.gguf", "", "qwen3-4b q4_k_m"},
    {"llama.cpp", "Qwen3-VL-32B-Instruct-Q4_K_M.gguf", "", "qwen3-32b q4_k_m"},
    {"llama.cpp", "Qwen3-Embedding-8B-Q8_0.gguf", "", "?"},
    {"llama.cpp", "Qwen3-Next-80B-A3B-Thinking-Q4_K_M.gguf", "", "qwen3-next-80b-a3b q4_k_m"},
    {"llama.cpp", "Qwen2.5-Coder-7B-Instruct-Q4_K_M.gguf", "", "qwen2.5-7b q4_k_m"},
    {"llama.cpp", "QwQ-32B-Q4_K_M.gguf", "", "qwen2.5-32b q4_k_m"},
    {"llama.cpp", "DeepSeek-R1-0528-Qwen3-8B-Q4_K_M.gguf", "", "qwen3-8b q4_k_m"},
    {"llama.cpp", "DeepSeek-V3-0324-UD-Q2_K_XL-00001-of-00006.gguf", "", "deepseek-v3 ?"},
    {"llama.cpp", "DeepSeek-V3.1-Terminus-IQ1_S.gguf", "", "deepseek-v3.1 iq1_s"},
    {"llama.cpp", "deepseek-coder-6.7b-instruct.Q4_K_M.gguf", "", "deepseek-coder-6.7b q4_k_m"},
    {"llama.cpp", "Kimi-K2-Instruct-0905-UD-TQ1_0-00001-of-00006.gguf", "", "kimi-k2 ?"},
    {"llama.cpp", "Kimi-K2-Thinking-UD-Q2_K_XL.gguf", "", "kimi-k2-thinking ?"},
    {"llama.cpp", "zai-org_GLM-4.5-Air-Q4_K_M-00001-of-00002.gguf", "", "glm-4.5-air q4_k_m"},
    {"llama.cpp", "GLM-4.6-UD-IQ2_XXS-00001-of-00003.gguf", "", "glm-4.6 ?"},
    {"llama.cpp", "GLM-4.7-Flash-Q4_K_M.gguf", "", "glm-4.7-flash q4_k_m"},
    {"llama.cpp", "MiniMax-M2-UD-Q4_K_XL-00001-of-00003.gguf", "", "minimax-m2 ud-q4_k_xl"},
    {"llama.cpp", "gemma-3-27b-it-abliterated.q4_k_m.gguf", "", "?"},
    {"llama.cpp", "medgemma-27b-it-Q4_K_M.gguf", "", "?"},
    {"llama.cpp", "Mistral-Small-3.2-24B-Instruct-2506-Q4_K_M.gguf", "",
     "mistral-small-3.x-24b q4_k_m"},
    {"llama.cpp", "Mistral-Nemo-Instruct-2407-Q4_K_M.gguf", "", "mistral-nemo-12b q4_k_m"},
    {"llama.cpp", "mixtral-8x7b-instruct-v0.1.Q4_K_M.gguf", "", "mixtral-8x7b q4_k_m"},
    {"llama.cpp", "microsoft_Phi-4-mini-instruct-Q4_K_M.gguf", "", "phi-4-mini q4_k_m"},
    {"llama.cpp", "Phi-4-multimodal-instruct-Q4_K_M.gguf", "", "?"},
    {"llama.cpp", "phi-3-medium-128k-instruct-Q4_K_M.gguf", "", "phi-3-medium q4_k_m"},
    {"llama.cpp", "tinyllama-1.1b-chat-v1.0.Q4_K_M.gguf", "", "tinyllama-1.1b q4_k_m"},
    {"llama.cpp", "llama-2-7b-chat.Q4_K_M.gguf", "", "llama-2-7b q4_k_m"},
    {"llama.cpp", "llama-2-7b.Q4_0.gguf", "", "llama-2-7b q4_0"},
    {"llama.cpp", "llama-2-70b.Q4_0.gguf", "", "?"},
    {"llama.cpp", "model.gguf", "", "?"},
    {"llama.cpp", "nvidia_Nemotron-3-Nano-30B-A3B-Q4_K_M.gguf", "",
     "nemotron-3-nano-30b-a3b q4_k_m"},
    {"llama.cpp", "Llama-3_3-Nemotron-Super-49B-v1_5-Q4_K_M.gguf", "", "?"},
    {"llama.cpp", "ERNIE-4.5-21B-A3B-PT-Q4_K_M.gguf", "", "ernie-4.5-21b-a3b q4_k_m"},
    {"llama.cpp", "Qwen3.5-9B-BF16.gguf", "", "qwen3.5-9b bf16"},
    {"llama.cpp", "Qwen3-8B-IQ3_M.gguf", "IQ3_S mix - 3.66 bpw", "qwen3-8b iq3_m"},
    {"llama.cpp", "Qwen3-8B-Q4_0.gguf", "Q4_0", "qwen3-8b q4_0"},
    {"llama.cpp", "Qwen3-8B.i1-Q4_K_M.gguf", "", "qwen3-8b q4_k_m"},
    {"llama.cpp", "Qwen3-8B-Base.Q4_K_M.gguf", "", "qwen3-8b q4_k_m"},
    {"llama.cpp", "Qwen3-8B-Josiefied-Q4_K_M.gguf", "", "?"},
    {"ollama", "llama3.2:3b", "Q4_K_M", "llama-3.2-3b q4_k_m"},
    {"ollama", "llama3.1:8b", "Q4_K_M", "llama-3.1-8b q4_k_m"},
    {"ollama", "llama3.3", "Q4_K_M", "?"},
    {"ollama", "llama4:16x17b", "Q4_K_M", "llama-4-scout-17b-16e q4_k_m"},
    {"ollama", "qwen3:8b", "Q4_K_M", "qwen3-8b q4_k_m"},
    {"ollama", "qwen3:30b-a3b-instruct-2507-q4_K_M", "Q4_K_M", "qwen3-30b-a3b q4_k_m"},
    {"ollama", "qwen3:4b-thinking-2507-q8_0", "Q8_0", "qwen3-4b q8_0"},
    {"ollama", "qwen3-coder:latest", "Q4_K_M", "?"},
    {"ollama", "qwen3-embedding:8b", "Q4_K_M", "?"},
    {"ollama", "gpt-oss:20b", "MXFP4", "gpt-oss-20b mxfp4"},
    {"ollama", "deepseek-r1:70b", "Q4_K_M", "?"},
    {"ollama", "deepseek-v3.1:671b-cloud", "", "?"},
    {"ollama", "gemma3:27b-it-qat", "Q4_0", "gemma-3-27b q4_0"},
    {"ollama", "gemma3n:e4b", "Q4_K_M", "?"},
    {"ollama", "phi4-mini:3.8b", "Q4_K_M", "phi-4-mini q4_k_m"},
    {"ollama", "mistral:7b", "Q4_K_M", "mistral-7b-v0.3 q4_k_m"},
    {"ollama", "mistral-small3.2:24b", "Q4_K_M", "mistral-small-3.x-24b q4_k_m"},
    {"ollama", "mistral-nemo:12b", "Q4_0", "mistral-nemo-12b q4_0"},
    {"ollama", "hf.co/unsloth/Qwen3-30B-A3B-GGUF:Q4_K_XL", "unknown", "qwen3-30b-a3b ud-q4_k_xl"},
    {"ollama", "glm-4.7-flash:latest", "Q4_K_M", "glm-4.7-flash q4_k_m"},
    {"ollama", "qwen3-next:80b", "Q4_K_M", "qwen3-next-80b-a3b q4_k_m"},
    {"mlx", "mlx-community/Qwen3-8B-4bit", "", "qwen3-8b mlx-4bit"},
    {"mlx", "mlx-community/Qwen3-8B-bf16", "", "qwen3-8b bf16"},
    {"mlx", "mlx-community/gpt-oss-20b-MXFP4-Q8", "", "gpt-oss-20b mlx-mxfp4-q8"},
    {"mlx", "mlx-community/Llama-3.3-70B-Instruct-4bit", "", "llama-3.3-70b mlx-4bit"},
    {"mlx", "mlx-community/Qwen3-235B-A22B-4bit-DWQ-053125", "", "qwen3-235b-a22b mlx-4bit"},
    {"mlx", "mlx-community/DeepSeek-V3.1-4bit", "", "deepseek-v3.1 mlx-4bit"},
    {"mlx", "mlx-community/Kimi-K2-Thinking", "", "kimi-k2-thinking ?"},
    {"mlx", "mlx-community/GLM-4.7-Flash-8bit-gs32", "", "glm-4.7-flash mlx-8bit-g32"},
    {"mlx", "mlx-community/gemma-3-27b-it-4bit", "", "gemma-3-27b mlx-4bit"},
    {"mlx", "mlx-community/gemma-3-text-4b-it-4bit", "", "gemma-3-4b mlx-4bit"},
    {"mlx", "mlx-community/MiniMax-M2-mlx-8bit-gs32", "", "minimax-m2 mlx-8bit-g32"},
    {"mlx", "mlx-community/Phi-4-mini-instruct-4bit", "", "phi-4-mini mlx-4bit"},
    {"mlx", "mlx-community/Qwen3-4B-Instruct-2507-4bit-DWQ-2510", "", "qwen3-4b mlx-4bit"},
    {"mlx", "mlx-community/Qwen3-8B-mxfp4", "", "qwen3-8b mlx-mxfp4"},
    {"mlx", "mlx-community/Qwen3-8B-3bit", "", "qwen3-8b mlx-3bit"},
    {"mlx", "mlx-community/Qwen3.5-27B-4bit", "", "qwen3.5-27b mlx-4bit"},
    {"mlx", "mlx-community/Qwen3-8B-4bit-AWQ", "", "qwen3-8b ?"},
    {"lm-studio", "qwen3-8b", "4bit", "qwen3-8b mlx-4bit"},
    {"lm-studio", "google/gemma-3-27b", "Q4_0", "gemma-3-27b q4_0"},
    {"lm-studio", "qwen3-30b-a3b-2507", "4bit", "qwen3-30b-a3b mlx-4bit"},
    {"lm-studio", "granite-3.0-2b-instruct", "Q4_K_M", "?"},
    {"vllm", "Qwen/Qwen3-8B", "", "qwen3-8b bf16"},
    {"vllm", "Qwen/Qwen3-8B-AWQ", "", "qwen3-8b int4-awq"},
    {"vllm", "Qwen/Qwen2.5-72B-Instruct-GPTQ-Int8", "", "qwen2.5-72b ?"},
    {"vllm", "neuralmagic/Meta-Llama-3.1-8B-Instruct-FP8", "", "llama-3.1-8b fp8"},
    {"vllm", "RedHatAI/Meta-Llama-3.1-8B-Instruct-quantized.w4a16", "", "llama-3.1-8b int4-awq"},
    {"vllm", "RedHatAI/Llama-3.3-70B-Instruct-FP8-dynamic", "", "llama-3.3-70b fp8"},
    {"vllm", "nvidia/Llama-3.1-8B-Instruct-FP4", "", "llama-3.1-8b nvfp4"},
    {"vllm", "nvidia/Llama-3.3-70B-Instruct-FP4", "", "llama-3.3-70b nvfp4"},
    {"vllm", "nvidia/Qwen3-30B-A3B-NVFP4", "", "qwen3-30b-a3b nvfp4"},
    {"vllm", "nvidia/Qwen3-30B-A3B-FP4", "", "qwen3-30b-a3b nvfp4"},
    {"vllm", "nvidia/DeepSeek-R1-0528-FP4", "", "deepseek-r1 nvfp4"},
    {"vllm", "deepseek-ai/DeepSeek-V3", "", "deepseek-v3 fp8"},
    {"vllm", "openai/gpt-oss-120b", "", "gpt-oss-120b mxfp4"},
    {"vllm", "cpatonn/GLM-4.5-Air-AWQ-4bit", "", "glm-4.5-air int4-awq"},
    {"vllm", "cyankiwi/Qwen3-Coder-30B-A3B-Instruct-AWQ-8bit", "", "qwen3-coder-30b-a3b ?"},
    {"vllm", "moonshotai/Kimi-K2-Thinking", "", "kimi-k2-thinking int4-native"},
    {"vllm", "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-FP8", "", "nemotron-3-nano-30b-a3b fp8"},
    {"vllm", "nvidia/NVIDIA-Nemotron-3-Nano-30B-A3B-NVFP4", "", "nemotron-3-nano-30b-a3b nvfp4"},
    {"vllm", "meta-llama/Llama-3.1-8B", "", "llama-3.1-8b bf16"},
    {"vllm", "meta-llama/Meta-Llama-3-8B-Instruct", "", "llama-3.1-8b bf16"},
    {"vllm", "unsloth/Llama-3.3-70B-Instruct-bnb-4bit", "", "?"},
    {"vllm", "mistralai/Mistral-Small-3.2-24B-Instruct-2506", "", "mistral-small-3.x-24b bf16"},
    {"vllm", "RedHatAI/gemma-3-27b-it-FP8-dynamic", "", "gemma-3-27b fp8"},
    {"vllm", "ISTA-DASLab/gemma-3-27b-it-GPTQ-4b-128g", "", "gemma-3-27b int4-awq"},
    {"vllm", "default", "", "?"},
};

TEST(Recognize, NamesOfRealFilesAndRepositories) {
  for (const Named& named : kNames) {
    const std::string found = Found({named.engine, named.name, named.quant_name});
    const std::string is = named.is;
    EXPECT_EQ(is == "?" ? found.substr(0, 1) : found, is)
        << named.engine << " " << named.name << " [" << named.quant_name << "]";
  }
}

// Weights by class of tensors; planner/fit has the real arithmetic.
std::optional<Bytes> Weigh(const Model& model, const Quantization& quant, Engine engine) {
  const TensorBits* bits = quant.BitsFor(engine);
  if (bits == nullptr || !model.parameters.total) return std::nullopt;
  const double experts = model.parameters.routed_experts.value_or(0);
  const double rest = *model.parameters.total - experts;
  return Bytes{static_cast<std::int64_t>((experts * bits->experts + rest * bits->dense) / 8)};
}

std::string Weighed(const std::string& engine, const std::string& name, double gigabytes,
                    std::string* why = nullptr) {
  SeenModel seen{engine, name, ""};
  seen.bytes = static_cast<std::uint64_t>(gigabytes * 1e9);
  const Recognized found = Recognize(Shipped(), seen, Weigh);
  if (why != nullptr) *why = found.why;
  return found.quant == nullptr ? "?" : found.quant->id;
}

TEST(Recognize, BytesThatAreNotThoseOfTheFormatSpeakAgainstIt) {
  EXPECT_EQ(Weighed("llama.cpp", "Qwen3-8B-Q8_0.gguf", 8.7), "q8_0");
  EXPECT_EQ(Weighed("llama.cpp", "Qwen3-8B-Q8_0.gguf", 8.2), "q8_0");
  std::string why;
  EXPECT_EQ(Weighed("llama.cpp", "Qwen3-8B-Q8_0.gguf", 7.9, &why), "?");
  EXPECT_EQ(why, "weights of 7.90 GB are not qwen3-8b in q8_0, which has 8.70 GB");
  EXPECT_EQ(Weighed("llama.cpp", "Qwen3-8B-Q8_0.gguf", 9.5), "?");
  EXPECT_EQ(Weighed("mlx", "mlx-community/Qwen3-8B-4bit", 8.7), "?");
}

TEST(Recognize, EncodersMayBeCountedOrNot) {
  const Model& gemma = *Shipped().FindModel("gemma-3-4b");
  ASSERT_TRUE(gemma.parameters.towers);
  const double text = *gemma.parameters.total * 8.5 / 8 / 1e9;
  const double towers = *gemma.parameters.towers * 2 / 1e9;
  EXPECT_EQ(Weighed("ollama", "gemma3:4b-it-q8_0", text), "q8_0");
  EXPECT_EQ(Weighed("ollama", "gemma3:4b-it-q8_0", text + towers), "q8_0");
  EXPECT_EQ(Weighed("ollama", "gemma3:4b-it-q8_0", text + 2 * towers), "?");
  EXPECT_EQ(Found({"ollama", "gemma3:4b", "Q4_K_M", 4300000000}), "gemma-3-4b q4_k_m");
}

TEST(Recognize, ExpertsThatStayAsReleasedAreToldByTheSizeOfTheFile) {
  EXPECT_EQ(Weighed("llama.cpp", "gpt-oss-20b-mxfp4.gguf", 12.11), "mxfp4");
  EXPECT_EQ(Weighed("llama.cpp", "gpt-oss-20b-Q8_0.gguf", 12.11), "mxfp4");
  // Its dense tensors are half as long again as those of mxfp4.
  EXPECT_EQ(Weighed("llama.cpp", "gpt-oss-20b-F16.gguf", 13.78), "?");
  EXPECT_EQ(Weighed("ollama", "gpt-oss-20b-F16.gguf", 13.78), "mxfp4");
  EXPECT_EQ(Weighed("llama.cpp", "gpt-oss-20b-Q4_K_M.gguf", 11.62), "?");
  EXPECT_EQ(Weighed("llama.cpp", "gpt-oss-120b-Q4_K_M.gguf", 62.8), "mxfp4");
  EXPECT_EQ(Weighed("llama.cpp", "gpt-oss-120b-UD-Q4_K_XL.gguf", 62.9), "mxfp4");
  EXPECT_EQ(Weighed("mlx", "mlx-community/gpt-oss-20b-4bit", 11.77), "mlx-4bit");
}

TEST(Recognize, WhatAPersonStatesIsBelievedBeforeTheNames) {
  SeenModel seen{"llama.cpp", "my-tune-of-it-Q4_K_M.gguf", ""};
  seen.stated_model = Shipped().FindModel("qwen3-8b");
  EXPECT_EQ(Found(seen), "qwen3-8b q4_k_m");
  seen.stated_quant = Shipped().FindQuantization("q6_k");
  EXPECT_EQ(Found(seen), "qwen3-8b q6_k");
  seen.stated_quant = Shipped().FindQuantization("mlx-4bit");
  EXPECT_EQ(Recognize(Shipped(), seen).why, "llama.cpp does not read mlx-4bit");
  for (const char* name : {"my-tune-mixed-3-6bit", "my-tune-bnb-4bit"}) {
    SeenModel mixed{"mlx", name, ""};
    mixed.stated_model = seen.stated_model;
    EXPECT_EQ(Found(mixed), "qwen3-8b ?") << name;
  }
}

TEST(Recognize, AFamilyIsOneOfItsSizesOnlyByTheNumberOfItsParameters) {
  EXPECT_EQ(Found({"ollama", "gpt-oss:latest", "MXFP4", 20900000000}), "gpt-oss-20b mxfp4");
  EXPECT_EQ(Found({"ollama", "gpt-oss", "MXFP4", 116800000000}), "gpt-oss-120b mxfp4");
  EXPECT_EQ(Found({"ollama", "phi4:latest", "Q4_K_M", 14700000000}), "phi-4-14b q4_k_m");
  EXPECT_EQ(Found({"ollama", "llama3.3", "Q4_K_M", 70600000000}), "llama-3.3-70b q4_k_m");
  EXPECT_EQ(Found({"ollama", "mistral-small:latest", "Q4_K_M", 22200000000}), "? q4_k_m");
  EXPECT_EQ(
      Recognize(Shipped(), {"ollama", "llama3.2:latest", "Q4_K_M"}).why,
      "no model of the catalogue is called \"llama3.2:latest\", and which size of that family "
      "it is, it does not say");
  // llama-bench counts the head of a tied model a second time.
  EXPECT_EQ(Found({"llama.cpp", "Qwen3-0.6B-Q8_0.gguf", "Q8_0", 751632384}), "qwen3-0.6b q8_0");
}

TEST(Recognize, OnlyTheMakersOwnRepositoryIsWhatItReleased) {
  EXPECT_EQ(Found({"vllm", "Qwen/Qwen3-8B", ""}), "qwen3-8b bf16");
  EXPECT_EQ(Found({"vllm", "someone/Qwen3-8B", ""}), "qwen3-8b ?");
  EXPECT_EQ(Found({"vllm", "/models/Qwen3-8B", ""}), "qwen3-8b ?");
  EXPECT_EQ(Found({"vllm", "Qwen3-8B", ""}), "qwen3-8b ?");
  EXPECT_EQ(Found({"mlx", "Qwen/Qwen3-8B", ""}), "qwen3-8b ?");
}

TEST(Recognize, EveryIdAndAliasIsItsModel) {
  for (const Model& model : Shipped().models) {
    for (std::string name : {model.id, model.hf_id}) {
      if (name.empty()) continue;
      const Recognized found = Recognize(Shipped(), {"llama.cpp", name + "-q8_0", ""});
      EXPECT_EQ(found.model, &model) << name;
    }
  }
}

}  // namespace
}  // namespace capacity::catalog
