// The memory of llama.cpp as worked out from a model's file, against what llama.cpp itself printed.
//
// tests/fit/data/llama_cpp holds both, so that the comparison needs no llama.cpp: the files of
// tests/e2e/llama_cpp/make_hollow.py without their holes (models.csv has the whole size and whether
// the formulas were found with that shape), and memory.csv, in MiB as llama.cpp prints them:
//
//   llama-fit-params -m SHAPE.gguf -fit off -lv 5 -c (context x sequences) -np SEQUENCES
//     -ctk KEY -ctv VALUE -ub MICRO_BATCH [-fa off] [-ngl 99 --rpc A,B[,C] -ts SPLIT]
//
// of llama.cpp 0.7.0, build 11669 (Debian 1:0.7.0+dfsg-2) on processors alone (device "all") and
// with two or three ggml-rpc-server (devices 0, 1, 2 and "host"). The breakdown is in whole MiB,
// rounded down; "KV size", "RS size" and "compute buffer size" are exact to 0.01. With
// CAPACITY_PRINT_ERRORS=1 the errors of every shape are printed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "planner/fit/engine_memory.h"
#include "planner/modelfile/describe.h"

namespace capacity::fit {
namespace {

const std::string kData = CAPACITY_SOURCE_DIR "/tests/fit/data/llama_cpp/";
constexpr double kMib = 1048576;

std::vector<std::string> Split(const std::string& line, char separator) {
  std::vector<std::string> parts;
  std::stringstream in(line);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

// The rows of a CSV file, by the names of its first line.
std::vector<std::map<std::string, std::string>> ReadCsv(const std::string& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in.is_open()) << path;
  std::string line;
  std::getline(in, line);
  const std::vector<std::string> names = Split(line, ',');
  std::vector<std::map<std::string, std::string>> rows;
  while (std::getline(in, line)) {
    const std::vector<std::string> cells = Split(line, ',');
    auto& row = rows.emplace_back();
    for (std::size_t i = 0; i < names.size(); ++i) row[names[i]] = i < cells.size() ? cells[i] : "";
  }
  return rows;
}

struct Shape {
  std::string name;
  bool unseen = false;
  catalog::Catalog catalog;
  modelfile::Description description;
};

// The file as it was: its header and a hole.
modelfile::Description Describe(const std::string& name, std::uintmax_t bytes) {
  const std::string path = ::testing::TempDir() + "capacity-hollow-" + name + "-" +
                           std::to_string(getpid()) + ".gguf";
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
      Shape shape{row.at("shape"), row.at("use") == "unseen", {}, {}};
      shape.description = Describe(shape.name, std::stoull(row.at("bytes")));
      const absl::Status added = modelfile::AddTo(shape.description, shape.catalog);
      EXPECT_TRUE(added.ok()) << shape.name << ": " << added;
      all->push_back(std::move(shape));
    }
    return all;
  }();
  return shapes;
}

double BitsOf(const std::string& type) {
  if (type == "q8_0") return 8.5;
  if (type == "q4_0") return 4.5;
  return 16;
}

using Row = std::map<std::string, std::string>;
double Number(const Row& row, const std::string& name) {
  const std::string& text = row.at(name);
  return text.empty() ? 0 : std::stod(text);
}
int Count(const Row& row, const std::string& name) { return static_cast<int>(Number(row, name)); }

EngineMemory MemoryOf(const Shape& shape, const Row& row) {
  EngineSettings settings;
  settings.context_tokens = Count(row, "context");
  settings.key_bits = BitsOf(row.at("key"));
  settings.value_bits = BitsOf(row.at("value"));
  settings.micro_batch = Count(row, "micro_batch");
  settings.flash_attention = row.at("flash_attention") == "on";
  const auto memory = EngineMemory::Make(shape.catalog, *shape.catalog.FindModel(shape.name),
                                         shape.description.quant, settings);
  EXPECT_TRUE(memory.ok()) << shape.name << ": " << memory.status();
  return *memory;
}

// llama.cpp deals the layers and the output by cumulated proportions.
Stage StageOf(int layers, const std::vector<double>& proportions, int device) {
  double all = 0;
  for (const double proportion : proportions) all += proportion;
  std::vector<int> dealt(proportions.size(), 0);
  for (int i = 0; i < layers; ++i) {
    double until = 0;
    for (std::size_t d = 0; d < proportions.size(); ++d) {
      until += proportions[d] / all;
      if (static_cast<double>(i) / (layers + 1) < until) {
        ++dealt[d];
        break;
      }
    }
  }
  Stage stage{0, dealt[static_cast<std::size_t>(device)], device, 1,
              static_cast<int>(proportions.size())};
  for (int d = 0; d < device; ++d) stage.first_layer += dealt[static_cast<std::size_t>(d)];
  return stage;
}

