#include "planner/base/csv.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace capacity {
namespace {

std::vector<std::string> Texts(const CsvRow& row) {
  std::vector<std::string> texts;
  for (const CsvField& field : row) texts.push_back(field.text);
  return texts;
}

std::string Problems(std::string_view text) {
  Diagnostics problems;
  EXPECT_FALSE(ReadCsv("f.csv", text, problems).has_value());
  std::string all;
  for (const Diagnostic& problem : problems) all += ToString(problem) + "\n";
  return all;
}

TEST(Csv, ReadsQuotesNewlinesAndCrLf) {
  Diagnostics problems;
  const auto table = ReadCsv("f.csv",
                             "\xEF\xBB\xBF"
                             "a,b,c\r\n1,\"x, \"\"y\"\"\nz\",3\r\n\r\n4,,6\n",
                             problems);
  ASSERT_TRUE(table.has_value());
  EXPECT_THAT(table->header, testing::ElementsAre("a", "b", "c"));
  ASSERT_EQ(table->rows.size(), 2u);
  EXPECT_THAT(Texts(table->rows[0]), testing::ElementsAre("1", "x, \"y\"\nz", "3"));
  EXPECT_THAT(Texts(table->rows[1]), testing::ElementsAre("4", "", "6"));
  EXPECT_EQ(table->rows[1][0].line, 5);
  EXPECT_EQ(table->rows[1][2].column, 4);
}

TEST(Csv, NamesEveryProblemAtItsPlace) {
  EXPECT_EQ(Problems("a,b\n1\n1,2,3\n"),
            "f.csv:2:1: row has 1 fields, the header 2; quote fields that contain commas\n"
            "f.csv:3:1: row has 3 fields, the header 2; quote fields that contain commas\n");
  EXPECT_EQ(Problems("a,b\n1,\"x\n"),
            "f.csv:2:3: a quote is opened and never closed; close it, or double it to mean a "
            "quote\n");
  EXPECT_EQ(Problems("a,b\n1,\"x\"y\n"),
            "f.csv:2:6: text after a closing quote; double a quote inside a quoted field\n");
  EXPECT_EQ(Problems("a,a\n1,2\n"), "f.csv:1:3: column \"a\" appears twice\n");
  EXPECT_EQ(Problems(""), "f.csv: empty file; expected a header line and rows\n");
  EXPECT_EQ(Problems(std::string_view("a\0b", 3)),
            "f.csv: not a text file; expected comma-separated values\n");
}

TEST(Csv, RefusesAHugeFile) {
  EXPECT_EQ(Problems(std::string(kMaxCsvBytes + 1, 'a')),
            "f.csv: file of 64 MiB is too large; at most 64 MiB\n");
}

TEST(Csv, QuotesWhatItMust) {
  EXPECT_EQ(CsvQuote("plain"), "plain");
  EXPECT_EQ(CsvQuote("a,\"b\""), "\"a,\"\"b\"\"\"");
}

}  // namespace
}  // namespace capacity
