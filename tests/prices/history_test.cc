#include "planner/prices/history.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/prices/support.h"

namespace capacity::prices {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

FeedContents Seen(const std::string& day, const std::string& input, const std::string& output) {
  return One(Feed::kLiteLlm, "groq", "groq/x", day, InOut(input, output));
}

std::vector<std::string> Lines(const History& history) {
  std::vector<std::string> lines;
  for (const Record& record : history.records) {
    lines.push_back(ToString(record.first) + " " + ToString(record.last) + " " +
                    ToString(record.prices.input));
  }
  return lines;
}

TEST(Merge, AnUnchangedPriceIsOneRecord) {
  History history;
  EXPECT_EQ(Merge(Seen("2026-01-01", "1", "2"), history).added, 1);
  EXPECT_EQ(Merge(Seen("2026-03-01", "1", "2"), history).extended, 1);
  EXPECT_EQ(Merge(Seen("2026-02-01", "1", "2"), history).unchanged, 1);
  EXPECT_EQ(Merge(Seen("2026-03-01", "1", "2"), history).unchanged, 1);
  EXPECT_THAT(Lines(history), ElementsAre("2026-01-01 2026-03-01 1"));
}

TEST(Merge, AChangedPriceIsANewRecord) {
  History history;
  Merge(Seen("2026-01-01", "1", "2"), history);
  Merge(Seen("2026-02-01", "3", "4"), history);
  Merge(Seen("2026-03-01", "1", "2"), history);  // back again: the change stays known
  EXPECT_THAT(Lines(history), ElementsAre("2026-01-01 2026-01-01 1", "2026-02-01 2026-02-01 3",
                                          "2026-03-01 2026-03-01 1"));
}

TEST(Merge, OlderDocumentsMayComeLater) {
  History history;
  Merge(Seen("2026-03-01", "3", "4"), history);
  Merge(Seen("2026-01-01", "1", "2"), history);
  Merge(Seen("2026-02-01", "3", "4"), history);
  EXPECT_THAT(Lines(history), ElementsAre("2026-02-01 2026-03-01 3", "2026-01-01 2026-01-01 1"));
}

TEST(Merge, TwoPricesOfOneDayAreBothKept) {
  History history;
  Merge(Seen("2026-01-01", "1", "2"), history);
  Merge(Seen("2026-01-01", "3", "4"), history);
  EXPECT_THAT(history.records, SizeIs(2));
  Merge(Seen("2026-01-01", "1", "2"), history);
  Merge(Seen("2026-01-01", "3", "4"), history);
  EXPECT_THAT(history.records, SizeIs(2));
}

TEST(Merge, EveryExcerptTwiceChangesNothing) {
  for (const char* file : {"litellm.json", "openrouter.json", "models_dev.json",
                           "llm_prices_historical.json", "llm_prices_current.json"}) {
    const FeedContents contents = Read(Excerpt(file));
    History history;
    EXPECT_EQ(Merge(contents, history).added, static_cast<int>(contents.rows.size())) << file;
    const std::string before = ToText(history);
    EXPECT_EQ(Merge(contents, history).unchanged, static_cast<int>(contents.rows.size())) << file;
    EXPECT_EQ(ToText(history), before) << file;
  }
}

TEST(ConfirmAll, MovesWhatTheFeedLastShowed) {
  History history;
  Merge(Seen("2026-01-01", "1", "2"), history);
  Merge(One(Feed::kLiteLlm, "groq", "groq/y", "2026-02-01", InOut("1", "2")), history);
  const MergeCounts counts = ConfirmAll(Feed::kLiteLlm, Day("2026-03-01"), history);
  EXPECT_EQ(counts.extended, 1);
  EXPECT_THAT(Lines(history), ElementsAre("2026-01-01 2026-01-01 1", "2026-02-01 2026-03-01 1"));
}

TEST(HistoryText, ReadsBackExactly) {
  History history;
  for (const char* file :
       {"litellm.json", "openrouter.json", "models_dev.json", "llm_prices_historical.json"}) {
    Merge(Read(Excerpt(file)), history);
  }
  const ReadHistory read = ParseHistory("prices.jsonl", ToText(history));
  ASSERT_TRUE(read.history) << ToString(read.problems.front());
  EXPECT_EQ(read.history->records, history.records);
  EXPECT_EQ(ToText(*read.history), ToText(history));
}

TEST(HistoryText, EmptyFileIsAnEmptyHistory) {
  EXPECT_TRUE(ParseHistory("p", "").history);
  EXPECT_TRUE(ParseHistory("p", std::string(kHistoryHeader) + "\n").history);
}

TEST(HistoryText, DamagedLinesAreNamed) {
  History history;
  Merge(Seen("2026-01-01", "1", "2"), history);
  const std::string good = ToLine(history.records[0]);
  const auto damage = [&](const std::string& line) {
    const ReadHistory read = ParseHistory(
        "p.jsonl", std::string(kHistoryHeader) + "\n" + good + "\n" + line + "\n" + good + "\n");
    EXPECT_FALSE(read.history) << line;
    EXPECT_THAT(read.problems, SizeIs(1)) << line;
    return read.problems.empty() ? "" : ToString(read.problems[0]);
  };
  EXPECT_THAT(damage(good.substr(0, good.size() / 2)), HasSubstr("p.jsonl:3:1: damaged line"));
  EXPECT_THAT(damage(""), HasSubstr("p.jsonl:3:1:"));
  EXPECT_THAT(damage("null"), HasSubstr("is no record"));
  EXPECT_THAT(damage(R"({"feed":"litellm"})"), HasSubstr("missing"));
  std::string other = good;
  other.replace(other.find("litellm"), 7, "letters");
  EXPECT_THAT(damage(other), HasSubstr("feed"));
  other = good;
  other.replace(other.find("2026-01-01"), 10, "2026-13-01");
  EXPECT_THAT(damage(other), HasSubstr("is no date"));
  other = good;
  other.replace(other.find("\"input\":1"), 9, "\"input\":-1");
  EXPECT_THAT(damage(other), HasSubstr("is no price"));
  other = good;
  other.back() = ',';
  EXPECT_THAT(damage(other + "\"more\":1}"), HasSubstr("does not know"));
}

TEST(HistoryText, AnotherVersionIsRefused) {
  const ReadHistory read = ParseHistory("p.jsonl", "{\"capacity_planner_prices\":2}\n");
  EXPECT_FALSE(read.history);
  EXPECT_EQ(read.problems[0].line, 1);
}

}  // namespace
}  // namespace capacity::prices
