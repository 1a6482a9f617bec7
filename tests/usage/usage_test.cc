#include "planner/usage/usage.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace capacity::usage {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

std::string Excerpt(const std::string& name) {
  std::ifstream in(std::string(CAPACITY_SOURCE_DIR "/tests/usage/data/") + name);
  EXPECT_TRUE(in.good()) << name;
  return {std::istreambuf_iterator<char>(in), {}};
}

const prices::Date kLatest = *prices::ParseDate("2026-11-23");

std::vector<UsageRow> Read(const std::string& text) {
  Diagnostics problems;
  Diagnostics warnings;
  const auto rows = ReadUsage("bill", text, kLatest, problems, warnings);
  EXPECT_THAT(warnings, IsEmpty());
  EXPECT_THAT(problems, IsEmpty()) << ToString(problems.front());
  return rows.value_or(std::vector<UsageRow>());
}

std::vector<std::string> Problems(const std::string& text) {
  Diagnostics problems;
  Diagnostics warnings;
  EXPECT_FALSE(ReadUsage("bill.csv", text, kLatest, problems, warnings));
  std::vector<std::string> out;
  for (const Diagnostic& problem : problems) out.push_back(ToString(problem));
  return out;
}

// "2026-10-01 model 1000 800 500 requests 5"
std::string Text(const UsageRow& row) {
  std::string out = prices::ToString(row.day) + " " + row.model + " " +
                    std::to_string(row.input_tokens) + " " + std::to_string(row.cached_tokens) +
                    " " + std::to_string(row.output_tokens);
  if (row.requests) out += " requests " + std::to_string(*row.requests);
  if (row.cost_nano_usd) out += " cost " + std::to_string(*row.cost_nano_usd);
  return out;
}

// ---------------------------------------------------------------- exports

TEST(ReadUsage, AnthropicConsoleAddsItsPartsUp) {
  const auto rows = Read(Excerpt("anthropic_console.csv"));
  ASSERT_THAT(rows, SizeIs(3));
  EXPECT_EQ(Text(rows[0]), "2026-10-01 claude-sonnet-4-5-20250929 602952 508912 7382");
  EXPECT_EQ(Text(rows[2]), "2026-10-02 claude-sonnet-4-5-20250929 100000 88000 2618");
}

TEST(ReadUsage, AnthropicApiBuckets) {
  const auto rows = Read(Excerpt("anthropic_api.json"));
  ASSERT_THAT(rows, SizeIs(1));
  EXPECT_EQ(Text(rows[0]), "2026-10-01 claude-opus-4-5-20251101 3200 200 500");
}

TEST(ReadUsage, OpenAiInputIncludesTheCached) {
  const auto rows = Read(Excerpt("openai.csv"));
  ASSERT_THAT(rows, SizeIs(2));  // the empty minute is none
  EXPECT_EQ(Text(rows[0]), "2026-10-01 gpt-4o-mini-2024-07-18 7162 1280 1673 requests 3");
  const auto api = Read(Excerpt("openai_api.json"));
  ASSERT_THAT(api, SizeIs(1));
  EXPECT_EQ(Text(api[0]), "2026-10-01 gpt-4o-2024-08-06 1000 800 500 requests 5");
}

TEST(ReadUsage, OpenRouter) {
  const auto rows = Read(Excerpt("openrouter_generations.csv"));
  ASSERT_THAT(rows, SizeIs(3));  // a cancelled one used nothing
  EXPECT_EQ(Text(rows[0]), "2026-10-01 openai/gpt-oss-120b 10389 9000 137 cost 12300000");
  EXPECT_EQ(Text(rows[1]), "2026-10-01 openai/gpt-oss-120b 611 0 863 cost 2000000");
  const auto activity = Read(Excerpt("openrouter_activity.json"));
  ASSERT_THAT(activity, SizeIs(1));
  EXPECT_EQ(Text(activity[0]),
            "2026-10-01 openai/gpt-4.1-2025-04-14 50 0 125 requests 5 cost 15000000");
}

TEST(ReadUsage, ATableOfOnesOwn) {
  EXPECT_THAT(Read(Excerpt("own.csv")), SizeIs(121));
  const auto rows = Read("date,model,input,output\n2026-10-01,m,10,20\n");
  EXPECT_EQ(Text(rows[0]), "2026-10-01 m 10 0 20");
  const auto list = Read(R"([{"day": "2026-10-01", "model": "m", "input": 10, "output": 20}])");
  EXPECT_EQ(Text(list[0]), "2026-10-01 m 10 0 20");
}

TEST(ReadUsage, HeadersInAnyCaseAndSeparatedByWhatSpreadsheetsWrite) {
  for (const char* header : {"Date, Model ,Input,OUTPUT", "date,model,input,output"}) {
    for (char separator : {',', ';', '\t'}) {
      std::string text = std::string(header) + "\n2026-10-01,m,10,20\n";
      std::replace(text.begin(), text.end(), ',', separator);
      const auto rows = Read(text);
      ASSERT_THAT(rows, SizeIs(1)) << text;
      EXPECT_EQ(Text(rows[0]), "2026-10-01 m 10 0 20");
    }
  }
}

