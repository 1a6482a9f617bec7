#include "node-agent/host/host.h"

#include <cctype>

#include "absl/strings/str_cat.h"

namespace capacity::host {
namespace {

constexpr std::size_t kQuotedFromOutput = 120;  // characters of an output shown in a reason

bool IsAssignment(std::string_view word) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos || equals == 0) return false;
  for (const char c : word.substr(0, equals)) {
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_') return false;
  }
  return std::isdigit(static_cast<unsigned char>(word[0])) == 0;
}

// Pipes and redirections end what the program itself was given.
bool EndsCommand(char c) { return c == '|' || c == ';' || c == '>' || c == '<' || c == '&'; }

std::string FirstLine(std::string_view text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      if (line.empty()) continue;
      break;
    }
    if (line.size() == kQuotedFromOutput) return line + "...";
    line += static_cast<unsigned char>(c) < ' ' ? ' ' : c;
  }
  return line;
}

}  // namespace

std::string CommandLine(const std::vector<std::string>& arguments) {
  std::string line;
  for (const std::string& argument : arguments) {
    if (!line.empty()) line += ' ';
    const bool plain =
        !argument.empty() && argument.find_first_of(" \t\n\"'\\|;<>&") == std::string::npos;
    line += plain ? argument : absl::StrCat("'", argument, "'");
  }
  return line;
}

std::vector<std::string> SplitCommandLine(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool in_word = false;
  char quote = 0;
  const auto finish = [&] {
    if (in_word) words.push_back(word);
    word.clear();
    in_word = false;
  };
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote != 0) {
      if (c == quote) {
        quote = 0;
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
      in_word = true;
    } else if (c == '\\' && i + 1 < line.size()) {
      word += line[++i];
      in_word = true;
    } else if (EndsCommand(c)) {
      // "2>/dev/null": the digit belongs to the redirection.
      if (c == '>' && (word == "2" || word == "1")) in_word = false;
      break;
    } else if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      finish();
    } else {
      word += c;
      in_word = true;
    }
  }
  finish();
  std::size_t first = 0;
  while (first < words.size() &&
         (IsAssignment(words[first]) || words[first] == "sudo" || words[first] == "env")) {
    ++first;
  }
  words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(first));
  return words;
}

std::string_view ProgramName(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return {};
  const std::string_view path = arguments[0];
  const std::size_t slash = path.rfind('/');
  return slash == std::string_view::npos ? path : path.substr(slash + 1);
}

std::string WhyNot(const Output& output, const Command& command) {
  const std::string program(ProgramName(command.arguments));
  switch (output.how) {
    case Output::How::kAbsent:
      return absl::StrCat(program, " is not there");
    case Output::How::kTimedOut:
      return absl::StrCat(program, " did not end within ", command.timeout.count() / 1000, " s");
    case Output::How::kFailed:
      return absl::StrCat(program, " could not be run to its end");
    case Output::How::kRan:
      break;
  }
  if (output.exit_code == 0) return "";
  const std::string said = FirstLine(output.text);
  return absl::StrCat(program, " ended with exit code ", output.exit_code, said.empty() ? "" : ": ",
                      said);
}

}  // namespace capacity::host
