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
