#include "node-agent/engine/sse.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/node-agent/engine/support.h"

namespace capacity::engine {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// What comes out when `text` arrives in pieces of `size` bytes.
std::vector<std::string> Events(const std::string& text, std::size_t size) {
  SseReader reader;
  std::vector<std::string> events;
  for (std::size_t at = 0; at < text.size(); at += size) {
    const absl::Status fed =
        reader.Feed(std::string_view(text).substr(at, size), [&](std::string_view data) {
          events.emplace_back(data);
          return absl::OkStatus();
        });
    EXPECT_TRUE(fed.ok()) << fed;
  }
  return events;
}

std::vector<std::string> Lines(const std::string& text, std::size_t size) {
  LineReader reader;
  std::vector<std::string> lines;
  const TakeText take = [&](std::string_view line) {
    lines.emplace_back(line);
    return absl::OkStatus();
  };
  for (std::size_t at = 0; at < text.size(); at += size) {
    EXPECT_TRUE(reader.Feed(std::string_view(text).substr(at, size), take).ok());
  }
  EXPECT_TRUE(reader.End(take).ok());
  return lines;
}

TEST(Sse, EventsAreTheSameHoweverTheyAreCut) {
  const std::string text =
      "\xEF\xBB\xBF: a comment\r\ndata: one\r\n\r\nevent: x\ndata:two\ndata: lines\n\nid: "
      "7\rdata\r\r"
      "retry: 10\n\ndata: [DONE]\n\ndata: never ended";
  for (std::size_t size = 1; size <= text.size(); ++size) {
    EXPECT_THAT(Events(text, size), ElementsAre("one", "two\nlines", "", "[DONE]")) << size;
  }
}

TEST(Sse, ARecordedStreamIsTheSameHoweverItIsCut) {
  const std::string text = testing::Sample("llama-server.chat.stream.sse.txt");
  const std::vector<std::string> whole = Events(text, text.size());
  EXPECT_EQ(whole.back(), "[DONE]");
  for (const std::size_t size : {1, 7, 100, 1024}) EXPECT_EQ(Events(text, size), whole);
}

TEST(Sse, TooLongIsRefused) {
  SseReader line;
  const TakeText take = [](std::string_view) { return absl::OkStatus(); };
  const absl::Status long_line = line.Feed("data: " + std::string(kLongestLine, 'x'), take);
  EXPECT_TRUE(absl::IsResourceExhausted(long_line));
  EXPECT_THAT(std::string(long_line.message()), HasSubstr("a line"));
  SseReader event;
  const std::string half = "data: " + std::string(kLongestLine / 2, 'x') + "\n";
  ASSERT_TRUE(event.Feed(half, take).ok());
  EXPECT_TRUE(absl::IsResourceExhausted(event.Feed(half, take)));
}

TEST(Sse, AnErrorOfTheTakerEndsIt) {
  SseReader reader;
  int taken = 0;
  const absl::Status status = reader.Feed("data: a\n\ndata: b\n\n", [&](std::string_view) {
    ++taken;
    return absl::InvalidArgumentError("no");
  });
  EXPECT_TRUE(absl::IsInvalidArgument(status));
  EXPECT_EQ(taken, 1);
}

TEST(Lines, EndInAnyWay) {
  for (std::size_t size = 1; size < 12; ++size) {
    EXPECT_THAT(Lines("a\nb\r\nc\rd\n\ne", size), ElementsAre("a", "b", "c", "d", "", "e")) << size;
  }
  EXPECT_THAT(Lines("", 1), IsEmpty());
}

}  // namespace
}  // namespace capacity::engine
