// Measured speeds as a table: one row, one run (the columns of the training file).
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "planner/base/diagnostics.h"
#include "planner/catalog/catalog.h"
#include "planner/throughput/throughput.h"

namespace capacity::validation {

// A row as written. Absent: the column is missing or the cell is empty.
struct Measurement {
  int line = 0;
  std::string id;  // "line 12" where the file has no ids
  std::string chip;
  std::string chip_family;
  std::optional<double> bandwidth_gbps;  // per accelerator, for a chip the catalogue lacks
  std::optional<int> nodes;
  std::string interconnect;
  std::string engine;         // as the source wrote it, with version
  std::string engine_family;  // llama.cpp | mlx | vllm | exo | ollama | other
  std::string engine_era;     // "2024" for builds of 2023 and 2024; empty: current
  std::string strategy;       // single | replicas | tensor | pipeline
  std::optional<int> world;   // accelerators in all
  std::string model;
  std::string quant;
  std::optional<double> prompt_tokens;
  std::optional<double> context_tokens;  // cached in the middle of the measured generation
  std::optional<double> generated_tokens;
  std::optional<double> kv_bits;
  std::optional<int> batch;  // streams; speeds are aggregates
  std::optional<double> prefill_tps;
  std::optional<double> decode_tps;
  std::string tier;  // A | B: B is weaker evidence
  std::string date;
  std::string source;
  std::string note;
  std::string lab;  // who measured: the column, else LabOf(source)
  // Stated in columns of their own, or read from the note of the files that have one.
  std::optional<double> prompt_depth;   // tokens cached before the timed prompt
  std::optional<int> micro_batch;       // prompt tokens processed at once
  std::optional<double> answer_tokens;  // of whole requests that were timed, when they were
  std::string prefill_unusable;         // why the prefill figure says nothing
};

struct MeasurementFile {
  std::vector<Measurement> rows;
  Diagnostics problems;  // when there are any, `rows` must not be used
};

// Reads a file of measurements. Columns may be missing and others may be present; a cell that
// should be a number or a date and is not is a problem at its place, and so is a date after the day
// `latest` ("2026-11-24"; "": any date).
MeasurementFile ReadMeasurements(const std::string& file, std::string_view text,
                                 std::string_view latest = "");

// Who stands behind a source string: the owner of a repository, the host of an address, the thread
// of a community's repository. Rows of one lab share its habits and its mistakes.
std::string LabOf(std::string_view source);

// A measurement in the planner's terms.
struct Case {
  throughput::Query query;
  std::vector<std::string> assumed;  // what the row did not say: "context 200 tokens"
  std::string prefill_unusable;      // why the prefill figure says nothing; empty when it does
  // Tokens generated, where the speed is not the decode rate but tokens over the time of a whole
  // request.
  std::optional<double> wall_clock_tokens;
};

// Resolves rows against a catalogue, which must outlive the resolver and the cases, as must the
// resolver itself: it holds the chips that the catalogue lacks.
class Resolver {
 public:
  explicit Resolver(const catalog::Catalog& catalog) : catalog_(catalog) {}

  // The case, or why the row cannot be predicted ("unknown model \"x\"; did you mean \"y\"?").
  std::variant<Case, std::string> Resolve(const Measurement& row);

 private:
  std::variant<const catalog::Chip*, std::string> ChipOf(const Measurement& row);

  const catalog::Catalog& catalog_;
  std::deque<catalog::Chip> own_chips_;
};

}  // namespace capacity::validation
