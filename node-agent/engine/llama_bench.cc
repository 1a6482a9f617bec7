#include "node-agent/engine/llama_bench.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <ctime>
#include <map>
#include <optional>
#include <set>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "node-agent/engine/json_fields.h"
#include "node-agent/engine/statistics.h"
#include "node-agent/probe/text.h"

namespace capacity::engine {
namespace {

using agent::Rate;
using agent::SpeedMeasurement;
using nlohmann::json;

constexpr std::size_t kMostRows = 10'000;
constexpr std::size_t kMostSamples = 10'000;
// One standard deviation of both sides then spans a factor of 1.5.
constexpr double kUnevenShare = 0.2;

// A row apart from what it measured: rows with equal settings may be paired.
struct Row {
  std::string settings;
  std::uint64_t prompt = 0;
  std::uint64_t generate = 0;
  std::uint64_t depth = 0;
  Rate rate;
  std::uint32_t repeats = 1;
  bool uneven = false;      // the mean says little
  SpeedMeasurement common;  // engine, model, version, cache type
};

bool IsResult(const std::string& key) {
  static const std::set<std::string> kResults = {"n_prompt",  "n_gen",      "test_time",
                                                 "avg_ns",    "stddev_ns",  "avg_ts",
                                                 "stddev_ts", "samples_ns", "samples_ts"};
  return kResults.count(key) > 0;
}

std::string SettingsOf(const json& row) {
  std::string settings;
  for (const auto& [key, value] : row.items()) {
    if (IsResult(key)) continue;
    absl::StrAppend(&settings, key, "=", value.dump(-1, ' ', true, json::error_handler_t::replace),
                    "\n");
  }
  return settings;
}

// "gpt-oss 20B MXFP4 MoE" -> "MXFP4 MoE": the name of the file type, which llama.cpp puts last.
std::string QuantIn(std::string_view model_type) {
  const std::vector<std::string_view> words = probe::Words(model_type);
  for (std::size_t i = 1; i < words.size(); ++i) {
    const std::string_view word = words[i];
    const bool quantized =
        word.size() > 1 &&
        (word[0] == 'Q' || word.substr(0, 2) == "IQ" || word.substr(0, 2) == "TQ") &&
        word.find_first_of("0123456789") != std::string_view::npos;
    static constexpr std::array<std::string_view, 7> kPlain = {"F16",   "F32",   "BF16", "MXFP4",
                                                               "NVFP4", "MXFP6", "all"};
    if (quantized || std::find(kPlain.begin(), kPlain.end(), word) != kPlain.end()) {
      return std::string(
          model_type.substr(static_cast<std::size_t>(word.data() - model_type.data())));
    }
  }
  return "";
}

// "2025-04-24T11:58:50Z"; 0 when it is none.
std::int64_t UnixMs(const std::string& text) {
  std::tm time = {};
  const char* const end = strptime(text.c_str(), "%Y-%m-%dT%H:%M:%SZ", &time);
  if (end == nullptr || *end != '\0') return 0;
  return std::max<std::int64_t>(0, static_cast<std::int64_t>(timegm(&time))) * 1000;
}

std::vector<double> Samples(const Fields& row) {
  const json& list = row.Raw("samples_ts");
  std::vector<double> samples;
  if (list.is_null()) return samples;
  if (!list.is_array() || list.size() > kMostSamples) {
    row.Complain("samples_ts", "is not a list of speeds");
    return samples;
  }
  for (const json& value : list) {
    const double sample = value.is_number() ? value.get<double>() : -1;
    if (!std::isfinite(sample) || sample <= 0 || sample > kMostTokensPerSecond) {
      row.Complain("samples_ts", "holds something that is not a speed above 0");
      return {};
    }
    samples.push_back(sample);
  }
  return samples;
}

void ReadRate(const Fields& fields, Row& row) {
  const std::vector<double> samples = Samples(fields);
  if (!samples.empty()) {
    row.rate = RateOver(samples);
    row.repeats = static_cast<std::uint32_t>(samples.size());
    return;
  }
  const double mean = fields.NeededPositive("avg_ts", kMostTokensPerSecond);
  const double deviation = fields.Number("stddev_ts", kMostTokensPerSecond).value_or(0);
  row.rate = {mean, std::max(0.0, mean - deviation), mean + deviation};
  row.uneven = deviation > kUnevenShare * mean;
}

// Devices over RPC go by their address: "192.168.1.7:50052, NVIDIA GB10" has one, and so has
// "RPC0[192.168.1.7:50052]".
std::vector<std::string> RpcDevicesIn(const std::string& gpu_info) {
  std::vector<std::string> peers;
  for (const std::string_view part : probe::Split(gpu_info, ',')) {
    std::string_view name = probe::Trim(part);
    if (probe::StartsWith(name, "RPC") && name.find('[') != std::string_view::npos) {
      name = name.substr(name.find('[') + 1);
      name = name.substr(0, name.rfind(']'));
    }
    const std::size_t colon = name.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || name.find(' ') != std::string_view::npos) {
      continue;
    }
    const auto port = probe::ParseWhole(name.substr(colon + 1));
    if (port && *port > 0 && *port < 65'536) peers.emplace_back(name);
  }
  return peers;
}

// How many devices took part: those that were named ("CUDA0/CUDA1"), else all that there are.
std::size_t DevicesIn(const Fields& fields) {
  const std::string named = fields.Text("devices", 4096);
  if (!named.empty() && named != "auto") return probe::Split(named, '/').size();
  const std::string present = fields.Text("gpu_info", 4096);
  return present.empty() ? 0 : probe::Split(present, ',').size();
}

// Over RPC llama.cpp splits as on several cards: layers one after the other, or each layer's rows.
std::string StrategyOf(const Fields& fields, const std::vector<std::string>& peers) {
  const std::string split_mode = fields.Text("split_mode");
  if (split_mode == "none" || (peers.empty() && DevicesIn(fields) < 2)) return "single";
  return split_mode == "row" || split_mode == "tensor" ? "tensor" : "pipeline";
}

// Whether this build has an accelerator to work with, here or over RPC. Builds before 2025 say it
// with a field for each kind.
bool HasAccelerator(const Fields& fields) {
  if (!fields.Text("gpu_info", 4096).empty() || fields.Raw("gpu_blas") == true) return true;
  static const std::set<std::string_view> kProcessor = {"CPU", "BLAS", "RPC", "ZenDNN", ""};
  const std::string backends = fields.Text("backends");
  const std::vector<std::string_view> names = probe::Split(backends, ',');
  return std::any_of(names.begin(), names.end(), [](std::string_view name) {
    return kProcessor.count(probe::Trim(name)) == 0;
  });
}

// What was left to the processor although there is an accelerator. A negative count of layers means
// all of them, and so does 99, the default for years; how many a model has is not said.
void JudgeOffload(const Fields& fields, SpeedMeasurement& common) {
  if (!HasAccelerator(fields)) return;
  constexpr double kAllLayers = 99;
  std::vector<std::string> left;
  const json& layers = fields.Raw("n_gpu_layers");
  const double count = layers.is_number() ? layers.get<double>() : kAllLayers;
  if (count == 0 || fields.Text("devices", 4096) == "none") {
    left.emplace_back("all layers (n_gpu_layers 0)");
  } else if (count > 0 && count < kAllLayers) {
    left.push_back(absl::StrCat("perhaps all but ", count, " layers (n_gpu_layers)"));
  }
  if (fields.Number("n_cpu_moe", kMostTokens).value_or(0) > 0) {
    left.emplace_back("experts (n_cpu_moe)");
  }
  if (fields.Raw("no_kv_offload") == true) left.emplace_back("the cache (no_kv_offload)");
  const std::string overrides = fields.Text("tensor_buft_overrides");
  if (!overrides.empty() && overrides != "none") {
    left.emplace_back("tensors (tensor_buft_overrides)");
  }
  if (fields.Number("fit_target", kMostBytes).value_or(0) > 0) {
    left.emplace_back("what did not fit (fit_target)");
  }
  if (left.empty()) return;
  common.not_comparable.push_back(
      absl::StrCat("the processor was left ", probe::Listed(left), ", beside the accelerator"));
}

SpeedMeasurement CommonOf(const Fields& fields) {
  SpeedMeasurement common;
  common.engine = "llama.cpp";
  common.source = "llama-bench";
  const std::string number = fields.Text("build_number");
  const std::string commit = fields.Text("build_commit");
  if (!number.empty()) common.engine_version = absl::StrCat("b", number);
  if (!commit.empty() && commit != "unknown") {
    absl::StrAppend(&common.engine_version, number.empty() ? "" : " ", "(", commit, ")");
  }
  // The file's name says which model it is, the type ("llama 8B Q4_K - Medium") only its kind. Only
  // its own name: the folders before it are the user's.
  const std::string type = fields.Text("model_type");
  const std::string path = fields.Text("model_filename", 4096);
  common.quant_name = QuantIn(type);
  common.model_name = probe::Clean(path.substr(path.find_last_of("/\\") + 1));
  if (common.model_name.empty()) common.model_name = type;
  if (common.model_name.empty()) fields.Complain("model_type", "is missing");
  common.model_bytes = fields.Count("model_size", kMostBytes);
  common.model_parameters = fields.Count("model_n_params", kMostParameters);
  const std::string keys = fields.Text("type_k");
  const std::string values = fields.Text("type_v");
  common.kv_type = keys == values || values.empty() ? keys : absl::StrCat(keys, "/", values);
  common.peers = RpcDevicesIn(fields.Text("gpu_info", 4096));
  // Builds before 2025 name the servers that they were told of, and no device of theirs.
  if (common.peers.empty()) common.peers = RpcDevicesIn(fields.Text("rpc_servers", 4096));
  common.strategy = StrategyOf(fields, common.peers);
  JudgeOffload(fields, common);
  common.taken_at_unix_ms = UnixMs(fields.Text("test_time"));
  if (fields.Raw("embeddings") == true) {
    common.not_comparable.emplace_back("embeddings were computed, not an answer");
  }
  return common;
}

absl::StatusOr<Row> ReadRow(const json& value, const std::string& where) {
  absl::Status problem;
  const Fields fields(value, where, problem);
  Row row;
  row.prompt = fields.NeededCount("n_prompt", kMostTokens);
  row.generate = fields.NeededCount("n_gen", kMostTokens);
  row.depth = fields.Count("n_depth", kMostTokens).value_or(0);
  ReadRate(fields, row);
  row.common = CommonOf(fields);
  if (row.uneven) {
    row.common.not_comparable.push_back(
        absl::StrCat("the repeats differ too much (a standard deviation of ",
                     std::round((row.rate.high / row.rate.median - 1) * 100), " % of the mean)"));
  }
  if (row.prompt == 0 && row.generate == 0) fields.Complain("n_prompt", "and n_gen are both 0");
  if (!problem.ok()) return problem;
  row.settings = SettingsOf(value);
  return row;
}

absl::StatusOr<std::vector<Row>> ReadRows(const json& list) {
  if (list.empty()) return absl::InvalidArgumentError("llama-bench: there is no row in it");
  if (list.size() > kMostRows) {
    return absl::ResourceExhaustedError(
        absl::StrCat("llama-bench: more than ", kMostRows, " rows; refused"));
  }
  std::vector<Row> rows;
  for (const json& value : list) {
    absl::StatusOr<Row> row = ReadRow(value, absl::StrCat("rows[", rows.size(), "]"));
    if (!row.ok()) {
      return absl::InvalidArgumentError(
          absl::StrCat("llama-bench: ", std::string(row.status().message())));
    }
    rows.push_back(*std::move(row));
  }
  return rows;
}

// Fields of one line of `-o csv`: in quotes, which are doubled inside of them.
std::vector<std::string> CellsOf(std::string_view line) {
  std::vector<std::string> cells(1);
  bool quoted = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '"' && quoted && i + 1 < line.size() && line[i + 1] == '"') {
      cells.back() += line[i++];
    } else if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == ',' && !quoted) {
      cells.emplace_back();
    } else {
      cells.back() += line[i];
    }
  }
  return cells;
}

