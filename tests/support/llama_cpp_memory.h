// One line of what llama.cpp printed about its memory, and what the planner says to it.
//
// Used by tests/fit (with what was printed once) and tests/e2e (with what is printed now). A row
// has the columns of tests/fit/data/llama_cpp/memory.csv.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "planner/fit/engine_memory.h"
#include "planner/modelfile/describe.h"

namespace capacity::testing {

using Row = std::map<std::string, std::string>;
inline constexpr double kMib = 1048576;

inline std::vector<std::string> SplitAt(const std::string& line, char separator) {
  std::vector<std::string> parts;
  std::stringstream in(line);
  for (std::string part; std::getline(in, part, separator);) parts.push_back(part);
  return parts;
}

inline double BitsOf(const std::string& type) {
  if (type == "q8_0") return 8.5;
  if (type == "q4_0") return 4.5;
  return 16;
}

inline double Number(const Row& row, const std::string& name) {
  const std::string& text = row.at(name);
  return text.empty() ? 0 : std::stod(text);
}
inline int Count(const Row& row, const std::string& name) {
  return static_cast<int>(Number(row, name));
}

// The model that a file describes, started as `row` says.
inline fit::EngineMemory MemoryOf(const modelfile::Description& description, const Row& row) {
  catalog::Catalog catalog;
  const absl::Status added = modelfile::AddTo(description, catalog);
  EXPECT_TRUE(added.ok()) << description.path << ": " << added;
  fit::EngineSettings settings;
  settings.context_tokens = Count(row, "context");
  settings.key_bits = BitsOf(row.at("key"));
  settings.value_bits = BitsOf(row.at("value"));
  settings.micro_batch = Count(row, "micro_batch");
  settings.flash_attention = row.at("flash_attention") == "on";
  // What the memory refers to is the description's own model, which outlives it.
  const auto memory =
      fit::EngineMemory::Make(catalog, description.model, description.quant, settings);
  EXPECT_TRUE(memory.ok()) << description.path << ": " << memory.status();
  return *memory;
}

// llama.cpp deals the layers and the output by cumulated proportions.
inline fit::Stage StageOf(int layers, const std::vector<double>& proportions, int device) {
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
  fit::Stage stage{0, dealt[static_cast<std::size_t>(device)], device, 1,
                   static_cast<int>(proportions.size())};
  for (int d = 0; d < device; ++d) stage.first_layer += dealt[static_cast<std::size_t>(d)];
  return stage;
}

inline fit::Demand OursFor(const fit::EngineMemory& memory, const Row& row) {
  const int sequences = Count(row, "sequences");
  if (row.at("device") == "all") return memory.Alone(sequences);
  std::vector<double> proportions;
  for (const std::string& part : SplitAt(row.at("split"), ':')) {
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
inline double Most(const std::vector<double>& sorted) { return sorted.empty() ? 0 : sorted.back(); }
inline double Median(const std::vector<double>& sorted) {
  return sorted.empty() ? 0 : sorted[sorted.size() / 2];
}

// |ours / theirs - 1|, nothing where what was rounded away explains it.
inline double Error(Bytes ours, double theirs_mib, double rounding_mib) {
  const double off = static_cast<double>(ours.count) / kMib - theirs_mib;
  const double beyond = std::max({0.0, off - rounding_mib, -off});
  return theirs_mib > 0 ? beyond / theirs_mib : beyond;
}

inline std::string Words(const Row& row) {
  std::string words;
  for (const char* name : {"shape", "context", "sequences", "flash_attention", "key", "value",
                           "micro_batch", "split", "device"}) {
    words += row.at(name) + " ";
  }
  return words;
}

inline constexpr double kWeightsWithin = 0.005;
inline constexpr double kCacheWithin = 0.01;
inline constexpr double kTotalWithin = 0.05;

inline void Compare(const modelfile::Description& description, const Row& row, Errors& errors) {
  const fit::Demand ours = OursFor(MemoryOf(description, row), row);
  const bool alone = row.at("device") == "all";
  const double rounding = 0.01;
  const double weights = Error(ours.weights, Number(row, "model_mib"), 1);
  const double cached =
      alone ? Number(row, "kv_mib") + Number(row, "state_mib") : Number(row, "context_mib");
  const double cache =
      Error(ours.kv_cache + ours.recurrent_state, cached, alone ? 2 * rounding : 1);
  const double buffers = Error(ours.compute_buffers, Number(row, "compute_mib"), rounding);
  const double total =
      Error(ours.weights + ours.kv_cache + ours.recurrent_state + ours.compute_buffers,
            Number(row, "model_mib") + cached + Number(row, "compute_mib"), 2);
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

inline void Print(const std::string& name, Errors& errors) {
  errors.Sort();
  if (std::getenv("CAPACITY_PRINT_ERRORS") == nullptr) return;
  std::printf("| %s | %zu | %.2f | %.2f | %.1f / %.1f | %.2f / %.1f |\n", name.c_str(),
              errors.total.size(), 100 * Most(errors.weights), 100 * Most(errors.cache),
              100 * Median(errors.buffers), 100 * Most(errors.buffers), 100 * Median(errors.total),
              100 * Most(errors.total));
}

}  // namespace capacity::testing
