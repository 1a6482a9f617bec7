// No text of a stranger's file reaches a terminal as anything but text.
#include "planner/modelfile/shown_text.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/modelfile/imagined.h"
#include "tests/support/shipped.h"

namespace capacity::modelfile {
namespace {

using ::testing::HasSubstr;

bool IsHarmless(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return byte < 0x20 || byte == 0x7f;
  });
}

bool IsHarmless(const absl::Status& status) { return IsHarmless(std::string(status.message())); }

TEST(ShownText, KeepsWhatCanBeReadAndNothingElse) {
  EXPECT_EQ(Shown("modèles/模型.gguf"), "modèles/模型.gguf");
  EXPECT_EQ(Shown("a\x1b[31mb\nc\x7f"), "a?[31mb?c?");
  EXPECT_EQ(Shown("\xc2\x9b"
                  "5m"),
            "?5m")
      << "a control character of Unicode";
  EXPECT_EQ(Shown("\u202Efdp.exe"), "?fdp.exe") << "writing turned round";
  EXPECT_EQ(Shown("\xff\xc0\x80\xed\xa0\x80"), "??????") << "no UTF-8";
  EXPECT_EQ(Shown("\xe6\xa8"), "??") << "cut off";
  EXPECT_EQ(Shown(std::string_view("\0", 1)), "?");
}

// ---------------------------------------------------------------- wherever it may stand

constexpr char kConfig[] = R"({"model_type": "llama", "num_hidden_layers": 1, "hidden_size": 8,
    "architectures": ["L"], "_name_or_path": "n", "num_attention_heads": 2, "torch_dtype": "f",
    "layer_types": ["full_attention"], "quantization": {"group_size": 8, "bits": 4, "m": {"bits": 2}},
    "quantization_config": {"quant_method": "q", "format": "f", "quant_algo": "a"}})";
constexpr char kTensors[] = R"({"model.embed_tokens.weight": {"dtype": "BF16", "shape": [2, 8],
    "data_offsets": [0, 32]}, "model.layers.0.self_attn.k_proj.weight": {"dtype": "U8",
    "shape": [4, 8], "data_offsets": [32, 64]}})";
constexpr char kIndex[] = R"({"weight_map": {"model.embed_tokens.weight": "model.safetensors",
    "model.layers.0.self_attn.k_proj.weight": "model.safetensors"}})";

void ExpectHarmless(const std::string& config, const std::string& tensors, const std::string& index,
                    const std::string& path = "dir") {
  ImaginedFolder folder(path);
  folder.Add("config.json", config);
  if (!index.empty()) folder.Add("model.safetensors.index.json", index);
  folder.Add("model.safetensors", Raw<std::uint64_t>(tensors.size()) + tensors, 64);
  auto facts = CheckpointFacts(folder);
  if (!facts.ok()) {
    EXPECT_TRUE(IsHarmless(facts.status())) << facts.status();
    return;
  }
  const auto description = Compose(*std::move(facts), path, "x", testing::Shipped());
  if (!description.ok()) {
    EXPECT_TRUE(IsHarmless(description.status())) << description.status();
    return;
  }
  for (const std::string& warning : description->warnings) EXPECT_TRUE(IsHarmless(warning));
  for (const std::string& text : {description->name, description->architecture,
                                  description->quantization, description->model.id}) {
    EXPECT_TRUE(IsHarmless(text)) << text;
  }
}

TEST(ShownText, EscapesAnywhereInACheckpointStayInside) {
  const std::string config = kConfig;
  const std::string tensors = kTensors;
  const std::string index = kIndex;
  ExpectHarmless(config, tensors, index);
  for (const std::string escape : {"\\u001b[31m", "\x1b[31m"}) {
    for (std::size_t i = 0; i <= config.size(); ++i) {
      ExpectHarmless(config.substr(0, i) + escape + config.substr(i), tensors, index);
    }
    for (std::size_t i = 0; i <= tensors.size(); ++i) {
      ExpectHarmless(config, tensors.substr(0, i) + escape + tensors.substr(i), "");
    }
    for (std::size_t i = 0; i <= index.size(); ++i) {
      ExpectHarmless(config, tensors, index.substr(0, i) + escape + index.substr(i));
    }
    ExpectHarmless(config, tensors, "", "dir" + escape);
    ExpectHarmless("{", tensors, "", "dir" + escape);
  }
}

TEST(ShownText, EscapesAnywhereInAGgufStayInside) {
  GgufWriter writer("llama");
  writer.Count("*.block_count", 1).Count("*.embedding_length", 8).Text("general.name", "n");
  writer.Count("*.attention.head_count", 1).Tensor("token_embd.weight", {8, 2}, kF16);
  writer.Tensor("blk.0.attn_k.weight", {8, 2}, kF16);
  const std::string header = writer.Header();
  for (std::size_t i = 0; i < header.size(); ++i) {
    std::string damaged = header;
    damaged[i] = '\x1b';
    ImaginedSource source("x\x1b.gguf", damaged, writer.size());
    const auto read = ReadGgufHeader(source);
    if (!read.ok()) {
      EXPECT_TRUE(IsHarmless(read.status())) << i;
      continue;
    }
    auto facts = GgufFacts(*read, "x\x1b.gguf");
    if (!facts.ok()) {
      EXPECT_TRUE(IsHarmless(facts.status())) << i;
      continue;
    }
    const auto description = Compose(*std::move(facts), "x\x1b.gguf", "", testing::Shipped());
    if (!description.ok()) {
      EXPECT_TRUE(IsHarmless(description.status())) << i;
      continue;
    }
    for (const std::string& warning : description->warnings) EXPECT_TRUE(IsHarmless(warning)) << i;
    EXPECT_TRUE(IsHarmless(description->name + description->architecture + description->model.id))
        << i;
  }
}

TEST(ShownText, NamesOfFilesThatAreNotThere) {
  const auto missing = DescribeFile("no\x1b[31m.gguf", "", testing::Shipped());
  EXPECT_THAT(std::string(missing.status().message()), HasSubstr("no?[31m.gguf: No such file"));
  const auto folder = DescribeDirectory("no\x1b[31m", "", testing::Shipped());
  EXPECT_THAT(std::string(folder.status().message()), HasSubstr("no?[31m: no such directory"));
}

}  // namespace
}  // namespace capacity::modelfile
