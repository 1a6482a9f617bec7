#include "planner/validation/measurements.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "planner/base/csv.h"
#include "planner/base/parse.h"

namespace capacity::validation {
namespace {

// What a number in a column may be.
struct Range {
  double low;
  double high;
  const char* expected;
};
constexpr Range kPositive = {1e-9, 1e12, "a positive number"};
// What an inventory's `measurements:` hold.
constexpr Range kTokenCount = {0, 1e8, "a number of tokens from 0 to 1e8"};
constexpr Range kAnswer = {1e-9, 1e8, "a positive number of tokens up to 1e8"};
constexpr Range kSpeed = {1e-9, 1e7, "a positive number of tokens/s up to 1e7"};
constexpr Range kCount = {1, 1e6, "a whole number of at least 1"};

class RowReader {
 public:
  RowReader(const std::string& file, const std::map<std::string, std::size_t>& columns,
            const CsvRow& row, Diagnostics& problems)
      : file_(file), columns_(columns), row_(row), problems_(problems) {}

  std::string Text(const char* column) const {
    const CsvField* field = Find(column);
    if (field == nullptr) return "";
    std::string text = field->text;
    absl::StripAsciiWhitespace(&text);
    return text;
  }

  std::optional<double> Number(const char* column, const Range& range) const {
    const std::string text = Text(column);
    if (text.empty()) return std::nullopt;
    double value = 0;
    if (!absl::SimpleAtod(text, &value) || !std::isfinite(value) || value < range.low ||
        value > range.high) {
      Refuse(column, text, range.expected);
      return std::nullopt;
    }
    return value;
  }

  std::optional<int> Count(const char* column) const {
    std::optional<double> value = Number(column, kCount);
    if (value && *value != std::floor(*value)) {
      Refuse(column, Text(column), kCount.expected);
      return std::nullopt;
    }
    return value ? std::optional(static_cast<int>(*value)) : std::nullopt;
  }

  // A date up to `latest`, of which it may name the year or month only; "": any.
  std::string Date(const char* column, std::string_view latest) const {
    std::string text = Text(column);
    if (!text.empty() && !IsCalendarDate(text)) {
      Refuse(column, text, "a year, month or day: \"2026\", \"2026-11\", \"2026-11-20\"");
    } else if (!latest.empty() && text > latest.substr(0, text.size())) {
      Refuse(column, text, absl::StrCat("a date up to ", std::string(latest)));
    }
    return text;
  }

 private:
  const CsvField* Find(const char* column) const {
    auto it = columns_.find(column);
    return it == columns_.end() ? nullptr : &row_[it->second];
  }

  void Refuse(const char* column, const std::string& text, std::string_view expected) const {
    constexpr std::size_t kShown = 60;
    const CsvField* field = Find(column);
    problems_.push_back({file_, field->line, field->column,
                         absl::StrCat("column ", column, ": \"", text.substr(0, kShown),
                                      "\" is not a usable value"),
                         absl::StrCat("expected ", std::string(expected))});
  }

