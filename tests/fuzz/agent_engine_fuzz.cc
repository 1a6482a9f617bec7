// Every parser of what engines say, one an execution: the first byte chooses it, the rest is what
// an engine printed or sent, in pieces of the size that the byte also says. Whatever the bytes, a
// parser ends, and what it makes is printable, finite and in its bounds.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "node-agent/engine/answer.h"
#include "node-agent/engine/exo.h"
#include "node-agent/engine/http.h"
#include "node-agent/engine/json_fields.h"
#include "node-agent/engine/llama_bench.h"
#include "node-agent/engine/lm_studio.h"
#include "node-agent/engine/mlx.h"
#include "node-agent/engine/ollama.h"
#include "node-agent/engine/openai.h"
#include "node-agent/engine/server_metrics.h"
#include "node-agent/engine/sse.h"
#include "node-agent/engine/vllm_bench.h"
#include "node-agent/probe/text.h"

namespace {

namespace agent = capacity::agent;
namespace engine = capacity::engine;

void Require(bool holds) {
  if (!holds) std::abort();
}

void RequirePrintable(const std::string& text) {
  Require(text.size() <= 600);
  Require(capacity::probe::Clean(text, text.size()) == text);
}

void RequireNumber(const std::optional<double>& number) {
  if (number) Require(std::isfinite(*number) && *number >= 0);
}

void RequireRate(const std::optional<agent::Rate>& rate) {
  if (!rate) return;
  Require(std::isfinite(rate->median) && std::isfinite(rate->high));
  Require(0 <= rate->low && rate->low <= rate->median && rate->median <= rate->high);
  Require(rate->high <= 2 * engine::kMostTokensPerSecond);
}

void RequireMeasurement(const agent::SpeedMeasurement& measured) {
  for (const std::string& text : {measured.engine, measured.engine_version, measured.source,
                                  measured.model_name, measured.quant_name, measured.kv_type}) {
    RequirePrintable(text);
  }
  for (const std::string& text : measured.peers) RequirePrintable(text);
  for (const std::string& text : measured.not_comparable) RequirePrintable(text);
  RequireRate(measured.prefill);
  RequireRate(measured.decode);
  RequireNumber(measured.time_to_first_token_ms);
  RequireNumber(measured.inter_token_median_ms);
  RequireNumber(measured.inter_token_p95_ms);
  RequireNumber(measured.power_watts);
  Require(measured.streams >= 1 && measured.repeats >= 1);
  Require(measured.strategy.empty() || measured.strategy == "single" ||
          measured.strategy == "tensor" || measured.strategy == "pipeline");
}

void RequireAnswer(const engine::Answer& answer) {
  RequirePrintable(answer.model);
  RequireNumber(answer.prefill_per_second);
  RequireNumber(answer.decode_per_second);
  RequireNumber(answer.first_token_ms);
  RequireMeasurement(engine::Measured({{answer, answer}, {answer, answer}}, {.generate = 10}));
  RequireMeasurement(engine::Measured({{answer}}, {.generate = 10}));
}

template <class T>
void RequireMessage(const absl::StatusOr<T>& result) {
  if (!result.ok()) Require(!result.status().message().empty());
}

template <class Stream, class Reader>
void ReadStream(std::string_view text, std::size_t piece) {
  Stream stream;
  Reader reader;
  double now = 0;
  for (std::size_t at = 0; at < text.size(); at += piece) {
    now += 3;
    const absl::Status fed = reader.Feed(
        text.substr(at, piece), [&](std::string_view line) { return stream.Take(line, now); });
    if (!fed.ok()) return;
  }
  RequireAnswer(stream.answer());
}

// However it is cut, the same events come out.
void CutEvents(std::string_view text, std::size_t piece) {
  const auto events = [text](std::size_t size) {
    engine::SseReader reader;
    std::vector<std::string> found;
    for (std::size_t at = 0; at < text.size(); at += size) {
      const absl::Status fed = reader.Feed(text.substr(at, size), [&](std::string_view data) {
        found.emplace_back(data);
        return absl::OkStatus();
      });
      if (!fed.ok()) break;
    }
    return found;
  };
  if (text.empty()) return;
  Require(events(piece) == events(text.size()));
}

void ReadMetrics(std::string_view text) {
  // Two looks: before and after the first empty line.
  const std::size_t cut = std::min(text.find("\n\n"), text.size());
  const auto first = engine::ParseMetrics(text.substr(0, cut));
  const auto second = engine::ParseMetrics(text.substr(cut));
  RequireMessage(first);
  if (!first.ok() || !second.ok()) return;
  RequirePrintable(first->model);
  const std::vector<engine::Scrape> scrapes = {{0, *first}, {1, *second}, {2, *second}};
  const auto vllm = engine::VllmFromMetrics(scrapes);
  if (vllm.ok()) RequireMeasurement(*vllm);
  const auto llama = engine::LlamaServerFromMetrics(scrapes);
  if (llama.ok()) RequireMeasurement(*llama);
}

template <class T>
void RequireListed(const absl::StatusOr<std::vector<T>>& models) {
  RequireMessage(models);
}

void Parse(unsigned which, std::string_view text, std::size_t piece) {
  switch (which) {
    case 0: {
      const auto rows = engine::ParseLlamaBench(text);
      RequireMessage(rows);
      if (rows.ok()) {
        for (const auto& row : *rows) RequireMeasurement(row);
      }
      break;
    }
    case 1:
      ReadStream<engine::ChatStream, engine::SseReader>(text, piece);
      break;
    case 2:
      ReadStream<engine::OllamaStream, engine::LineReader>(text, piece);
      break;
    case 3: {
      const auto answer = engine::ParseChatAnswer(text);
      if (answer.ok()) RequireAnswer(*answer);
      break;
    }
    case 4: {
      const auto answer = engine::ParseOllamaAnswer(text);
      if (answer.ok()) RequireAnswer(*answer);
      break;
    }
    case 5: {
      const auto answer = engine::ParseLmStudioAnswer(text);
      if (answer.ok()) RequireAnswer(*answer);
      break;
    }
    case 6: {
      const auto answer = engine::ParseExoBench(text);
      if (answer.ok()) RequireAnswer(*answer);
      break;
    }
    case 7: {
      const auto state = engine::ParseExoState(text);
      if (!state.ok()) break;
      for (const auto& instance : state->instances) RequirePrintable(instance.model);
      for (const auto& [node, name] : state->names) RequirePrintable(name);
      break;
    }
    case 8: {
      const auto measured = engine::ParseMlx(text);
      RequireMessage(measured);
      if (measured.ok()) {
        for (const auto& run : *measured) RequireMeasurement(run);
      }
      break;
    }
    case 9: {
      const auto measured = engine::ParseVllmBench(text);
      RequireMessage(measured);
      if (measured.ok()) RequireMeasurement(*measured);
      break;
    }
    case 10:
      ReadMetrics(text);
      for (const double tokens : engine::ContextsInSlots(text)) RequireNumber(tokens);
      break;
    case 11:
      RequireListed(engine::ParseModelList(text));
      RequireListed(engine::ParseOllamaModels(text));
      RequireListed(engine::ParseLmStudioModels(text));
      break;
    case 12:
      CutEvents(text, piece);
      break;
    default: {
      const auto url = engine::CheckedUrl(text);
      if (url.ok()) (void)engine::MayCarryKey({.url = *url});
      break;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  constexpr unsigned kParsers = 14;
  Parse(data[0] % kParsers, text, 1 + data[0] / kParsers * 7);
  return 0;
}