// What `-o json` would have said: numbers and truths without quotes.
json ValueOf(const std::string& name, const std::string& cell) {
  static const std::set<std::string> kTruths = {"no_kv_offload", "embeddings", "gpu_blas"};
  static const std::set<std::string> kTexts = {"build_commit", "cpu_info",       "gpu_info",
                                               "backends",     "model_filename", "model_type",
                                               "cpu_mask",     "test_time"};
  if (kTruths.count(name) > 0) return cell != "0" && cell != "false";
  if (kTexts.count(name) > 0) return cell;
  std::int64_t whole = 0;
  if (absl::SimpleAtoi(cell, &whole)) return whole;
  double number = 0;
  if (absl::SimpleAtod(cell, &number) && std::isfinite(number)) return number;
  return cell;
}

bool IsCsvHeader(std::string_view line) {
  const std::vector<std::string> names = CellsOf(line);
  return std::find(names.begin(), names.end(), "n_prompt") != names.end() &&
         std::find(names.begin(), names.end(), "avg_ts") != names.end();
}

// Rows of `-o csv`, whatever was logged before its header. A line that was cut ends the list.
json RowsOfCsv(std::string_view text) {
  json rows = json::array();
  std::vector<std::string> names;
  for (const std::string_view line : probe::Lines(text)) {
    if (IsCsvHeader(line)) {
      names = CellsOf(probe::Trim(line));
      continue;
    }
    if (names.empty() || probe::Trim(line).empty()) continue;
    const std::vector<std::string> cells = CellsOf(probe::Trim(line));
    if (cells.size() != names.size() || rows.size() > kMostRows) break;
    json row = json::object();
    for (std::size_t i = 0; i < cells.size(); ++i) row[names[i]] = ValueOf(names[i], cells[i]);
    rows.push_back(std::move(row));
  }
  return rows;
}

