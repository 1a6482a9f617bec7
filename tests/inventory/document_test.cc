#include "planner/inventory/document.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "tests/inventory/support.h"

namespace capacity::inventory {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

std::vector<std::string> ProblemsOf(std::string_view text, DocumentLimits limits = {}) {
  return Lines(ParseDocument("f.yaml", text, limits).problems);
}

// A file that is gone when the test ends.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& name)
      : path_((std::filesystem::temp_directory_path() /
               (name + std::to_string(std::chrono::steady_clock::now().time_since_epoch().count())))
                  .string()) {}
  ~TemporaryFile() { std::filesystem::remove(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

TEST(Document, KnowsWhereEachValueStands) {
  const ParsedDocument parsed = ParseDocument("f.yaml",
                                              "# a comment\n"
                                              "nodes:\n"
                                              "  - name: studio\n"
                                              "    memory: \"128 GiB\"\n",
                                              {});
  ASSERT_TRUE(parsed.document.has_value());
  const Value* nodes = parsed.document->root().Find("nodes");
  ASSERT_NE(nodes, nullptr);
  ASSERT_EQ(nodes->items.size(), 1u);
  const Value* memory = nodes->items[0]->Find("memory");
  ASSERT_NE(memory, nullptr);
  EXPECT_EQ(memory->text, "128 GiB");
  EXPECT_EQ(*memory->file, "f.yaml");
  EXPECT_EQ(memory->line, 4);
  EXPECT_EQ(memory->column, 13);
}

TEST(Document, AnAliasIsTheSameValueAgain) {
  const ParsedDocument parsed = ParseDocument("f.yaml", "a: &x [1, 2]\nb: *x\n", {});
  ASSERT_TRUE(parsed.document.has_value());
  EXPECT_EQ(parsed.document->root().Find("a"), parsed.document->root().Find("b"));
}

TEST(Document, ReadsAByteOrderMarkAndWindowsLineEnds) {
  EXPECT_THAT(ProblemsOf("\xEF\xBB\xBFname: x\r\nsize: y\r\n"), IsEmpty());
}

TEST(Document, RefusesAnEmptyFile) {
  EXPECT_THAT(ProblemsOf(""), ElementsAre("f.yaml: the file is empty"));
  EXPECT_THAT(ProblemsOf(" \n\t\n"), ElementsAre("f.yaml: the file is empty"));
  EXPECT_THAT(ProblemsOf("# only a comment\n"),
              ElementsAre("f.yaml: the file holds no YAML values, only comments"));
}

TEST(Document, RefusesBinaryData) {
  EXPECT_THAT(ProblemsOf(std::string_view("name: x\n\x7F"
                                          "ELF\0\0",
                                          14)),
              ElementsAre("f.yaml:2:1: byte 0x7f does not belong in a text file; this looks like "
                          "binary data; give a YAML file"));
  EXPECT_THAT(ProblemsOf(std::string_view("a\0b", 3)),
              ElementsAre("f.yaml:1:2: byte 0x00 does not belong in a text file; this looks like "
                          "binary data; give a YAML file"));
}

TEST(Document, RefusesWhatIsNotUtf8) {
  // A stray continuation byte, an overlong slash, a surrogate, and a sequence cut short.
  for (const std::string bad : {"\x80", "\xC0\xAF", "\xED\xA0\x80", "\xE2\x82"}) {
    EXPECT_THAT(ProblemsOf("name: " + bad),
                ElementsAre("f.yaml:1:7: not UTF-8 text; save the file as UTF-8"));
  }
  EXPECT_THAT(ProblemsOf("name: \xE2\x82\xAC\n"), IsEmpty());  // a euro sign
}

TEST(Document, LocatesSyntaxErrors) {
  EXPECT_THAT(ProblemsOf("a: [1, 2\nb: 3\n"),
              ElementsAre(HasSubstr("f.yaml:2:2: not valid YAML: ")));
  EXPECT_THAT(ProblemsOf("a: *nowhere\n"), ElementsAre(HasSubstr("f.yaml:1:4: not valid YAML: ")));
}

TEST(Document, ReportsEveryRepeatedKey) {
  EXPECT_THAT(ProblemsOf("a: 1\nb: {c: 1, c: 2}\na: 3\n"),
              ElementsAre("f.yaml:2:11: \"c\" is given twice; it is already on line 2",
                          "f.yaml:3:1: \"a\" is given twice; it is already on line 1"));
}

TEST(Document, RefusesKeysThatAreNoWords) {
  EXPECT_THAT(ProblemsOf("? [1, 2]\n: x\n"),
              ElementsAre("f.yaml:1:3: a key must be a word, not a list"));
}

TEST(Document, RefusesSeveralDocuments) {
  EXPECT_THAT(ProblemsOf("a: 1\n---\nb: 2\n"),
              ElementsAre("f.yaml:2:1: a second YAML document starts here; keep one document in a "
                          "file"));
}

TEST(Document, RefusesDeepNesting) {
  EXPECT_THAT(ProblemsOf(std::string(64, '[') + std::string(64, ']')), IsEmpty());
  EXPECT_THAT(ProblemsOf(std::string(65, '[') + std::string(65, ']')),
              ElementsAre("f.yaml:1:65: nested deeper than 64 levels"));
  EXPECT_THAT(ProblemsOf(std::string(100'000, '{')),
              ElementsAre(HasSubstr("nested deeper than 64 levels")));
  std::string block;
  for (int i = 0; i < 70; ++i) block += std::string(static_cast<std::size_t>(i), ' ') + "k:\n";
  EXPECT_THAT(ProblemsOf(block), ElementsAre(HasSubstr("nested deeper than 64 levels")));
}

// "Billion laughs": 300 bytes that stand for 10^9 values.
TEST(Document, RefusesAnAliasBombWithoutExpandingIt) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string below = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [";
    for (int j = 0; j < 10; ++j) bomb += (j == 0 ? "" : ", ") + below;
    bomb += "]\n";
  }
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(ProblemsOf(bomb),
              ElementsAre(HasSubstr("more than 1000000 values once aliases are followed")));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(1));
}

TEST(Document, RefusesAnAliasOfItself) {
  EXPECT_THAT(ProblemsOf("a: &x [*x]\n"),
              ElementsAre("f.yaml:1:8: an alias stands inside the value that it names; write the "
                          "value out"));
}

TEST(ReadDocument, RefusesALargeFileByItsSize) {
  const TemporaryFile file("large");
  {
    std::ofstream(file.path()) << "a: 1\n";
  }
  std::filesystem::resize_file(file.path(), 100 << 20);  // sparse: nothing is written
  const auto start = std::chrono::steady_clock::now();
  EXPECT_THAT(Lines(ReadDocument(file.path(), {}).problems),
              ElementsAre(file.path() + ": has 104857600 bytes; at most 4 MiB are read"));
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(100));
}

TEST(ReadDocument, RefusesWhatCannotBeRead) {
  const std::string directory = std::filesystem::temp_directory_path().string();
  EXPECT_THAT(Lines(ReadDocument(directory, {}).problems),
              ElementsAre(directory + ": is a directory; give a YAML file"));
  EXPECT_THAT(Lines(ReadDocument("/nowhere/f.yaml", {}).problems),
              ElementsAre("/nowhere/f.yaml: no such file"));
}

TEST(ReadDocument, StopsReadingADeviceAtTheLimit) {
  EXPECT_THAT(Lines(ReadDocument("/dev/zero", {}).problems),
              ElementsAre("/dev/zero: has more than 4 MiB; no more are read"));
}

}  // namespace
}  // namespace capacity::inventory
