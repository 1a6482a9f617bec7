// Pages of docs/ that show what the commands print today: money.md and questions.md.
//
// A block that begins with "$ planner ..." is run and compared line by line. "| grep -E PATTERN"
// keeps the lines that match, as a shell would. With CAPACITY_UPDATE_PAGES=1 the page is rewritten
// instead. Prose repeats figures of the blocks in bold, and measured speeds as "m1383: 81.34
// tokens/s"; both are looked up.
#include <cstdlib>
#include <fstream>
#include <optional>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/program.h"

namespace capacity {
namespace {

using testing::Planner;
using testing::Ran;

const std::string kRoot = CAPACITY_SOURCE_DIR;

std::string FileOf(const std::string& page) { return kRoot + "/docs/" + page + ".md"; }

std::string Slurp(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

std::vector<std::string> Lines(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// Words of a command line; single quotes hold words together.
std::vector<std::string> Words(const std::string& command) {
  std::vector<std::string> words;
  static const std::regex kWord("'([^']*)'|(\\S+)");
  for (std::sregex_iterator it(command.begin(), command.end(), kWord), end; it != end; ++it) {
    words.push_back((*it)[1].matched ? (*it)[1].str() : (*it)[2].str());
  }
  return words;
}

// What `command` ("planner ... [| grep -E PATTERN]") prints, line by line.
std::vector<std::string> Run(const std::string& command) {
  std::vector<std::string> words = Words(command);
  EXPECT_FALSE(words.empty());
  EXPECT_EQ(words.front(), "planner") << command;
  words.erase(words.begin());
  std::optional<std::regex> wanted;
  const std::size_t size = words.size();
  if (size > 4 && words[size - 4] == "|") {
    EXPECT_EQ(words[size - 3] + words[size - 2], "grep-E") << command;
    wanted = std::regex(words[size - 1], std::regex::extended);
    words.resize(size - 4);
  }
  const Ran ran = Planner(words, {"COLUMNS=100"});
  EXPECT_EQ(ran.exit_code, 0) << command << "\n" << ran.err;
  std::vector<std::string> kept;
  for (std::string& line : Lines(ran.out)) {
    if (!wanted || std::regex_search(line, *wanted)) kept.push_back(std::move(line));
  }
  return kept;
}

struct Page {
  std::string fresh;                  // the page with every block as it would be today
  std::string prose;                  // without the blocks
  std::vector<std::string> commands;  // as written
};

// Blocks are fenced by ``` lines; the first line of one that runs something begins with "$ ".
Page Refresh(const std::string& text) {
  Page page;
  const std::vector<std::string> lines = Lines(text);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    page.fresh += lines[i] + "\n";
    if (lines[i] != "```console") {
      page.prose += lines[i] + "\n";
      continue;
    }
    while (++i < lines.size() && lines[i] != "```") {
      if (lines[i].rfind("$ ", 0) != 0) continue;
      page.commands.push_back(lines[i].substr(2));
      page.fresh += lines[i] + "\n";
      for (const std::string& line : Run(page.commands.back())) page.fresh += line + "\n";
    }
    page.fresh += "```\n";
  }
  return page;
}

class Pages : public ::testing::TestWithParam<const char*> {};

TEST_P(Pages, ShowWhatTheirCommandsPrint) {
  const std::string text = Slurp(FileOf(GetParam()));
  ASSERT_FALSE(text.empty());
  const Page page = Refresh(text);
  EXPECT_GE(page.commands.size(), 10u);
  if (std::getenv("CAPACITY_UPDATE_PAGES") != nullptr) {
    std::ofstream(FileOf(GetParam()), std::ios::binary) << page.fresh;
    return;
  }
  const std::vector<std::string> shown = Lines(text);
  const std::vector<std::string> fresh = Lines(page.fresh);
  for (std::size_t i = 0; i < std::min(shown.size(), fresh.size()); ++i) {
    ASSERT_EQ(shown[i], fresh[i]) << "docs/" << GetParam() << ".md:" << i + 1
                                  << ": stale; CAPACITY_UPDATE_PAGES=1 cli_test rewrites it";
  }
  EXPECT_EQ(shown.size(), fresh.size());
}

TEST_P(Pages, BoldFiguresStandInTheirBlocks) {
  const Page page = Refresh(Slurp(FileOf(GetParam())));
  std::string blocks;
  bool inside = false;
  for (const std::string& line : Lines(page.fresh)) {
    if (line.rfind("```", 0) == 0) {
      inside = line == "```console";
    } else if (inside) {
      blocks += line + "\n";
    }
  }
  static const std::regex kBold("\\*\\*([^*]+)\\*\\*");
  int figures = 0;
  for (std::sregex_iterator it(page.prose.begin(), page.prose.end(), kBold), end; it != end; ++it) {
    const std::string figure = (*it)[1];
    ++figures;
    EXPECT_NE(blocks.find(figure), std::string::npos) << "no block shows " << figure;
  }
  EXPECT_GE(figures, 4);
}

INSTANTIATE_TEST_SUITE_P(Docs, Pages, ::testing::Values("money", "questions"),
                         [](const auto& page) { return std::string(page.param); });

// The indented command lines of a page, comments taken off, continued lines joined.
std::vector<std::string> CommandLines(const std::string& page) {
  static const std::regex kComment("\\s+#.*$");
  std::vector<std::string> commands;
  bool continued = false;
  for (const std::string& line : Lines(page)) {
    if (!continued && line.rfind("    planner ", 0) != 0) continue;
    std::string words = std::regex_replace(line, kComment, "");
    const bool more = words.back() == '\\';
    if (more) words.pop_back();
    if (continued) {
      commands.back() += words;
    } else {
      commands.push_back(words);
    }
    continued = more;
  }
  return commands;
}

TEST(LaunchPage, EveryCommandRunsAsItStands) {
  const std::vector<std::string> commands = CommandLines(Slurp(FileOf("launch")));
  EXPECT_GE(commands.size(), 3u);
  for (const std::string& command : commands) {
    std::vector<std::string> words = Words(command);
    words.erase(words.begin());
    if (words.front() == "launch") words.push_back("--dry-run");
    const Ran ran = Planner(words);
    EXPECT_EQ(ran.exit_code, 0) << command << "\n" << ran.err;
  }
}

TEST(MoneyPage, MeasuredSpeedsStandInTheMeasurements) {
  const std::string prose = Slurp(FileOf("money"));
  const std::vector<std::string> rows = Lines(Slurp(kRoot + "/data/measurements.csv"));
  static const std::regex kMeasured("(m[0-9]{4}): ([0-9.]+) tokens/s");
  int found = 0;
  for (std::sregex_iterator it(prose.begin(), prose.end(), kMeasured), end; it != end; ++it) {
    const std::string id = (*it)[1].str() + ",";
    const std::string speed = "," + (*it)[2].str() + ",";
    bool held = false;
    for (const std::string& row : rows) {
      held |= row.rfind(id, 0) == 0 && row.find(speed) != std::string::npos;
    }
    EXPECT_TRUE(held) << id << speed;
    ++found;
  }
  EXPECT_GE(found, 1);
}

}  // namespace
}  // namespace capacity
