#include "node-agent/engine/answer.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/engine/json_fields.h"
#include "node-agent/engine/statistics.h"

namespace capacity::engine {
namespace {

using agent::SpeedMeasurement;

// More of the prompt than this from a cache, and the time to the first token is the cache's. A chat
// template's fixed beginning stays below it.
constexpr double kCachedShare = 0.1;
// Answers shorter than this share of what was asked for time mostly their own beginning.
constexpr double kShortShare = 0.5;
// Streams that overlap less than this share of the longest one's time did not run together.
constexpr double kOverlapShare = 0.5;
// A piece of a stream is one token when at least this many pieces come for each token.
constexpr double kPiecesPerToken = 0.9;
// More tokens in a piece than this, and the time of a piece is not the time of its tokens: they
// were guessed ahead, thought in silence, or held back. Letters of several tokens stay below it.
constexpr double kMostTokensPerPiece = 2;
// No engine generates tokens faster than it reads a prompt: twice that rate in less than half of
// the time, and the answer was ready before it was sent.
constexpr double kFasterThanPrompt = 2;
constexpr double kHeldBackShare = 0.5;
// A blank piece that waits this many times longer for the next than the others do is a greeting.
constexpr double kGreetingGaps = 5;
// A rate needs some tokens to be one.
constexpr std::size_t kFewestPieces = 3;

double TokensPerPiece(const Answer& answer) {
  if (!answer.generated_tokens || answer.piece_ms.empty()) return 1;
  return static_cast<double>(*answer.generated_tokens) /
         static_cast<double>(answer.piece_ms.size());
}

std::optional<double> RateFrom(double tokens, double milliseconds) {
  if (!(tokens > 0) || !(milliseconds > 0)) return std::nullopt;
  const double rate = tokens / milliseconds * 1000;
  if (rate > kMostTokensPerSecond) return std::nullopt;  // below the clock's resolution
  return rate;
}

void AddOnce(std::vector<std::string>& reasons, const std::string& reason) {
  if (std::find(reasons.begin(), reasons.end(), reason) == reasons.end()) reasons.push_back(reason);
}

std::vector<Answer> Flat(const std::vector<std::vector<Answer>>& waves) {
  std::vector<Answer> all;
  for (const auto& wave : waves) all.insert(all.end(), wave.begin(), wave.end());
  return all;
}

template <class Get>
std::vector<double> Collect(const std::vector<Answer>& answers, const Get& get) {
  std::vector<double> values;
  for (const Answer& answer : answers) {
    if (const auto value = get(answer)) values.push_back(static_cast<double>(*value));
  }
  return values;
}

std::optional<std::uint32_t> MedianCount(const std::vector<double>& counts) {
  if (counts.empty()) return std::nullopt;
  return static_cast<std::uint32_t>(std::lround(Quantile(counts, 0.5)));
}

// Times between pieces, where a piece is a token.
std::vector<double> Gaps(const std::vector<Answer>& answers) {
  std::vector<double> gaps;
  for (const Answer& answer : answers) {
    if (!answer.generated_tokens || TokensPerPiece(answer) * kPiecesPerToken > 1) continue;
    for (std::size_t i = 1; i < answer.piece_ms.size(); ++i) {
      gaps.push_back(answer.piece_ms[i] - answer.piece_ms[i - 1]);
    }
  }
  return gaps;
}

// Servers may greet with a blank piece before they read the prompt.
Answer WithoutGreeting(Answer answer) {
  const std::size_t blank = std::exchange(answer.blank_first, 0);
  if (blank == 0 || blank + kFewestPieces > answer.piece_ms.size()) return answer;
  std::vector<double> gaps;
  for (std::size_t i = blank + 1; i < answer.piece_ms.size(); ++i) {
    gaps.push_back(answer.piece_ms[i] - answer.piece_ms[i - 1]);
  }
  const double waited = answer.piece_ms[blank] - answer.piece_ms[blank - 1];
  if (waited > kGreetingGaps * Quantile(gaps, 0.5)) {
    answer.piece_ms.erase(answer.piece_ms.begin(),
                          answer.piece_ms.begin() + static_cast<std::ptrdiff_t>(blank));
  }
  return answer;
}

bool WasHeldBack(const Answer& answer) {
  if (!answer.prompt_tokens || answer.piece_ms.size() < kFewestPieces) return false;
  const double waited = answer.piece_ms.front() - answer.sent_ms;
  const double came = answer.piece_ms.back() - answer.piece_ms.front();
  const double tokens = static_cast<double>(answer.piece_ms.size() - 1) * TokensPerPiece(answer);
  const double prompt = static_cast<double>(*answer.prompt_tokens);
  return came < kHeldBackShare * (waited + came) &&
         tokens * waited > kFasterThanPrompt * prompt * came;
}

// Why the times of an answer's pieces are not those of its tokens.
void JudgePieces(const Answer& answer, std::vector<std::string>& reasons) {
  if (answer.piece_ms.empty()) {
    AddOnce(reasons, "no piece of text came: what it generated was not streamed");
    return;
  }
  if (answer.thought_tokens.value_or(0) > 0 && !answer.thoughts_shown) {
    AddOnce(reasons, "thoughts were counted and not streamed");
  } else if (WasHeldBack(answer)) {
    AddOnce(reasons,
            "the answer was held back and sent at once: tokens came faster than the prompt "
            "was read");
  } else if (TokensPerPiece(answer) > kMostTokensPerPiece) {
    AddOnce(reasons, absl::StrCat("pieces do not follow tokens (", *answer.generated_tokens,
                                  " tokens in ", answer.piece_ms.size(), " pieces)"));
  }
}

void JudgeOne(const Answer& answer, std::vector<std::string>& reasons) {
  for (const std::string& reason : answer.not_comparable) AddOnce(reasons, reason);
  if (answer.cached_tokens && answer.prompt_tokens &&
      static_cast<double>(*answer.cached_tokens) >
          kCachedShare * static_cast<double>(*answer.prompt_tokens)) {
    AddOnce(reasons, absl::StrCat("the prompt was cached (", *answer.cached_tokens, " of ",
                                  *answer.prompt_tokens, " tokens)"));
  }
  if (answer.speculative) AddOnce(reasons, "tokens were guessed ahead (speculative decoding)");
}

// The shortest answer speaks for all.
void JudgeLengths(const std::vector<Answer>& answers, const Asked& asked,
                  std::vector<std::string>& reasons) {
  std::optional<std::uint64_t> shortest;
  for (const Answer& answer : answers) {
    const std::uint64_t tokens = answer.generated_tokens.value_or(answer.piece_ms.size());
    shortest = std::min(shortest.value_or(tokens), tokens);
  }
  if (asked.generate && shortest &&
      static_cast<double>(*shortest) < kShortShare * static_cast<double>(*asked.generate)) {
    reasons.push_back(
        absl::StrCat("answers were cut short (", *shortest, " of ", *asked.generate, " tokens)"));
  }
  const bool counted = std::all_of(answers.begin(), answers.end(), [](const Answer& answer) {
    return answer.generated_tokens || answer.decode_per_second;
  });
  if (!counted) {
    reasons.emplace_back("the server does not count tokens; pieces of text were counted");
  }
}

void AddRates(const std::vector<std::vector<Answer>>& waves, SpeedMeasurement& measured) {
  const std::vector<Answer> answers = Flat(waves);
  if (measured.streams == 1) {
    const std::vector<double> prefill = Collect(answers, PrefillOf);
    const std::vector<double> decode = Collect(answers, DecodeOf);
    if (!prefill.empty()) measured.prefill = RateOver(prefill);
    if (!decode.empty()) measured.decode = RateOver(decode);
    return;
  }
  // Prompts of streams that start together wait for each other and share batches with tokens of
  // others: no rate of the prefill comes out of that.
  std::vector<double> together;
  for (const auto& wave : waves) {
    if (const auto rate = TogetherPerSecond(wave)) together.push_back(*rate);
  }
  if (!together.empty()) measured.decode = RateOver(together);
  if (together.size() < waves.size()) {
    measured.not_comparable.push_back(
        absl::StrCat("the ", measured.streams, " streams did not run at the same time for long"));
  }
}

}  // namespace

void AddPiece(std::string_view text, double now_ms, Answer& answer) {
  if (text.empty()) return;
  const bool blank = text.find_first_not_of(" \t\r\n") == std::string_view::npos;
  if (blank && answer.blank_first == answer.piece_ms.size()) ++answer.blank_first;
  answer.piece_ms.push_back(now_ms);
}

std::optional<double> FirstTokenMs(const Answer& answer) {
  if (!answer.piece_ms.empty()) return answer.piece_ms.front() - answer.sent_ms;
  return answer.first_token_ms;
}

std::optional<double> PrefillOf(const Answer& answer) {
  if (answer.prefill_per_second) return answer.prefill_per_second;
  const std::optional<double> first = FirstTokenMs(answer);
  if (!first || !answer.prompt_tokens) return std::nullopt;
  const std::uint64_t cached =
      std::min(answer.cached_tokens.value_or(0), answer.prompt_tokens.value_or(0));
  return RateFrom(static_cast<double>(*answer.prompt_tokens - cached), *first);
}

std::optional<double> DecodeOf(const Answer& answer) {
  if (answer.decode_per_second) return answer.decode_per_second;
  if (answer.piece_ms.size() < kFewestPieces) return std::nullopt;
  const double pieces_after_first = static_cast<double>(answer.piece_ms.size() - 1);
  return RateFrom(pieces_after_first * TokensPerPiece(answer),
                  answer.piece_ms.back() - answer.piece_ms.front());
}

std::optional<double> TogetherPerSecond(const std::vector<Answer>& wave) {
  double from = 0;
  double to = 0;
  double longest = 0;
  for (std::size_t i = 0; i < wave.size(); ++i) {
    const Answer& answer = wave[i];
    if (answer.piece_ms.size() < kFewestPieces) return std::nullopt;
    from = i == 0 ? answer.piece_ms.front() : std::max(from, answer.piece_ms.front());
    to = i == 0 ? answer.piece_ms.back() : std::min(to, answer.piece_ms.back());
    longest = std::max(longest, answer.piece_ms.back() - answer.piece_ms.front());
  }
  if (!(to - from >= kOverlapShare * longest)) return std::nullopt;
  double tokens = 0;
  for (const Answer& answer : wave) {
    const auto inside = std::count_if(answer.piece_ms.begin(), answer.piece_ms.end(),
                                      [&](double at) { return at > from && at <= to; });
    tokens += static_cast<double>(inside) * TokensPerPiece(answer);
  }
  return RateFrom(tokens, to - from);
}

SpeedMeasurement Measured(const std::vector<std::vector<Answer>>& stated, const Asked& asked) {
  std::vector<std::vector<Answer>> waves = stated;
  for (std::vector<Answer>& wave : waves) {
    for (Answer& answer : wave) answer = WithoutGreeting(std::move(answer));
  }
  const std::vector<Answer> answers = Flat(waves);
  SpeedMeasurement measured;
  if (answers.empty()) return measured;
  measured.model_name = answers.front().model;
  measured.engine_version = answers.front().engine_version;
  measured.streams = static_cast<std::uint32_t>(waves.front().size());
  measured.repeats = static_cast<std::uint32_t>(waves.size());
  measured.prompt_tokens =
      MedianCount(Collect(answers, [](const Answer& one) { return one.prompt_tokens; }));
  measured.generated_tokens =
      MedianCount(Collect(answers, [](const Answer& one) { return one.generated_tokens; }));
  for (const Answer& answer : answers) {
    JudgeOne(answer, measured.not_comparable);
    // Several streams are timed by our clock always.
    if (measured.streams > 1 || !answer.decode_per_second) {
      JudgePieces(answer, measured.not_comparable);
    }
  }
  JudgeLengths(answers, asked, measured.not_comparable);
  AddRates(waves, measured);
  const std::vector<double> first = Collect(answers, FirstTokenMs);
  if (!first.empty()) measured.time_to_first_token_ms = Quantile(first, 0.5);
  const std::vector<double> gaps = Gaps(answers);
  if (gaps.size() >= kFewestPieces) {
    measured.inter_token_median_ms = Quantile(gaps, 0.5);
    measured.inter_token_p95_ms = Quantile(gaps, 0.95);
  }
  const std::vector<double> watts =
      Collect(answers, [](const Answer& one) { return one.power_watts; });
  if (!watts.empty()) measured.power_watts = Quantile(watts, 0.5);
  return measured;
}

}  // namespace capacity::engine