  const std::string& file_;
  const std::map<std::string, std::size_t>& columns_;
  const CsvRow& row_;
  Diagnostics& problems_;
};

Measurement ReadRow(const RowReader& reader, int line, std::string_view latest) {
  Measurement m;
  m.line = line;
  m.id = reader.Text("id");
  if (m.id.empty()) m.id = absl::StrCat("line ", line);
  m.chip = reader.Text("chip_id");
  m.chip_family = reader.Text("chip_family");
  m.bandwidth_gbps = reader.Number("bandwidth_gbps", kPositive);
  m.nodes = reader.Count("nodes");
  m.interconnect = reader.Text("interconnect");
  m.engine = reader.Text("engine");
  m.engine_family = reader.Text("engine_family");
  m.engine_era = reader.Text("engine_era");
  m.strategy = reader.Text("parallelism_kind");
  m.world = reader.Count("world");
  m.model = reader.Text("model_id");
  if (m.model.empty()) m.model = reader.Text("model");
  m.quant = reader.Text("quant_id");
  if (m.quant.empty()) m.quant = reader.Text("quant");
  m.prompt_tokens = reader.Number("prompt_tokens", kTokenCount);
  m.context_tokens = reader.Number("kv_ctx", kTokenCount);
  m.generated_tokens = reader.Number("gen_tokens", kTokenCount);
  m.kv_bits = reader.Number("kv_bits", kPositive);
  m.batch = reader.Count("batch");
  m.prefill_tps = reader.Number("prefill_tps", kSpeed);
  m.decode_tps = reader.Number("decode_tps", kSpeed);
  m.tier = reader.Text("tier");
  m.date = reader.Date("date", latest);
  m.source = reader.Text("source");
  m.note = reader.Text("verbatim_note");
  m.lab = reader.Text("lab");
  if (m.lab.empty()) m.lab = LabOf(m.source);
  m.prompt_depth = reader.Number("prompt_depth", kTokenCount);
  m.micro_batch = reader.Count("micro_batch");
  m.answer_tokens = reader.Number("answer_tokens", kAnswer);
  m.prefill_unusable = reader.Text("prefill_unusable");
  return m;
}

template <class Entry>
std::vector<std::string> Ids(const std::vector<Entry>& entries) {
  std::vector<std::string> ids;
  for (const Entry& entry : entries) ids.push_back(entry.id);
  return ids;
}

std::string Unknown(const char* what, const std::string& name,
                    const std::vector<std::string>& known) {
  std::string reason = absl::StrCat("unknown ", what, " \"", name, "\"");
  const std::string hint = DidYouMean(catalog::NormalizeId(name), known);
  if (!hint.empty()) absl::StrAppend(&reason, "; ", hint);
  return reason;
}

// The generation in "apple-m4-max-40" or "apple-m4-max".
std::string AppleGeneration(const std::string& id) {
  const std::string prefix = "apple-m";
  if (!absl::StartsWith(id, prefix) || id.size() <= prefix.size()) return "";
  return absl::StrCat("m", id.substr(prefix.size(), 1));
}

// "b7941" in "llama.cpp CUDA b7941"; 0 when no build is named.
int LlamaBuild(const std::string& engine) {
  for (std::size_t i = 0; i + 4 < engine.size(); ++i) {
    if (engine[i] != 'b' || (i > 0 && engine[i - 1] != ' ')) continue;
    std::size_t end = i + 1;
    while (end < engine.size() && absl::ascii_isdigit(static_cast<unsigned char>(engine[end])))
      ++end;
    int build = 0;
    if (end - i >= 5 && absl::SimpleAtoi(engine.substr(i + 1, end - i - 1), &build)) return build;
  }
  return 0;
}

// llama.cpp grew flash attention and fused kernels in between; other engines are all recent.
throughput::EngineBuild BuildOf(const Measurement& row, const catalog::Chip& chip) {
  constexpr int kSeptember2025 = 6500;  // llama.cpp's build number then
  if (!row.engine_era.empty() || absl::StartsWith(row.date, "2023") ||
      absl::StartsWith(row.date, "2024")) {
    return throughput::EngineBuild::kBefore2025;
  }
  if (chip.generation == "m5" || chip.generation == "m6") {  // sold since October 2025
    return throughput::EngineBuild::kCurrent;
  }
  const int build = LlamaBuild(row.engine);
  if (build > 0) {
    return build >= kSeptember2025 ? throughput::EngineBuild::kCurrent
                                   : throughput::EngineBuild::kUndated;
  }
  return row.date >= "2025-10" ? throughput::EngineBuild::kCurrent
                               : throughput::EngineBuild::kUndated;
}

// Tokens that were cached before the timed prompt. A source that says "[tg@d]" times both at the
// same depth; otherwise a context well beyond prompt and answer says that there was one.
int DepthOf(const Measurement& row, double prompt) {
  if (row.prompt_depth) return static_cast<int>(*row.prompt_depth);
  if (!row.context_tokens) return 0;
  const double half_answer = row.generated_tokens.value_or(0) / 2;
  const double depth = std::max(0.0, *row.context_tokens - half_answer);
  if (absl::StartsWith(row.note, "[tg@d]")) return static_cast<int>(depth);
  constexpr double kSlack = 0.02;  // templates and stop tokens
  constexpr double kTokens = 64;
  const bool beyond = *row.context_tokens > prompt * (1 + kSlack) + half_answer + kTokens;
  const bool other_notation = absl::StartsWith(row.note, "[");
  return beyond && !other_notation && row.generated_tokens ? static_cast<int>(depth) : 0;
}

// llama.cpp's -ub where the row tells: in words, or because a 2048-token prompt benchmark is run
// with it.
std::optional<int> MicroBatchOf(const Measurement& row, double prompt) {
  if (row.micro_batch) return row.micro_batch;
  if (row.engine_family != "llama.cpp") return std::nullopt;
  const bool large = absl::StrContains(row.note, "ub 2048") ||
                     absl::StrContains(row.note, "batched-bench") || prompt == 2048;
  return large ? std::optional<int>(2048) : std::nullopt;
}

// The number in "avg output 230 tok"; nullopt when the note has none.
std::optional<double> AverageOutput(const std::string& note) {
  constexpr std::string_view kLead = "avg output ";
  const std::size_t at = note.find(kLead);
  if (at == std::string::npos) return std::nullopt;
  const std::size_t begin = at + kLead.size();
  double tokens = 0;
  if (!absl::SimpleAtod(note.substr(begin, note.find_first_not_of("0123456789.", begin) - begin),
                        &tokens) ||
      tokens <= 0) {
    return std::nullopt;
  }
  return tokens;
}

// Rows whose note says [e2e] time whole requests.
std::optional<double> WallClockTokens(const Measurement& row) {
  if (row.answer_tokens) return row.answer_tokens;
  if (!absl::StrContains(row.note, "[e2e]")) return std::nullopt;
  constexpr double kUsualAnswer = 230;  // tokens; the mean of the sources that state it
  return AverageOutput(row.note).value_or(row.generated_tokens.value_or(kUsualAnswer));
}

std::string PrefillUnusable(const Measurement& row) {
  if (!row.prefill_unusable.empty()) return row.prefill_unusable;
  if (absl::StrContains(row.note, "no tensor-unit path")) {
    return "ran without the chip's matrix units, which the catalogue's FLOP/s describe";
  }
  if (!row.prompt_tokens && absl::StrContains(row.note, "prompt tokens N/A")) {
    return "the source does not state the prompt's length";
  }
  return "";
}

std::string VendorOfFamily(const std::string& family) {
  if (absl::StartsWith(family, "apple")) return "apple";
  if (family == "gb10" || family == "rtx" || family == "nv-dc") return "nvidia";
  return "";
}

}  // namespace

MeasurementFile ReadMeasurements(const std::string& file, std::string_view text,
                                 std::string_view latest) {
  MeasurementFile out;
  std::optional<CsvTable> table = ReadCsv(file, text, out.problems);
  if (!table) return out;
  std::map<std::string, std::size_t> columns;
  for (std::size_t i = 0; i < table->header.size(); ++i) columns[table->header[i]] = i;
  if (!columns.contains("decode_tps") && !columns.contains("prefill_tps")) {
    out.problems.push_back({file, 1, 1, "no column decode_tps or prefill_tps",
                            "a file of measurements has at least one of them"});
    return out;
  }
  for (const CsvRow& row : table->rows) {
    RowReader reader(file, columns, row, out.problems);
    out.rows.push_back(ReadRow(reader, row[0].line, latest));
  }
  return out;
}

std::string LabOf(std::string_view source) {
  std::string text(source);
  absl::StripAsciiWhitespace(&text);
  if (const std::size_t at = text.find(" comment by "); at != std::string::npos) {
    const std::size_t begin = at + 12;
    return text.substr(begin, text.find_first_of(" ,;()", begin) - begin);
  }
  bool is_address = false;
  for (const char* scheme : {"https://", "http://"}) {
    if (absl::StartsWith(text, scheme)) {
      text = text.substr(std::string(scheme).size());
      is_address = true;
    }
  }
  if (absl::StartsWith(text, "github.com/")) {
    text = text.substr(11);
    is_address = false;
  }
  if (is_address) return text.substr(0, text.find_first_of("/ "));
  // A repository stands for its owner, but llama.cpp's is where many people post: there the thread
  // or page tells them apart, and copies of a page name it the same way.
  constexpr std::string_view kCommunity = "ggml-org/llama.cpp ";
  if (absl::StartsWith(text, std::string(kCommunity))) text = text.substr(9);
  const std::string first = text.substr(0, text.find(' '));
  const std::size_t slash = first.find('/');
  if (slash != std::string::npos) return first.substr(0, slash);
  // "llama.cpp discussion #4167 (https://...": up to the number; "llama.cpp benches/x.md @...": up
  // to the page.
  if (const std::size_t hash = text.find('#'); hash != std::string::npos) {
    return text.substr(0, text.find_first_of(" ,)", hash));
  }
  const std::size_t second = text.find(' ', first.size() + 1);
  if (text.find('/') < second) return text.substr(0, second);
  return text.substr(0, text.find(" ("));
}

std::variant<const catalog::Chip*, std::string> Resolver::ChipOf(const Measurement& row) {
  if (const catalog::Chip* chip = catalog_.FindChip(row.chip); chip != nullptr && !row.chip.empty())
    return chip;
  if (row.chip_family.empty() || !row.bandwidth_gbps) {
    if (row.chip.empty())
      return std::string("no chip: columns chip_id, or chip_family and bandwidth_gbps");
    return absl::StrCat(Unknown("chip", row.chip, Ids(catalog_.chips)),
                        "; give chip_family and bandwidth_gbps to predict it by its family");
  }
  catalog::Chip chip;
  chip.id = row.chip.empty() ? row.chip_family : catalog::NormalizeId(row.chip);
  chip.family = row.chip_family;
  chip.vendor = VendorOfFamily(row.chip_family);
  chip.generation = AppleGeneration(chip.id);
  chip.memory_bandwidth = BytesPerSecond{*row.bandwidth_gbps * 1e9};
  for (const catalog::Chip& known : own_chips_) {
    if (known.id == chip.id && known.family == chip.family &&
        known.memory_bandwidth == chip.memory_bandwidth) {
      return &known;
    }
  }
  own_chips_.push_back(std::move(chip));
  return &own_chips_.back();
}

std::variant<Case, std::string> Resolver::Resolve(const Measurement& row) {
  Case out;
  throughput::Query& query = out.query;
  if (row.model.empty()) return std::string("no model: column model_id");
  query.model = catalog_.FindModel(row.model);
  if (query.model == nullptr) return Unknown("model", row.model, Ids(catalog_.models));
  if (row.quant.empty()) return std::string("no quantization: column quant_id");
  query.quant = catalog_.FindQuantization(row.quant);
  if (query.quant == nullptr)
    return Unknown("quantization", row.quant, Ids(catalog_.quantizations));
  if (row.engine_family.empty()) return std::string("no engine: column engine_family");
  std::optional<catalog::Engine> engine = catalog::ParseEngine(row.engine_family);
  if (!engine) {
    std::vector<std::string> names;
    for (catalog::Engine e : catalog::kAllEngines) names.push_back(Name(e));
    return Unknown("engine", row.engine_family, names);
  }
  query.engine = *engine;
  const auto chip = ChipOf(row);
  if (std::holds_alternative<std::string>(chip)) return std::get<std::string>(chip);

  const std::string strategy = row.strategy.empty() ? "single" : row.strategy;
  if (row.strategy.empty()) out.assumed.push_back("one device");
  std::optional<throughput::Strategy> parsed = throughput::ParseStrategy(strategy);
  if (!parsed) {
    return Unknown("strategy", strategy,
                   {"single", "replicas", "tensor", "pipeline", "disaggregated"});
  }
  query.strategy = *parsed;
  if (!row.interconnect.empty() && row.interconnect != "none") {
    query.link = catalog_.FindLink(row.interconnect);
    if (query.link == nullptr) return Unknown("link", row.interconnect, Ids(catalog_.links));
  }
  const int nodes = row.nodes.value_or(1);
  const int world = row.world.value_or(nodes);
  if (world % nodes != 0) {
    return absl::StrCat(world, " devices do not divide evenly over ", nodes, " nodes");
  }
  if (query.strategy != throughput::Strategy::kSingle && nodes > 1 && query.link == nullptr) {
    return std::string("no link: column interconnect says nothing for several nodes");
  }
  for (int i = 0; i < nodes; ++i) {
    query.nodes.push_back({.chip = std::get<const catalog::Chip*>(chip),
                           .accelerators = world / nodes,
                           .layer_share = 1.0 / nodes});
  }
  // A quarter of the rows come from short chats that state no context; 200 is their usual middle.
  constexpr double kShortChat = 200;
  constexpr double kBenchPrompt = 512;  // llama-bench's default
  if (!row.context_tokens) out.assumed.push_back("context 200 tokens");
  query.context_tokens = static_cast<int>(std::lround(row.context_tokens.value_or(kShortChat)));
  double prompt = row.prompt_tokens.value_or(0);
  if (prompt <= 0) {
    prompt = row.context_tokens
                 ? std::max(1.0, *row.context_tokens - row.generated_tokens.value_or(0) / 2)
                 : kBenchPrompt;
    if (row.prefill_tps) {
      out.assumed.push_back(absl::StrCat("prompt ", std::lround(prompt), " tokens"));
    }
  }
  query.prompt_tokens = static_cast<int>(std::lround(std::max(1.0, prompt)));
  out.prefill_unusable = PrefillUnusable(row);
  out.wall_clock_tokens = WallClockTokens(row);
  query.prompt_depth = DepthOf(row, prompt);
  query.micro_batch = MicroBatchOf(row, prompt);
  query.build = BuildOf(row, *std::get<const catalog::Chip*>(chip));
  query.batch = row.batch.value_or(1);
  query.kv_bits = row.kv_bits.value_or(16);
  return out;
}

}  // namespace capacity::validation