// The list of `-o json` behind what was logged before it; null where there is none.
json ListAmongLogs(std::string_view text) {
  std::size_t at = 0;
  for (const std::string_view line : probe::Lines(text)) {
    const std::string_view trimmed = probe::Trim(line);
    at = static_cast<std::size_t>(line.data() - text.data());
    if (trimmed != "[" && trimmed.substr(0, 2) != "[{" && trimmed.substr(0, 3) != "[ {") continue;
    const std::size_t end = text.rfind(']');
    if (end == std::string_view::npos || end < at) return nullptr;
    json list = json::parse(text.substr(at, end + 1 - at), nullptr, /*allow_exceptions=*/false);
    return list.is_array() ? list : json(nullptr);
  }
  return nullptr;
}

// Why text in none of these forms cannot be read; OK: it has no form that llama-bench prints.
absl::Status OfAnotherForm(std::string_view text) {
  const char* form = nullptr;
  if (probe::Contains(text, "| model") && probe::Contains(text, "t/s |")) form = "the table";
  if (probe::Contains(text, "INSERT INTO") && probe::Contains(text, "n_prompt")) form = "the SQL";
  if (form == nullptr) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "llama-bench: this is ", form,
      " that it prints for other readers; run llama-bench with -o json, -o jsonl or -o csv"));
}