TEST(ReadUsage, AJsonBillOfSeveralPagesIsSaidToBeIncomplete) {
  const std::string page =
      R"("data": [{"date": "2026-10-01", "model": "m", "input": 1, "output": 2}]})";
  Diagnostics problems;
  Diagnostics warnings;
  EXPECT_TRUE(ReadUsage("bill", "{\"has_more\": true, " + page, kLatest, problems, warnings));
  EXPECT_THAT(problems, IsEmpty());
  ASSERT_THAT(warnings, SizeIs(1));
  EXPECT_THAT(ToString(warnings[0]), HasSubstr("one page of the bill only"));
  EXPECT_THAT(Read("{\"has_more\": false, " + page), SizeIs(1));
}

// ---------------------------------------------------------------- bad rows

TEST(ReadUsage, DaysToCome) {
  const std::string header = "date,model,input,output\n";
  EXPECT_THAT(Read(header + "2026-11-23,m,1,2\n"), SizeIs(1));
  EXPECT_THAT(Problems(header + "2026-11-24,m,1,2\n")[0],
              HasSubstr("bill.csv:2:1: day \"2026-11-24\" is not a day up to 2026-11-23"));
}

TEST(ReadUsage, ANameThatIsNotPlainAsciiIsNotAMissingOne) {
  EXPECT_THAT(Problems("date,model,input,output\n2026-10-01,\xE6\xA8\xA1,1,2\n")[0],
              HasSubstr("bill.csv:2:1: model \"???\" is not a name of at most 200 characters"));
}

TEST(ReadUsage, ADotBeforeThreeZerosMayMeanThousands) {
  EXPECT_THAT(Problems("date;model;input;output\n2026-10-01;m;1.000;2\n")[0],
              HasSubstr("input \"1.000\""));
}

TEST(ReadUsage, WhatTheColumnsLack) {
  EXPECT_THAT(Problems("day,model_name,input_tokens\n2026-10-01,m,1\n")[0],
              HasSubstr("none is of the model, output tokens"));
  EXPECT_THAT(Problems("date,model,input,Input,output\n2026-10-01,m,1,1,2\n")[0],
              HasSubstr("column \"input\" appears twice"));
}

TEST(ReadUsage, EveryBadRowIsNamedWithItsLine) {
  const auto problems = Problems(
      "date,model,input,output,cached\n"
      "2026-10-01,m,10,20,0\n"
      "yesterday,m,10,20,0\n"
      "2026-10-01,,10,20,0\n"
      "2026-10-01,m,ten,20,0\n"
      "2026-10-01,m,10,-20,0\n"
      "2026-10-01,m,10,20,11\n"
      "2026-10-01,m,,20,0\n"
      "2026-10-01,m,1.5,20,0\n"
      "2026-10-01,m,99999999999999999999,20,0\n");
  ASSERT_THAT(problems, SizeIs(8));
  EXPECT_THAT(problems[0], HasSubstr("bill.csv:3:1: date \"yesterday\" is not a day"));
  EXPECT_THAT(problems[1], HasSubstr("bill.csv:4:1: no model"));
  EXPECT_THAT(problems[2], HasSubstr("bill.csv:5:1: input \"ten\""));
  EXPECT_THAT(problems[3], HasSubstr("bill.csv:6:1: output \"-20\""));
  EXPECT_THAT(problems[4], HasSubstr("bill.csv:7:1: 11 cached tokens are more than 10 input"));
  EXPECT_THAT(problems[5], HasSubstr("bill.csv:8:1: no number of input tokens"));
  EXPECT_THAT(problems[6], HasSubstr("bill.csv:9:1:"));
  EXPECT_THAT(problems[7], HasSubstr("bill.csv:10:1:"));
}

TEST(ReadUsage, JsonRowsAreNumbered) {
  const auto problems = Problems(R"([{"date": "2026-10-01", "model": "m", "input": 1, "output": 2},
                                     {"date": "2026-10-01", "input": 1, "output": 2}])");
  ASSERT_THAT(problems, SizeIs(1));
  EXPECT_THAT(problems[0], HasSubstr("row 2: no model"));
}

TEST(ReadUsage, WhatIsNoBill) {
  EXPECT_THAT(Problems("")[0], HasSubstr("empty file"));
  EXPECT_THAT(Problems("a,b\n1,2\n")[0], HasSubstr("no usage export that is known"));
  EXPECT_THAT(Problems("date,model,input,output\n")[0], HasSubstr("no row"));
  EXPECT_THAT(Problems("{\"a\": 1}")[0], HasSubstr("no list of usage"));
  EXPECT_THAT(Problems("[1, 2")[0], HasSubstr("bill.csv:1:6: the text ends too early"));
  EXPECT_THAT(Problems("date,model,input,output\n\"2026-10-01,m,1,2\n")[0],
              HasSubstr("never closed"));
}

TEST(ReadUsage, ManyBadRowsAreCounted) {
  std::string text = "date,model,input,output\n";
  for (int i = 0; i < 80; ++i) text += "never,m,1,2\n";
  const auto problems = Problems(text);
  ASSERT_THAT(problems, SizeIs(51));
  EXPECT_THAT(problems.back(), HasSubstr("30 more bad rows"));
}

}  // namespace
}  // namespace capacity::usage
