// Models of which the user has a file: planner catalog describe, add and remove, planner fit.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"
#include "tests/modelfile/imagined.h"
#include "tests/support/json_schema.h"
#include "tests/support/program.h"

namespace capacity {
namespace {

namespace fs = std::filesystem;
using modelfile::GgufWriter;
using nlohmann::json;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using testing::Planner;
using testing::Ran;

const std::string kInventories = std::string(CAPACITY_SOURCE_DIR) + "/inventories/";

class ModelFileCommand : public ::testing::Test {
 protected:
  void SetUp() override {
    root_ = ::testing::TempDir() + "model_file_" + std::to_string(getpid());
    fs::create_directories(root_);
    gguf_ = root_ + "/Tiny Qwen-Q8_0.gguf";
    WriteGguf(gguf_, "qwen3");
  }
  void TearDown() override { fs::remove_all(root_); }

  // The header as a file, its data a hole.
  static void WriteGguf(const std::string& path, const std::string& architecture) {
    GgufWriter writer(architecture);
    writer.Text("general.name", "Tiny Qwen")
        .Count("general.file_type", 7)
        .Count("*.block_count", 4)
        .Count("*.context_length", 32'768)
        .Count("*.embedding_length", 1'024)
        .Count("*.attention.head_count", 16)
        .Count("*.attention.head_count_kv", 4)
        .Tensor("token_embd.weight", {1'024, 32'000}, modelfile::kQ8_0);
    for (int i = 0; i < 4; ++i) {
      const std::string block = "blk." + std::to_string(i) + ".";
      writer.Tensor(block + "attn_q.weight", {1'024, 1'024}, modelfile::kQ8_0)
          .Tensor(block + "attn_k.weight", {1'024, 256}, modelfile::kQ8_0)
          .Tensor(block + "attn_v.weight", {1'024, 256}, modelfile::kQ8_0)
          .Tensor(block + "ffn_up.weight", {1'024, 3'072}, modelfile::kQ8_0)
          .Tensor(block + "ffn_down.weight", {3'072, 1'024}, modelfile::kQ8_0);
    }
    std::ofstream(path, std::ios::binary) << writer.Header();
    ASSERT_EQ(truncate(path.c_str(), static_cast<off_t>(writer.size())), 0);
  }

  Ran Run(const std::vector<std::string>& arguments) const {
    return Planner(arguments, {"XDG_DATA_HOME=" + root_ + "/data"});
  }
  static json Parsed(const Ran& ran) {
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    const json document = json::parse(ran.out, nullptr, false);
    EXPECT_FALSE(document.is_discarded()) << ran.out;
    return document;
  }
  static void ExpectSchema(const json& document) {
    const std::string kind = document.value("kind", "");
    std::ifstream file(kInventories + "schema/output/" + kind + ".schema.json");
    ASSERT_TRUE(file) << kind;
    EXPECT_THAT(testing::SchemaViolations(json::parse(file), document), IsEmpty());
  }
  static void ExpectRefused(const Ran& ran, const std::string& why) {
    EXPECT_EQ(ran.exit_code, 2);
    EXPECT_THAT(ran.out, IsEmpty());
    EXPECT_THAT(ran.err, HasSubstr(why));
  }

  std::string root_;
  std::string gguf_;
};

TEST_F(ModelFileCommand, DescribeSaysWhatTheFileHolds) {
  const Ran text = Run({"catalog", "describe", "--model-file", gguf_});
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_THAT(text.out, HasSubstr("tiny-qwen-q8_0: Tiny Qwen, qwen3"));
  EXPECT_THAT(text.out, HasSubstr("4 layers 256 + 256 cells per token"));
  const json document =
      Parsed(Run({"catalog", "describe", "--model-file", gguf_, "--output", "json"}));
  ExpectSchema(document);
  EXPECT_EQ(document["bytes"], (1'024 * 32'000 + 4 * 1'024 * (1'024 + 512 + 6'144)) / 32 * 34);
  EXPECT_EQ(document["layers"].size(), 4u);
  EXPECT_EQ(document["quant"], "q8_0");
  EXPECT_TRUE(document["kept_in"].is_null());
}

TEST_F(ModelFileCommand, FitPlacesTheFileInItsOwnFormat) {
  const json document = Parsed(Run({"fit", "--model-file", gguf_, "--output", "json", "--inventory",
                                    kInventories + "home-lab.yaml"}));
  ExpectSchema(document);
  ASSERT_FALSE(document["rows"].empty());
  for (const json& placement : document["rows"]) {
    EXPECT_EQ(placement["model"], "tiny-qwen-q8_0");
    EXPECT_EQ(placement["quant"], "q8_0");
  }
  EXPECT_THAT(Run({"fit", "--model-file", gguf_}).out, HasSubstr("Tiny Qwen, qwen3"));
}

TEST_F(ModelFileCommand, UnknownArchitectureIsPlannedWithAWarningAndAWiderInterval) {
  const std::string unknown = root_ + "/novel.gguf";
  WriteGguf(unknown, "novel");
  const auto width = [&](const std::string& file) {
    const json document = Parsed(Run({"fit", "--model-file", file, "--output", "json"}));
    const json& decode = document["rows"][0]["decode_tps"];
    return decode["high"].get<double>() / decode["low"].get<double>();
  };
  const Ran ran = Run({"fit", "--model-file", unknown});
  EXPECT_EQ(ran.exit_code, 0);
  EXPECT_THAT(ran.err, HasSubstr("warning: architecture \"novel\" is not known"));
  EXPECT_GT(width(unknown), 1.5 * width(gguf_));
}

TEST_F(ModelFileCommand, AddKeepsAModelThatEveryCommandThenKnows) {
  const Ran added = Run({"catalog", "add", "--model-file", gguf_, "--id", "mine"});
  EXPECT_EQ(added.exit_code, 0) << added.err;
  const std::string kept = root_ + "/data/capacity-planner/catalog/mine.yaml";
  EXPECT_THAT(added.out, HasSubstr("kept in " + kept));
  EXPECT_TRUE(fs::exists(kept));

  const json models = Parsed(Run({"catalog", "models", "--output", "json"}));
  EXPECT_EQ(models["models"].back()["id"], "mine");
  EXPECT_EQ(models["models"].back()["own_file"], gguf_);
  EXPECT_THAT(Run({"catalog", "models"}).out, HasSubstr("your own"));

  // What was written is what was read.
  const json before = Parsed(Run({"fit", "--model-file", gguf_, "--output", "json"}));
  const json after = Parsed(Run({"fit", "--model", "mine", "--output", "json"}));
  json expected = before["rows"];
  for (json& placement : expected) placement["model"] = "mine";
  EXPECT_EQ(after["rows"].dump(), expected.dump());
  EXPECT_EQ(
      Run({"predict", "--model", "mine", "--quant", "q8_0", "--nodes", "dgx-spark"}).exit_code, 0);

  const json removed = Parsed(Run({"catalog", "remove", "mine", "--output", "json"}));
  ExpectSchema(removed);
  EXPECT_FALSE(fs::exists(kept));
  ExpectRefused(Run({"fit", "--model", "mine"}), "unknown model \"mine\"");
}

TEST_F(ModelFileCommand, AddRefusesWhatExistsUnlessItIsToBeReplaced) {
  ASSERT_EQ(Run({"catalog", "add", "--model-file", gguf_}).exit_code, 0);
  ExpectRefused(Run({"catalog", "add", "--model-file", gguf_}),
                "you already have a model \"tiny-qwen-q8_0\"");
  EXPECT_EQ(Run({"catalog", "add", "--model-file", gguf_, "--replace"}).exit_code, 0);
  ExpectRefused(Run({"catalog", "add", "--model-file", gguf_, "--id", "qwen3-8b", "--replace"}),
                "\"qwen3-8b\" is qwen3-8b of the shipped catalogue");
  for (const char* id : {"Upper", "../x", "a b", ".x", ""}) {
    const Ran ran = Run({"catalog", "add", "--model-file", gguf_, "--id", id});
    if (*id != '\0') ExpectRefused(ran, "is no id");
  }
  ExpectRefused(Run({"catalog", "remove", "qwen3-8b"}), "no model \"qwen3-8b\" of your own");
  ExpectRefused(Run({"catalog", "remove", "../../x"}), "no model");
}

TEST_F(ModelFileCommand, OfSeveralThatAddANameOneDoes) {
  constexpr int kAtOnce = 8;
  std::vector<Ran> ran(kAtOnce);
  std::vector<std::thread> threads;
  for (Ran& one : ran) {
    threads.emplace_back(
        [&] { one = Run({"catalog", "add", "--model-file", gguf_, "--id", "race"}); });
  }
  for (std::thread& thread : threads) thread.join();
  int added = 0;
  for (const Ran& one : ran) {
    if (one.exit_code == 0) ++added;
    if (one.exit_code != 0) ExpectRefused(one, "you already have a model \"race\"");
  }
  EXPECT_EQ(added, 1);
}

TEST_F(ModelFileCommand, RemovingWhatIsNotThereEndsItsSentence) {
  ASSERT_EQ(Run({"catalog", "add", "--model-file", gguf_, "--id", "mine"}).exit_code, 0);
  EXPECT_EQ(Run({"catalog", "remove", "nope"}).err,
            "planner: MODEL: you have no model \"nope\" of your own\n");
  EXPECT_THAT(Run({"catalog", "remove", "mind"}).err, HasSubstr("; did you mean \"mine\"?"));
}

TEST_F(ModelFileCommand, LaunchServesTheFileThatWasAdded) {
  ASSERT_EQ(Run({"catalog", "add", "--model-file", gguf_, "--id", "mine"}).exit_code, 0);
  const std::vector<std::string> launch = {"launch",    "--model",    "mine",   "--engine",
                                           "llama.cpp", "--strategy", "single", "--dry-run"};
  const Ran kept = Run(launch);
  EXPECT_EQ(kept.exit_code, 0) << kept.err;
  EXPECT_THAT(kept.out, HasSubstr("-m '" + gguf_ + "'"));
  EXPECT_THAT(kept.err, IsEmpty());

  fs::rename(gguf_, root_ + "/elsewhere.gguf");
  for (const std::vector<std::string>& command :
       {launch, {"fit", "--model", "mine"}, {"catalog", "models"}, {"status", "--model", "mine"}}) {
    const std::string said = Run(command).err;
    EXPECT_THAT(said, HasSubstr("warning: your model \"mine\"")) << command.front();
    EXPECT_EQ(said.find("warning"), said.rfind("warning")) << said;
  }
}

TEST_F(ModelFileCommand, LaunchNamesFilesByTheirWholePath) {
  const std::string relative = fs::relative(gguf_, fs::path(CAPACITY_SOURCE_DIR)).string();
  ASSERT_NE(relative.front(), '/');
  const std::vector<std::string> launch = {"launch",     "--engine", "llama.cpp",
                                           "--strategy", "single",   "--dry-run"};
  for (const std::vector<std::string>& file : std::vector<std::vector<std::string>>{
           {"--model-file", relative}, {"--model-file", gguf_, "--file", relative}}) {
    std::vector<std::string> command = launch;
    command.insert(command.end(), file.begin(), file.end());
    const Ran ran = Run(command);
    EXPECT_EQ(ran.exit_code, 0) << ran.err;
    EXPECT_THAT(ran.out, HasSubstr("-m '" + gguf_ + "'"));
  }
}

TEST_F(ModelFileCommand, FormatsOfTheirOwnAreKeptToo) {
  const std::string odd = root_ + "/odd.gguf";
  GgufWriter writer("llama");
  writer.Count("*.block_count", 1).Count("*.embedding_length", 1'024);
  writer.Count("*.attention.head_count", 16);
  writer.Tensor("token_embd.weight", {1'024, 4'096}, 34);
  writer.Tensor("blk.0.attn_k.weight", {1'024, 1'024}, 34);
  std::ofstream(odd, std::ios::binary) << writer.Header();
  ASSERT_EQ(truncate(odd.c_str(), static_cast<off_t>(writer.size())), 0);
  ASSERT_EQ(Run({"catalog", "add", "--model-file", odd}).exit_code, 0);
  const json fit = Parsed(Run({"fit", "--model", "odd", "--output", "json"}));
  ASSERT_FALSE(fit["rows"].empty());
  EXPECT_EQ(fit["rows"][0]["quant"], "gguf-tq1_0-odd");
}

TEST_F(ModelFileCommand, BadFilesAreRefusedWhole) {
  ExpectRefused(Run({"fit", "--model-file", root_ + "/none.gguf"}), "none.gguf: No such file");
  ExpectRefused(Run({"fit", "--model-file", root_}), "is a directory");
  ExpectRefused(Run({"fit", "--model-dir", gguf_}), "is no directory");
  ExpectRefused(Run({"fit", "--model-dir", root_}), root_ + "/config.json: missing");
  ExpectRefused(Run({"catalog", "add"}), "needs --model-file FILE or --model-dir DIR");
  ExpectRefused(Run({"catalog"}), "needs a TOPIC");
  ExpectRefused(Run({"fit", "--planner", "localhost:1", "--model-file", gguf_}),
                "is read on this machine");
  const std::string pipe = root_ + "/pipe";
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  ExpectRefused(Run({"fit", "--model-file", pipe}), "is no regular file");
  ASSERT_EQ(truncate(gguf_.c_str(), 100'000), 0);
  ExpectRefused(Run({"catalog", "add", "--model-file", gguf_}), "truncated download");
  EXPECT_FALSE(fs::exists(root_ + "/data/capacity-planner/catalog/tiny-qwen-q8_0.yaml"));
}

TEST_F(ModelFileCommand, CheckpointsArePlannedToo) {
  const std::string directory = root_ + "/Tiny-Llama";
  fs::create_directories(directory);
  std::ofstream(directory + "/config.json")
      << R"({"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 1024,
             "num_attention_heads": 16, "num_key_value_heads": 4, "intermediate_size": 3072,
             "max_position_embeddings": 8192, "torch_dtype": "bfloat16"})";
  modelfile::SafetensorsWriter writer;
  writer.Tensor("model.embed_tokens.weight", "BF16", {32'000, 1'024});
  for (int i = 0; i < 2; ++i) {
    const std::string layer = "model.layers." + std::to_string(i) + ".";
    writer.Tensor(layer + "self_attn.k_proj.weight", "BF16", {256, 1'024});
    writer.Tensor(layer + "mlp.up_proj.weight", "BF16", {3'072, 1'024});
  }
  const std::string file = directory + "/model.safetensors";
  std::ofstream(file, std::ios::binary) << writer.Header();
  ASSERT_EQ(truncate(file.c_str(), static_cast<off_t>(writer.size())), 0);
  const json fit = Parsed(Run({"fit", "--model-dir", directory + "/", "--output", "json"}));
  ASSERT_FALSE(fit["rows"].empty());
  EXPECT_EQ(fit["rows"][0]["model"], "tiny-llama");
  EXPECT_EQ(fit["rows"][0]["quant"], "bf16");
}

}  // namespace
}  // namespace capacity