// Lines that start an object, each a row. What is cut ends the list.
json RowsOfLines(std::string_view text) {
  json rows = json::array();
  for (const std::string_view line : probe::Lines(text)) {
    const std::string_view trimmed = probe::Trim(line);
    if (trimmed.empty() || trimmed.front() != '{') continue;
    json row = json::parse(trimmed, nullptr, /*allow_exceptions=*/false);
    if (row.is_discarded() || rows.size() > kMostRows) break;
    rows.push_back(std::move(row));
  }
  return rows;
}

void SetPrompt(const Row& row, SpeedMeasurement& measured) {
  measured.prompt_tokens = static_cast<std::uint32_t>(row.prompt);
  measured.prefill = row.rate;
}

void SetGeneration(const Row& row, SpeedMeasurement& measured) {
  measured.generated_tokens = static_cast<std::uint32_t>(row.generate);
  measured.decode = row.rate;
}

SpeedMeasurement Start(const Row& row) {
  SpeedMeasurement measured = row.common;
  measured.depth_tokens = static_cast<std::uint32_t>(row.depth);
  measured.repeats = row.repeats;
  return measured;
}

SpeedMeasurement Mixed(const Row& row) {
  SpeedMeasurement measured = Start(row);
  measured.prompt_tokens = static_cast<std::uint32_t>(row.prompt);
  measured.generated_tokens = static_cast<std::uint32_t>(row.generate);
  measured.not_comparable.push_back(absl::StrCat("prompt and answer were timed together (",
                                                 std::round(row.rate.median * 10) / 10,
                                                 " tokens/s over both)"));
  return measured;
}

