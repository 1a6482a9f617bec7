// What was launched, kept so that `planner status` can compare it with what runs.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "planner/launch/launch.h"

namespace capacity::launch {

// One launch that was carried out.
struct Record {
  std::string engine;    // "llama.cpp", "exo"
  std::string model;     // catalogue id
  std::string quant;     // catalogue id
  std::string strategy;  // "single", "tensor", "pipeline"
  std::string url;       // of the engine's API; with the model the key
  std::string file;      // llama.cpp; empty: not stated
  std::string source;    // EXO's name of the model
  std::string kv_type;
  int context_tokens = 0;  // of one stream
  int streams = 1;
  int layers = 0;
  std::vector<Share> shares;
  std::vector<std::string> engine_nodes;  // EXO's id of each share's node; empty: another engine
  std::string instance;                   // EXO's id; empty: another engine
  bool own_split = true;                  // false: the engine chose the split itself
  int process = 0;                        // id of the server that was started here; 0: none
  std::string host;                       // name of the machine of that process; empty: not kept
  bool starting = false;                  // it was not ready yet when this was kept
  std::string log;                        // what that server said
  std::string applied_at;                 // "2026-11-23T01:30:00Z"

  friend bool operator==(const Record&, const Record&) = default;
};

// What a plan asks for, before anything runs.
Record RecordOf(const LaunchPlan& plan);

std::string RecordsJson(const std::vector<Record>& records);
// InvalidArgument when it is no such text. Records that are not understood are left out.
absl::StatusOr<std::vector<Record>> ReadRecords(std::string_view text);

// `records` with `record` in place of the one of the same URL and model.
std::vector<Record> WithRecord(std::vector<Record> records, Record record);

}  // namespace capacity::launch