Demand OursFor(const EngineMemory& memory, const Row& row) {
  const int sequences = Count(row, "sequences");
  if (row.at("device") == "all") return memory.Alone(sequences);
  std::vector<double> proportions;
  for (const std::string& part : Split(row.at("split"), ':')) {
    proportions.push_back(std::stod(part));
  }
  if (row.at("device") == "host") {
    return memory.Host(static_cast<int>(proportions.size()), sequences);
  }
  return memory.Devices(StageOf(memory.layers(), proportions, Count(row, "device")), sequences);
}

struct Errors {
  std::vector<double> weights, cache, buffers, total;
  void Sort() {
    for (auto* list : {&weights, &cache, &buffers, &total}) std::sort(list->begin(), list->end());
  }
};
double Most(const std::vector<double>& sorted) { return sorted.empty() ? 0 : sorted.back(); }
double Median(const std::vector<double>& sorted) {
  return sorted.empty() ? 0 : sorted[sorted.size() / 2];
}

// |ours / theirs - 1|, nothing where what was rounded away explains it.
double Error(Bytes ours, double theirs_mib, double rounding_mib) {
  const double off = static_cast<double>(ours.count) / kMib - theirs_mib;
  const double beyond = std::max({off - rounding_mib, -off, 0.0});
  return theirs_mib > 0 ? beyond / theirs_mib : beyond;
}

std::string Words(const Row& row) {
  std::string words;
  for (const char* name : {"shape", "context", "sequences", "flash_attention", "key", "value",
                           "micro_batch", "split", "device"}) {
    words += row.at(name) + " ";
  }
  return words;
}

constexpr double kWeightsWithin = 0.005;
constexpr double kCacheWithin = 0.01;
constexpr double kTotalWithin = 0.05;

void Compare(const Shape& shape, const Row& row, Errors& errors) {
  const Demand ours = OursFor(MemoryOf(shape, row), row);
  const bool alone = row.at("device") == "all";
  const double rounding = 0.01;
  // Of a device the breakdown has whole MiB; alone it has two lines of weights.
  const double weights = Error(ours.weights, Number(row, "model_mib"), alone ? 2 : 1);
  const double cached =
      alone ? Number(row, "kv_mib") + Number(row, "state_mib") : Number(row, "context_mib");
  const double cache =
      Error(ours.kv_cache + ours.recurrent_state, cached, alone ? 2 * rounding : 1);
  const double buffers = Error(ours.compute_buffers, Number(row, "compute_mib"), rounding);
  const double total = Error(
      ours.weights + ours.kv_cache + ours.recurrent_state + ours.compute_buffers,
      Number(row, "model_mib") + cached + Number(row, "compute_mib"), alone ? 2 : 2);
  EXPECT_LE(weights, kWeightsWithin) << Words(row) << "ours " << ours.weights.count / kMib;
  EXPECT_LE(cache, kCacheWithin) << Words(row) << "ours "
                                 << (ours.kv_cache + ours.recurrent_state).count / kMib
                                 << " theirs " << cached;
  EXPECT_LE(total, kTotalWithin) << Words(row) << "ours: buffers "
                                 << ours.compute_buffers.count / kMib << " theirs "
                                 << row.at("compute_mib") << ", their weights "
                                 << row.at("model_mib") << ", cache " << cached;
  errors.weights.push_back(weights);
  errors.cache.push_back(cache);
  errors.buffers.push_back(buffers);
  errors.total.push_back(total);
}

void Print(const std::string& name, Errors& errors) {
  errors.Sort();
  if (std::getenv("CAPACITY_PRINT_ERRORS") == nullptr) return;
  std::printf("| %s | %zu | %.2f | %.2f | %.1f / %.1f | %.2f / %.1f |\n", name.c_str(),
              errors.total.size(), 100 * Most(errors.weights), 100 * Most(errors.cache),
              100 * Median(errors.buffers), 100 * Most(errors.buffers), 100 * Median(errors.total),
              100 * Most(errors.total));
}

TEST(LlamaCppMemory, IsWhatLlamaCppPrints) {
  const auto rows = ReadCsv(kData + "memory.csv");
  ASSERT_GE(Shapes().size(), 20u);
  ASSERT_GE(rows.size(), 1000u);
  Errors seen;
  Errors unseen;
  for (const Shape& shape : Shapes()) {
    Errors errors;
    for (const Row& row : rows) {
      if (row.at("shape") == shape.name) Compare(shape, row, errors);
    }
    EXPECT_GE(errors.total.size(), 30u) << shape.name;
    Errors& all = shape.unseen ? unseen : seen;
    for (auto list : {&Errors::weights, &Errors::cache, &Errors::buffers, &Errors::total}) {
      (all.*list).insert((all.*list).end(), (errors.*list).begin(), (errors.*list).end());
    }
    Print(shape.name, errors);
  }
  Print("the shapes the formulas come from", seen);
  Print("the shapes they had not seen", unseen);
}

}  // namespace
}  // namespace capacity::fit
