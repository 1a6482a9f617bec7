// The planner's arithmetic against what a real llama.cpp says that it needs, now and here: hollow
// models (make_hollow.py) on one device and dealt to two RPC servers.
//
// Without the chroot these tests are skipped and say how to make it (engine_test.cc);
// tests/fit/llama_cpp_test.cc makes the same comparison with what was printed once, and with many
// more shapes and loads. llama-fit-params reserves nothing, so models may be larger than this
// machine.
#include <gtest/gtest.h>
#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <regex>
#include <string>
#include <vector>

#include "planner/modelfile/describe.h"
#include "tests/e2e/llama_cpp.h"
#include "tests/e2e/support.h"
#include "tests/support/llama_cpp_memory.h"

namespace capacity {
namespace {

namespace fs = std::filesystem;
using testing::Row;

constexpr int kStartSeconds = 60;  // of a server, on a busy machine

std::vector<std::smatch> Matches(const std::string& text, const std::string& pattern) {
  const std::regex regex(pattern);
  return {std::sregex_iterator(text.begin(), text.end(), regex), std::sregex_iterator()};
}

class Memory : public ::testing::Test {
 protected:
  void SetUp() override {
    static const e2e::LlamaCpp llama_cpp = e2e::FindLlamaCpp();
    if (llama_cpp.presence == e2e::Presence::kAbsent) GTEST_SKIP() << llama_cpp.why;
    ASSERT_EQ(llama_cpp.presence, e2e::Presence::kThere) << llama_cpp.why;
    models_ = e2e::LlamaCppDirectory() + "/models/memory-" + std::to_string(getpid());
    fs::create_directories(models_);
  }
  void TearDown() override {
    if (!models_.empty()) fs::remove_all(models_);
  }

  std::string Hollow(const std::string& shape) const {
    const std::string path = models_ + "/" + shape + ".gguf";
    const e2e::Ran made = e2e::Run(e2e::Inside("python3 - " + shape + " " + path + " <" +
                                               e2e::kLlamaCppScripts + "make_hollow.py"));
    EXPECT_EQ(made.exit_code, 0) << made.err;
    return path;
  }

  // What llama-fit-params says. Its log now and then hangs at the end: then it is asked again.
  static std::string FitParams(const std::string& arguments) {
    for (int attempt = 0; attempt < 8; ++attempt) {
      const e2e::Ran ran = e2e::Run(
          e2e::Inside("timeout -s KILL 8 llama-fit-params -fit off -lv 5 " + arguments + " 2>&1"));
      if (ran.out.find("- Host") != std::string::npos) return ran.out;
    }
    ADD_FAILURE() << "llama-fit-params " << arguments << " does not answer";
    return "";
  }

