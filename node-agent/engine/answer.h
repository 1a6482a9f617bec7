// What one request to an engine told, by our clock and by the engine's own counters; and how
// several of them become one measurement. Pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node-agent/report.h"

namespace capacity::engine {

struct Answer {
  // By our clock, in milliseconds of a steady clock; empty and 0 when the answer did not stream.
  double sent_ms = 0;
  std::vector<double> piece_ms;  // when each piece of text arrived
  std::size_t blank_first = 0;   // of them, those before the first with more than spaces in it

  // As the engine counts; absent: it does not say.
  std::optional<std::uint64_t> prompt_tokens;     // all of the prompt
  std::optional<std::uint64_t> cached_tokens;     // of them, those that a cache answered
  std::optional<std::uint64_t> generated_tokens;  // with those that were thought and not shown
  // By the engine's clock; absent: it does not time itself.
  std::optional<double> prefill_per_second;  // of prompt tokens that were not cached
  std::optional<double> decode_per_second;   // after the first
  std::optional<double> first_token_ms;
  std::optional<double> power_watts;

  // Of the generated tokens, those that were thought; and whether they were streamed.
  std::optional<std::uint64_t> thought_tokens;
  bool thoughts_shown = false;

  bool speculative = false;  // a draft model or a lookup guessed tokens
  std::string finish;        // "stop", "length"; empty: it does not say
  std::string model;
  std::string engine_version;
  std::string fingerprint;  // OpenAI's "system_fingerprint"

  // Why it tells nothing of the hardware, where the engine itself says so.
  std::vector<std::string> not_comparable;
};

// A piece of text that arrived; one without text is none.
void AddPiece(std::string_view text, double now_ms, Answer& answer);

// Rates of one answer, by the engine's clock where it has one, else by ours.
std::optional<double> PrefillOf(const Answer& answer);
std::optional<double> DecodeOf(const Answer& answer);
std::optional<double> FirstTokenMs(const Answer& answer);

// Tokens a second over all streams of one wave, in the time in which every one of them generated.
// Nullopt when that time is shorter than half of the longest stream's: the server took them in turn
// or their answers differed too much in length.
std::optional<double> TogetherPerSecond(const std::vector<Answer>& wave);

// What was asked for.
struct Asked {
  std::optional<std::uint64_t> generate;  // tokens; absent: not by us
};

// One measurement of one or more waves (repeats) of equally many streams (at least one wave of at
// least one answer): rates, lengths, gaps and what makes it incomparable. Our clock is believed
// only where pieces follow tokens: not where a piece holds more than two, where thoughts are
// counted and not streamed, where tokens come faster than the prompt was read (the answer was held
// back), where there is no piece. A blank piece long before the others is a greeting, not the first
// token. Engine, model and conditions are left as the answers have them.
agent::SpeedMeasurement Measured(const std::vector<std::vector<Answer>>& waves, const Asked& asked);

}  // namespace capacity::engine