// All rows, in whichever form they are.
absl::StatusOr<json> ListOf(std::string_view text) {
  // JSONL is more than one value, which no JSON text is; a single line is both.
  absl::StatusOr<json> whole = ParseWholeJson(text, "llama-bench");
  if (whole.ok()) return whole->is_array() ? *whole : json::array({*whole});
  if (absl::IsResourceExhausted(whole.status())) return whole.status();
  if (json list = ListAmongLogs(text); list.is_array()) return list;
  if (json rows = RowsOfLines(text); !rows.empty()) return rows;
  if (json rows = RowsOfCsv(text); !rows.empty()) return rows;
  if (const absl::Status form = OfAnotherForm(text); !form.ok()) return form;
  return whole.status();
}

}  // namespace

bool RanOnProcessorOnly(std::string_view text) {
  const absl::StatusOr<json> list = ListOf(text);
  if (!list.ok()) return false;
  return std::all_of(list->begin(), list->end(), [](const json& row) {
    absl::Status ignored;
    const Fields fields(row, "", ignored);
    return fields.Has("backends") && !HasAccelerator(fields);
  });
}

absl::StatusOr<std::vector<SpeedMeasurement>> ParseLlamaBench(std::string_view text) {
  const absl::StatusOr<json> list = ListOf(text);
  if (!list.ok()) return list.status();
  const absl::StatusOr<std::vector<Row>> rows = ReadRows(*list);
  if (!rows.ok()) return rows.status();

  std::vector<SpeedMeasurement> measured;
  // Where the next generation test of equal settings belongs: prompt tests without a partner.
  std::map<std::string, std::vector<std::size_t>> waiting_prompts;
  std::map<std::string, std::vector<std::size_t>> waiting_generations;
  for (const Row& row : *rows) {
    if (row.prompt > 0 && row.generate > 0) {
      measured.push_back(Mixed(row));
      continue;
    }
    const bool is_prompt = row.prompt > 0;
    auto& partners = (is_prompt ? waiting_generations : waiting_prompts)[row.settings];
    const auto partner = std::find_if(partners.begin(), partners.end(), [&](std::size_t at) {
      return measured[at].repeats == row.repeats;
    });
    std::size_t at = measured.size();
    if (partner != partners.end()) {
      at = *partner;
      partners.erase(partner);
    } else {
      measured.push_back(Start(row));
      (is_prompt ? waiting_prompts : waiting_generations)[row.settings].push_back(at);
    }
    is_prompt ? SetPrompt(row, measured[at]) : SetGeneration(row, measured[at]);
  }
  return measured;
}

}  // namespace capacity::engine
