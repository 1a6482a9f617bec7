// The memory of llama.cpp as worked out from a model's file, against what llama.cpp itself printed.
//
// tests/fit/data/llama_cpp holds both, so that the comparison needs no llama.cpp: the files of
// tests/e2e/llama_cpp/make_hollow.py without their holes (models.csv has the whole size and whether
// the formulas were found with that shape), and memory.csv, in MiB as llama.cpp prints them:
//
//   llama-fit-params -m SHAPE.gguf -fit off -lv 5 -c (context x sequences) -np SEQUENCES
//     -ctk KEY -ctv VALUE -ub MICRO_BATCH [-fa off] [-ngl 99 --rpc A,B[,C] -ts SPLIT]
//
// of llama.cpp 0.7.0, build 11669 (Debian 1:0.7.0+dfsg-2), on processors alone (device "all"; with
// -nr: a second copy of a tied table, repacked for processors, is nothing that an accelerator has)
// and with two or three ggml-rpc-server (devices 0, 1, 2 and "host"). The breakdown is in whole
// MiB, rounded down; "KV size", "RS size" and "compute buffer size" are exact to 0.01. With
// CAPACITY_PRINT_ERRORS=1 the errors of every shape are printed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "planner/modelfile/describe.h"
#include "tests/support/llama_cpp_memory.h"

namespace capacity::fit {
namespace {

const std::string kData = CAPACITY_SOURCE_DIR "/tests/fit/data/llama_cpp/";
// The rows of a CSV file, by the names of its first line.
std::vector<testing::Row> ReadCsv(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in.is_open()) << path;
  std::string line;
  std::getline(in, line);
  const std::vector<std::string> names = testing::SplitAt(line, ',');
  std::vector<testing::Row> rows;
  while (std::getline(in, line)) {
    const std::vector<std::string> cells = testing::SplitAt(line, ',');
    auto& row = rows.emplace_back();
    for (std::size_t i = 0; i < names.size(); ++i) row[names[i]] = i < cells.size() ? cells[i] : "";
  }
  return rows;
}

struct Shape {
  std::string name;
  bool unseen = false;
  modelfile::Description description;
};

// The file as it was: its header and a hole.
modelfile::Description Describe(const std::string& name, std::uintmax_t bytes) {
  const std::string path =
      ::testing::TempDir() + "capacity-hollow-" + name + "-" + std::to_string(getpid()) + ".gguf";
  std::filesystem::copy_file(kData + name + ".gguf", path,
                             std::filesystem::copy_options::overwrite_existing);
  std::filesystem::resize_file(path, bytes);
  const auto described = modelfile::DescribeFile(path, name, {});
  std::filesystem::remove(path);
  EXPECT_TRUE(described.ok()) << described.status();
  return described.ok() ? *described : modelfile::Description{};
}

const std::vector<Shape>& Shapes() {
  static const auto& shapes = *[] {
    auto* all = new std::vector<Shape>();
    for (const auto& row : ReadCsv(kData + "models.csv")) {
      all->push_back({row.at("shape"), row.at("use") == "unseen",
                      Describe(row.at("shape"), std::stoull(row.at("bytes")))});
    }
    return all;
  }();
  return shapes;
}

TEST(LlamaCppMemory, IsWhatLlamaCppPrints) {
  const auto rows = ReadCsv(kData + "memory.csv");
  ASSERT_GE(Shapes().size(), 20u);
  ASSERT_GE(rows.size(), 1000u);
  testing::Errors seen;
  testing::Errors unseen;
  for (const Shape& shape : Shapes()) {
    testing::Errors errors;
    for (const testing::Row& row : rows) {
      if (row.at("shape") == shape.name) testing::Compare(shape.description, row, errors);
    }
    EXPECT_GE(errors.total.size(), 30u) << shape.name;
    testing::Errors& all = shape.unseen ? unseen : seen;
    for (auto list : {&testing::Errors::weights, &testing::Errors::cache, &testing::Errors::buffers,
                      &testing::Errors::total}) {
      (all.*list).insert((all.*list).end(), (errors.*list).begin(), (errors.*list).end());
    }
    testing::Print(shape.name, errors);
  }
  testing::Print("the shapes the formulas come from", seen);
  testing::Print("the shapes they had not seen", unseen);
}

}  // namespace
}  // namespace capacity::fit