  std::string models_;
};

Row RowFor(const std::string& shape, int context, int sequences) {
  return {{"shape", shape},
          {"context", std::to_string(context)},
          {"sequences", std::to_string(sequences)},
          {"flash_attention", "on"},
          {"key", "f16"},
          {"value", "f16"},
          {"micro_batch", "512"},
          {"split", "-"},
          {"device", "all"}};
}

std::string LoadArguments(const Row& row) {
  return " -c " +
         std::to_string(testing::Count(row, "context") * testing::Count(row, "sequences")) +
         " -np " + row.at("sequences");
}

// The lines of a breakdown, by device: whole MiB of weights and of caches.
struct Line {
  std::string weights;
  std::string context;
};
std::vector<Line> BreakdownIn(const std::string& log) {
  std::vector<Line> lines;
  // "|   - Host      |    393 =    281 +     0 +   112   |", and before a device's "total = free +"
  for (const std::smatch& line :
       Matches(log, R"(\|   - \S+[^|]*\|[^|\n]*?\d+ = +(\d+) \+ +(\d+) \+ +(\d+))")) {
    lines.push_back({line.str(1), line.str(2)});
  }
  return lines;
}

TEST_F(Memory, OfOneDeviceIsWhatLlamaCppSays) {
  const std::string shapes[] = {"llama-8b",    "gemma-2b",         "gemma3-4b",   "qwen3-30b-a3b",
                                "gpt-oss-20b", "deepseek-v2-lite", "qwen3-next",  "granite-4-tiny",
                                "qwen1.5-moe", "nemotron-nano",    "command-r7b", "exaone4-32b"};
  testing::Errors errors;
  for (const std::string& shape : shapes) {
    const std::string path = Hollow(shape);
    const auto model = modelfile::DescribeFile(path, shape, {});
    ASSERT_TRUE(model.ok()) << model.status();
    for (const auto& [context, sequences] : {std::pair(2048, 4), std::pair(131072, 1)}) {
      Row row = RowFor(shape, context, sequences);
      const std::string log = FitParams("-nr -m " + path + LoadArguments(row));
      const std::vector<Line> lines = BreakdownIn(log);
      ASSERT_EQ(lines.size(), 1u) << log.substr(log.size() > 2000 ? log.size() - 2000 : 0);
      row["model_mib"] = lines[0].weights;
      double cache = 0;
      for (const std::smatch& size : Matches(log, R"(llama_kv_cache: size = +([0-9.]+) MiB)")) {
        cache += std::stod(size.str(1));
      }
      double state = 0;
      for (const std::smatch& size :
           Matches(log, R"(llama_memory_recurrent: size = +([0-9.]+) MiB)")) {
        state += std::stod(size.str(1));
      }
      row["kv_mib"] = std::to_string(cache);
      row["state_mib"] = std::to_string(state);
      for (const std::smatch& size : Matches(log, R"(compute buffer size = +([0-9.]+) MiB)")) {
        row["compute_mib"] = size.str(1);
      }
      testing::Compare(*model, row, errors);
    }
  }
  EXPECT_EQ(errors.total.size(), 24u);
  testing::Print("one device", errors);
}

TEST_F(Memory, OfEveryDeviceOfASplitIsWhatLlamaCppSays) {
  const std::string server = e2e::RpcServerInside();
  ASSERT_NE(server, "") << "no ggml-rpc-server in the chroot";
  std::vector<std::unique_ptr<e2e::Program>> servers;
  std::string addresses;
  for (int i = 0; i < 2; ++i) {
    const std::string port = std::to_string(e2e::FreePort());
    const std::string log = models_ + "/rpc-" + std::to_string(i) + ".log";
    servers.push_back(
        std::make_unique<e2e::Program>(e2e::Inside(server + " -H 127.0.0.1 -t 1 -p " + port), log));
    ASSERT_TRUE(servers.back()->Says("transport", kStartSeconds)) << e2e::ReadFile(log);
    addresses += (addresses.empty() ? "" : ",") + ("127.0.0.1:" + port);
  }
  testing::Errors errors;
  for (const std::string shape :
       {"llama-8b", "gemma3-4b", "gpt-oss-20b", "deepseek-v2-lite", "qwen3-next", "mamba2-2.7b"}) {
    const std::string path = Hollow(shape);
    const auto model = modelfile::DescribeFile(path, shape, {});
    ASSERT_TRUE(model.ok()) << model.status();
    for (const auto& [context, sequences] : {std::pair(8192, 4), std::pair(131072, 1)}) {
      Row row = RowFor(shape, context, sequences);
      row["split"] = "2:1";
      const std::string log =
          FitParams("-ngl 99 -ts 2,1 --rpc " + addresses + " -m " + path + LoadArguments(row));
      const std::vector<Line> lines = BreakdownIn(log);
      const auto buffers =
          Matches(log, R"(sched_reserve: +\S+ compute buffer size = +([0-9.]+) MiB)");
      ASSERT_GE(lines.size(), 3u) << log.substr(log.size() > 2000 ? log.size() - 2000 : 0);
      ASSERT_EQ(buffers.size(), 3u);
      for (std::size_t i = 0; i < buffers.size(); ++i) {
        row["device"] = i == 2 ? "host" : std::to_string(i);
        row["model_mib"] = lines[i].weights;
        row["context_mib"] = lines[i].context;
        row["compute_mib"] = buffers[i].str(1);
        testing::Compare(*model, row, errors);
      }
    }
  }
  EXPECT_EQ(errors.total.size(), 36u);
  testing::Print("a split", errors);
}

}  // namespace
}  // namespace capacity
