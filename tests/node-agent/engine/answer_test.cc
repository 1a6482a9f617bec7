// From answers to a measurement.
#include "node-agent/engine/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node-agent/engine/statistics.h"

namespace capacity::engine {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// `tokens` pieces, the first `first_ms` after it was sent, then one every `gap_ms`.
Answer Streamed(double sent_ms, double first_ms, double gap_ms, std::size_t tokens) {
  Answer answer;
  answer.sent_ms = sent_ms;
  for (std::size_t i = 0; i < tokens; ++i) {
    answer.piece_ms.push_back(sent_ms + first_ms + gap_ms * static_cast<double>(i));
  }
  answer.prompt_tokens = 500;
  answer.cached_tokens = 0;
  answer.generated_tokens = tokens;
  return answer;
}

TEST(Quantiles, LieBetweenSamples) {
  EXPECT_EQ(Quantile({3, 1, 2}, 0.5), 2);
  EXPECT_EQ(Quantile({4, 1, 2, 3}, 0.5), 2.5);
  EXPECT_EQ(Quantile({}, 0.5), 0);
  EXPECT_EQ(Quantile({7}, 0.95), 7);
  EXPECT_EQ(RateOver({3, 1, 2}), (agent::Rate{2, 1, 3}));
}

TEST(Answers, ByOurClock) {
  const agent::SpeedMeasurement measured = Measured(
      {{Streamed(0, 250, 10, 101)}, {Streamed(0, 500, 20, 101)}, {Streamed(0, 250, 10, 101)}},
      {.generate = 101});
  EXPECT_EQ(measured.repeats, 3u);
  EXPECT_EQ(measured.streams, 1u);
  // 500 tokens in 250 or 500 ms; 100 after the first in 1 or 2 s.
  EXPECT_EQ(measured.prefill, (agent::Rate{2000, 1000, 2000}));
  EXPECT_EQ(measured.decode, (agent::Rate{100, 50, 100}));
  EXPECT_EQ(measured.time_to_first_token_ms, 250);
  EXPECT_EQ(measured.inter_token_median_ms, 10);
  EXPECT_EQ(measured.inter_token_p95_ms, 20);
  EXPECT_THAT(measured.not_comparable, IsEmpty());
}

TEST(Answers, TheEnginesClockIsPreferred) {
  Answer answer = Streamed(0, 250, 10, 101);
  answer.prefill_per_second = 2100;
  answer.decode_per_second = 111;
  const agent::SpeedMeasurement measured = Measured({{answer}}, {.generate = 101});
  EXPECT_EQ(measured.prefill->median, 2100);
  EXPECT_EQ(measured.decode->median, 111);
}

TEST(Answers, PiecesOfSeveralTokensHaveNoGaps) {
  Answer answer = Streamed(0, 250, 40, 26);
  answer.generated_tokens = 104;  // four a piece
  const agent::SpeedMeasurement measured = Measured({{answer}}, {.generate = 104});
  EXPECT_THAT(measured.decode->median, DoubleNear(100, 1e-9));
  EXPECT_FALSE(measured.inter_token_median_ms);
}

TEST(Answers, SeveralStreamsCountWhileAllOfThemRun) {
  // The second starts 100 ms later: both run from 350 to 1250 ms.
  const agent::SpeedMeasurement measured =
      Measured({{Streamed(0, 250, 10, 101), Streamed(100, 250, 10, 101)}}, {.generate = 101});
  EXPECT_EQ(measured.streams, 2u);
  EXPECT_THAT(measured.decode->median, DoubleNear(200, 1e-6));
  EXPECT_FALSE(measured.prefill);  // prompts of several share their time
  EXPECT_THAT(measured.not_comparable, IsEmpty());
}

TEST(Answers, StreamsInTurnAreMarked) {
  const agent::SpeedMeasurement measured =
      Measured({{Streamed(0, 250, 10, 101), Streamed(0, 1500, 10, 101)}}, {.generate = 101});
  EXPECT_FALSE(measured.decode);
  EXPECT_THAT(measured.not_comparable, ElementsAre(HasSubstr("2 streams did not run at the same")));
}

TEST(Answers, ShortOnesAreMarked) {
  const agent::SpeedMeasurement measured =
      Measured({{Streamed(0, 250, 10, 128)}, {Streamed(0, 250, 10, 9)}}, {.generate = 128});
  EXPECT_THAT(measured.not_comparable, ElementsAre(HasSubstr("cut short (9 of 128 tokens)")));
}

TEST(Answers, WithoutCountsPiecesAreCountedAndMarked) {
  Answer answer = Streamed(0, 250, 10, 101);
  answer.generated_tokens.reset();
  answer.prompt_tokens.reset();
  const agent::SpeedMeasurement measured = Measured({{answer}}, {.generate = 101});
  EXPECT_FALSE(measured.prefill);
  EXPECT_THAT(measured.decode->median, DoubleNear(100, 1e-9));
  EXPECT_THAT(measured.not_comparable, ElementsAre(HasSubstr("does not count tokens")));
}

TEST(Answers, ATemplatesCachedBeginningIsNoHit) {
  Answer answer = Streamed(0, 250, 10, 101);
  answer.cached_tokens = 16;
  EXPECT_THAT(Measured({{answer}}, {.generate = 101}).not_comparable, IsEmpty());
  EXPECT_THAT(*PrefillOf(answer), DoubleNear(484 / 0.25, 1e-9));
  answer.cached_tokens = 60;
  EXPECT_THAT(Measured({{answer}}, {.generate = 101}).not_comparable,
              ElementsAre(HasSubstr("cached (60 of 500 tokens)")));
}

std::vector<std::string> Reasons(const Answer& answer, std::uint64_t asked) {
  return Measured({{answer}}, {.generate = asked}).not_comparable;
}

TEST(Answers, OurClockIsNotBelievedWherePiecesDoNotFollowTokens) {
  // Ready before it was sent: 40 tokens within 4 ms after a second, more than the prompt's 500.
  EXPECT_THAT(Reasons(Streamed(0, 1000, 0.1, 40), 40), ElementsAre(HasSubstr("was held back")));
  // Thirty of forty thought in silence.
  Answer hidden = Streamed(0, 400, 20, 10);
  hidden.generated_tokens = 40;
  EXPECT_THAT(Reasons(hidden, 40), ElementsAre(HasSubstr("(40 tokens in 10 pieces)")));
  // And where the server says so, also fewer.
  Answer told = Streamed(0, 250, 10, 101);
  told.thought_tokens = 20;
  EXPECT_THAT(Reasons(told, 101), ElementsAre(HasSubstr("thoughts were counted and not streamed")));
  told.thoughts_shown = true;
  EXPECT_THAT(Reasons(told, 101), IsEmpty());
  Answer mute = Streamed(0, 250, 10, 0);
  mute.generated_tokens = 101;
  EXPECT_THAT(Reasons(mute, 101), ElementsAre(HasSubstr("no piece of text came")));
  // The engine's own clock knows better.
  for (Answer answer : {Streamed(0, 1000, 0.1, 40), hidden, mute}) {
    answer.decode_per_second = 50;
    EXPECT_THAT(Reasons(answer, *answer.generated_tokens), IsEmpty());
  }
}

TEST(Answers, ALongPromptBeforeAShortAnswerIsNotHeldBack) {
  Answer answer = Streamed(0, 60'000, 20, 16);  // 32,768 tokens a minute, then 50 a second
  answer.prompt_tokens = 32'768;
  EXPECT_THAT(Reasons(answer, 16), IsEmpty());
}

TEST(Answers, ABlankPieceBeforeThePromptIsReadIsNoToken) {
  Answer greeted = Streamed(0, 500, 20, 40);
  greeted.piece_ms.insert(greeted.piece_ms.begin(), 1);
  greeted.blank_first = 1;
  const agent::SpeedMeasurement measured = Measured({{greeted}}, {.generate = 40});
  EXPECT_THAT(measured.prefill->median, DoubleNear(1000, 1e-9));
  EXPECT_THAT(measured.decode->median, DoubleNear(50, 1e-9));
  EXPECT_EQ(measured.time_to_first_token_ms, 500);
  // One that comes as tokens do is one.
  Answer token = Streamed(0, 500, 20, 40);
  token.blank_first = 1;
  EXPECT_EQ(Measured({{token}}, {.generate = 40}).time_to_first_token_ms, 500);
  Answer pieces;
  for (const char* text : {"", "\n", "a", " ", "b"}) AddPiece(text, 1, pieces);
  EXPECT_EQ(pieces.piece_ms.size(), 4u);
  EXPECT_EQ(pieces.blank_first, 1u);
}

TEST(Answers, BelowTheClocksResolutionThereIsNoRate) {
  EXPECT_FALSE(DecodeOf(Streamed(0, 0, 0, 50)));
  EXPECT_FALSE(PrefillOf(Streamed(0, 0, 0, 50)));
  EXPECT_FALSE(DecodeOf(Streamed(0, 10, 10, 2)));
}

}  // namespace
}  // namespace capacity::engine
