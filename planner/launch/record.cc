#include "planner/launch/record.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "planner/launch/answers_json.h"

namespace capacity::launch {
namespace {

using nlohmann::json;
using Json = nlohmann::ordered_json;

constexpr std::size_t kMostRecords = 1'000;
constexpr std::size_t kLongestPath = 4096;  // bytes
constexpr std::int64_t kMostCount = 1'000'000'000;

int NumberAt(const json& object, std::string_view key) {
  return static_cast<int>(CountAt(object, key, kMostCount).value_or(0));
}

Record ReadRecord(const json& entry) {
  Record record;
  record.engine = TextAt(entry, "engine");
  record.model = TextAt(entry, "model");
  record.quant = TextAt(entry, "quant");
  record.strategy = TextAt(entry, "strategy");
  record.url = TextAt(entry, "url");
  record.file = TextAt(entry, "file", kLongestPath);
  record.source = TextAt(entry, "source");
  record.kv_type = TextAt(entry, "kv_type");
  record.context_tokens = NumberAt(entry, "context_tokens");
  record.streams = NumberAt(entry, "streams");
  record.layers = NumberAt(entry, "layers");
  record.instance = TextAt(entry, "instance");
  const json& own_split = Member(entry, "own_split");
  record.own_split = !own_split.is_boolean() || own_split.get<bool>();
  record.process = NumberAt(entry, "process");
  record.host = TextAt(entry, "host");
  const json& starting = Member(entry, "starting");
  record.starting = starting.is_boolean() && starting.get<bool>();
  record.log = TextAt(entry, "log", kLongestPath);
  record.applied_at = TextAt(entry, "applied_at");
  const json& shares = Member(entry, "shares");
  if (!shares.is_array()) return record;
  for (const json& share : shares) {
    record.shares.push_back(
        {TextAt(share, "node"), NumberAt(share, "first_layer"), NumberAt(share, "layers")});
    if (record.engine == "exo") record.engine_nodes.push_back(TextAt(share, "engine_node"));
  }
  return record;
}

Json RecordJson(const Record& record) {
  Json shares = Json::array();
  for (std::size_t i = 0; i < record.shares.size(); ++i) {
    const Share& share = record.shares[i];
    Json one = {{"node", share.node}, {"first_layer", share.first_layer}, {"layers", share.layers}};
    if (i < record.engine_nodes.size()) one["engine_node"] = record.engine_nodes[i];
    shares.push_back(std::move(one));
  }
  return {{"engine", record.engine},
          {"model", record.model},
          {"quant", record.quant},
          {"strategy", record.strategy},
          {"url", record.url},
          {"file", record.file},
          {"source", record.source},
          {"kv_type", record.kv_type},
          {"context_tokens", record.context_tokens},
          {"streams", record.streams},
          {"layers", record.layers},
          {"shares", shares},
          {"instance", record.instance},
          {"own_split", record.own_split},
          {"process", record.process},
          {"host", record.host},
          {"starting", record.starting},
          {"log", record.log},
          {"applied_at", record.applied_at}};
}

}  // namespace

Record RecordOf(const LaunchPlan& plan) {
  Record record;
  record.engine = catalog::Name(plan.engine);
  record.model = plan.model;
  record.quant = plan.quant;
  record.strategy = throughput::Name(plan.strategy);
  record.url = absl::StrCat("http://", ToString(plan.api));
  record.file = plan.file;
  record.source = plan.source;
  record.kv_type = plan.kv_type;
  record.context_tokens = plan.context_tokens;
  record.streams = plan.streams;
  record.layers = plan.layers;
  record.shares = plan.shares;
  return record;
}

std::string RecordsJson(const std::vector<Record>& records) {
  Json list = Json::array();
  for (const Record& record : records) list.push_back(RecordJson(record));
  return Json{{"schema", "capacity-planner/launches/v1"}, {"launches", list}}.dump(
             2, ' ', false, json::error_handler_t::replace) +
         "\n";
}

absl::StatusOr<std::vector<Record>> ReadRecords(std::string_view text) {
  const absl::StatusOr<json> whole = ParseAnswer(text, "the record of launches");
  if (!whole.ok()) return whole.status();
  const json& list = Member(*whole, "launches");
  if (!list.is_array() || TextAt(*whole, "schema") != "capacity-planner/launches/v1") {
    return absl::InvalidArgumentError("no record of launches");
  }
  std::vector<Record> records;
  for (const json& entry : list) {
    if (records.size() >= kMostRecords) break;
    Record record = ReadRecord(entry);
    if (!record.engine.empty() && !record.url.empty()) records.push_back(std::move(record));
  }
  return records;
}

std::vector<Record> WithRecord(std::vector<Record> records, Record record) {
  const auto same = std::find_if(records.begin(), records.end(), [&](const Record& one) {
    return one.url == record.url && one.model == record.model;
  });
  if (same != records.end()) {
    *same = std::move(record);
  } else {
    records.push_back(std::move(record));
  }
  return records;
}

}  // namespace capacity::launch
