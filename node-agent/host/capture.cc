#include "node-agent/host/capture.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace capacity::host {
namespace {

namespace fs = std::filesystem;

// Captures are a few hundred KiB; these only keep a wrong directory from filling the memory.
constexpr std::size_t kMostEntries = 20'000;
constexpr std::size_t kMostBytes = std::size_t{128} << 20;
constexpr int kTimedOutCode = 124;  // as timeout(1) ends
constexpr int kAbsentCode = 127;    // as a shell ends

absl::string_view ToAbsl(std::string_view text) { return {text.data(), text.size()}; }

// The next line of `rest` without its end; nullopt when there is none.
std::optional<std::string_view> TakeLine(std::string_view& rest) {
  if (rest.empty()) return std::nullopt;
  const std::size_t end = rest.find('\n');
  std::string_view line = rest.substr(0, end);
  rest = end == std::string_view::npos ? std::string_view() : rest.substr(end + 1);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::string_view Trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front())) != 0) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back())) != 0) {
    text.remove_suffix(1);
  }
  return text;
}

// How many characters a terminal's escape sequence has that `text` begins with: colours and cursor
// (CSI, "ESC [ 31 m"), titles (OSC, "ESC ] 0 ; me BEL"), others of two characters (ECMA-48).
std::size_t EscapeLength(std::string_view text) {
  if (text.size() < 2 || text[0] != '\x1b') return text.empty() || text[0] != '\x1b' ? 0 : 1;
  if (text[1] == '[') {
    const std::size_t end = text.find_first_not_of("0123456789:;<=>?!\"#$%&'()*+,-./ ", 2);
    return end == std::string_view::npos ? text.size() : end + 1;
  }
  if (text[1] != ']') return 2;
  const std::size_t end = text.find_first_of("\a\x1b\n", 2);
  if (end == std::string_view::npos) return text.size();
  if (text[end] == '\n') return end;
  return text[end] == '\a' ? end + 1 : std::min(end + 2, text.size());
}

// Without the byte order mark, the carriage returns that editors of other systems add, and what a
// terminal was told beside the text.
std::string Plain(std::string_view text) {
  if (absl::StartsWith(ToAbsl(text), "\xEF\xBB\xBF")) text.remove_prefix(3);
  std::string plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (const std::size_t escape = EscapeLength(text.substr(i)); escape > 0) {
      i += escape - 1;
      continue;
    }
    const bool at_start = plain.empty() || plain.back() == '\n';
    const bool at_end = i + 1 < text.size() && (text[i + 1] == '\n' || text[i + 1] == '\r');
    if (text[i] == '\r' && (at_start || at_end)) continue;
    plain += text[i];
  }
  return plain;
}

// "$ lscpu", "user@host:~$ lscpu", "% lscpu", "# lscpu".
std::optional<std::string_view> CommandAfterPrompt(std::string_view line) {
  const std::string_view trimmed = Trim(line);
  if (trimmed.empty()) return std::nullopt;
  if (trimmed[0] == '$' || trimmed[0] == '%' || trimmed[0] == '#') {
    const std::string_view command = Trim(trimmed.substr(1));
    if (command.empty()) return std::nullopt;
    return command;
  }
  for (const std::string_view prompt : {"$ ", "% ", "# "}) {
    const std::size_t at = trimmed.find(prompt);
    if (at == std::string_view::npos) continue;
    if (trimmed.substr(0, at).find('@') == std::string_view::npos) continue;
    const std::string_view command = Trim(trimmed.substr(at + prompt.size()));
    if (!command.empty()) return command;
  }
  return std::nullopt;
}

// "host" of the prompt "(base) user@host:~/src$ "; empty where it names none.
std::string_view HostOfPrompt(std::string_view prompt) {
  const std::size_t at = prompt.find('@');
  if (at == std::string_view::npos) return {};
  const std::string_view rest = prompt.substr(at + 1);
  return rest.substr(0, rest.find_first_of(" :]$#%~"));
}

// The same, or of the same machine: another user, in another directory.
bool IsPromptLike(std::string_view text, std::string_view prompt) {
  return text == prompt ||
         (!HostOfPrompt(prompt).empty() && HostOfPrompt(text) == HostOfPrompt(prompt));
}

// Programs of which a capture holds outputs: "# " before one is a prompt and no comment.
bool IsKnownProgram(std::string_view command) {
  constexpr std::array kPrograms = {"cat",         "ethtool",         "free",        "grep",
                                    "head",        "ibdev2netdev",    "ibstat",      "ibv_devices",
                                    "ibv_devinfo", "ifconfig",        "ip",          "ls",
                                    "lscpu",       "lspci",           "nvidia-smi",  "rdma",
                                    "rdma_ctl",    "sw_vers",         "sysctl",      "uname",
                                    "vm_stat",     "system_profiler", "networksetup"};
  const std::vector<std::string> arguments = SplitCommandLine(command);
  return std::find(kPrograms.begin(), kPrograms.end(), ProgramName(arguments)) != kPrograms.end();
}

struct ExitLine {
  int code = 0;
  bool truncated = false;
  bool timed_out = false;
};

// "exit 0", "exit: 1", "exit code 1", "exit status 1", "rc=0", "exit 0 truncated".
std::optional<ExitLine> ParseExitLine(std::string_view line) {
  std::string words = absl::AsciiStrToLower(ToAbsl(Trim(line)));
  for (char& c : words) {
    if (c == ':' || c == '=' || c == '[' || c == ']') c = ' ';
  }
  absl::string_view rest = words;
  rest = absl::StripLeadingAsciiWhitespace(rest);
  if (!absl::ConsumePrefix(&rest, "exit") && !absl::ConsumePrefix(&rest, "rc")) {
    return std::nullopt;
  }
  rest = absl::StripLeadingAsciiWhitespace(rest);
  if (!absl::ConsumePrefix(&rest, "code")) absl::ConsumePrefix(&rest, "status");
  rest = absl::StripLeadingAsciiWhitespace(rest);
  ExitLine exit;
  if (absl::ConsumePrefix(&rest, "timeout") || absl::ConsumePrefix(&rest, "timed out")) {
    exit.timed_out = true;
    return exit;
  }
  const bool negative = absl::ConsumePrefix(&rest, "-");
  std::size_t digits = 0;
  while (digits < rest.size() && absl::ascii_isdigit(rest[digits]) && digits < 6) {
    exit.code = exit.code * 10 + (rest[digits++] - '0');
  }
  if (digits == 0) return std::nullopt;
  if (negative) exit.code = -exit.code;
  rest = absl::StripAsciiWhitespace(rest.substr(digits));
  exit.truncated = rest == "truncated";
  exit.timed_out = exit.code == kTimedOutCode;
  // "exit 5 Gb/s" is not an exit line.
  if (!rest.empty() && !exit.truncated && rest != "timed out") return std::nullopt;
  return exit;
}

// What shells say instead of running something.
bool SaysNotFound(std::string_view text) {
  // Ubuntu's: "Command 'ethtool' not found, but can be installed with:", and how.
  const std::size_t first = text.find_first_not_of('\n');
  if (first == std::string_view::npos) return false;
  const std::string_view line = text.substr(first, text.find('\n', first) - first);
  if (absl::StartsWith(ToAbsl(line), "Command '") &&
      absl::StrContains(ToAbsl(line), "' not found")) {
    return true;
  }
  if (text.size() > 400) return false;
  const std::string lower = absl::AsciiStrToLower(ToAbsl(text));
  return absl::StrContains(lower, "command not found") || absl::StrContains(lower, ": not found") ||
         absl::StrContains(lower, "not recognized as") ||
         (absl::StrContains(lower, "no such file or directory") &&
          !absl::StrContains(lower, "cat:") && !absl::StrContains(lower, "grep:"));
}

std::string ReadFile(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text(kLongestText, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(std::max<std::streamsize>(in.gcount(), 0)));
  return text;
}

bool IsInside(const fs::path& path, const fs::path& root) {
  const auto [end, unused] = std::mismatch(root.begin(), root.end(), path.begin(), path.end());
  return end == root.end();
}

struct Entry {
  std::string relative;  // "files/proc/meminfo"
  fs::path path;
  bool directory = false;
};

// Every directory and regular file below `root`, sorted; links only where they stay inside.
absl::StatusOr<std::vector<Entry>> Walk(const fs::path& root) {
  std::vector<Entry> entries;
  std::error_code error;
  fs::recursive_directory_iterator it(root, fs::directory_options::skip_permission_denied, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    std::error_code ignored;
    fs::path target = it->path();
    if (it->is_symlink(ignored)) {
      target = fs::canonical(it->path(), ignored);
      if (ignored || !IsInside(target, root)) continue;
    }
    const bool directory = fs::is_directory(target, ignored);
    if (!directory && !fs::is_regular_file(target, ignored)) continue;
    entries.push_back({it->path().lexically_relative(root).generic_string(), target, directory});
    if (entries.size() > kMostEntries) {
      return absl::ResourceExhaustedError(absl::StrCat(root.string(), " holds more than ",
                                                       kMostEntries,
                                                       " files; a capture holds a few hundred"));
    }
  }
  if (error) return absl::UnavailableError(absl::StrCat(root.string(), ": ", error.message()));
  std::sort(entries.begin(), entries.end(),
            [](const Entry& a, const Entry& b) { return a.relative < b.relative; });
  return entries;
}

bool Hidden(const std::string& relative) {
  // What tells a container from a machine.
  if (relative == "files/.dockerenv" || relative == "files/run/.containerenv") return false;
  return !relative.empty() && (relative[0] == '.' || absl::StrContains(relative, "/."));
}

// The path on the captured machine that an entry stands for; empty for what is no file of it.
std::string MirroredPath(std::string relative) {
  absl::string_view path = relative;
  if (absl::ConsumePrefix(&path, "files/")) return absl::StrCat("/", path);
  for (const char* tree : {"proc/", "sys/", "etc/"}) {
    if (absl::StartsWith(path, tree)) return absl::StrCat("/", path);
  }
  return "";
}

// `cat A B` and `head -n 3 A` show files; `grep . A B` shows "A:line". Adds those as files.
void AddFilesShownBy(const Output& command, Capture& capture) {
  const std::string_view program = ProgramName(command.arguments);
  if (command.how != Output::How::kRan) return;
  if (program == "grep" || program == "tail" || program == "head" || program == "cat") {
    std::string_view rest = command.text;
    std::map<std::string, std::string> shown;
    while (const auto line = TakeLine(rest)) {
      const std::size_t colon = line->find(':');
      if (program != "grep" || line->empty() || (*line)[0] != '/' ||
          colon == std::string_view::npos) {
        continue;
      }
      absl::StrAppend(&shown[std::string(line->substr(0, colon))], ToAbsl(line->substr(colon + 1)),
                      "\n");
    }
    capture.files.merge(shown);
  }
  if (program != "cat" && program != "head") return;
  std::vector<std::string> paths;
  for (std::size_t i = 1; i < command.arguments.size(); ++i) {
    if (command.arguments[i].front() == '/') paths.push_back(command.arguments[i]);
  }
  std::vector<std::string> lines;
  std::string_view rest = command.text;
  while (const auto line = TakeLine(rest)) lines.emplace_back(*line);
  if (paths.size() == 1) {
    const bool absent =
        command.text.empty() || absl::StrContains(lines.empty() ? "" : lines[0], "No such file");
    if (!absent) capture.files.emplace(paths[0], command.text);
  } else if (paths.size() > 1 && lines.size() == paths.size()) {
    // One line each: as the small files of /sys have.
    for (std::size_t i = 0; i < paths.size(); ++i) {
      if (!absl::StrContains(lines[i], "No such file")) {
        capture.files.emplace(paths[i], lines[i] + "\n");
      }
    }
  }
}

// Every parent of every file and directory is a directory.
void AddParents(Capture& capture) {
  std::set<std::string> parents = capture.directories;
  const auto add = [&parents](std::string_view path) {
    for (std::size_t slash = path.rfind('/'); slash != std::string_view::npos && slash > 0;
         slash = path.rfind('/', slash - 1)) {
      if (!parents.emplace(path.substr(0, slash)).second) break;
    }
  };
  for (const auto& [path, unused] : capture.files) add(path);
  for (const std::string& path : capture.directories) add(path);
  capture.directories = std::move(parents);
}

class ReplayHost : public Host {
 public:
  explicit ReplayHost(Capture capture) : capture_(std::move(capture)) {}

  std::vector<Output> Run(const Command& command) override {
    const auto same = [&command](const Output& output) {
      return std::equal(output.arguments.begin() + 1, output.arguments.end(),
                        command.arguments.begin() + 1, command.arguments.end());
    };
    std::vector<Output> outputs;
    if (command.arguments.empty()) return {Output{.how = Output::How::kAbsent}};
    const std::string_view program = ProgramName(command.arguments);
    for (const Output& output : capture_.commands) {
      if (ProgramName(output.arguments) == program) outputs.push_back(output);
    }
    std::stable_partition(outputs.begin(), outputs.end(), same);
    if (outputs.empty()) {
      outputs.push_back({.how = Output::How::kAbsent, .arguments = command.arguments});
    }
    return outputs;
  }

  std::optional<std::string> Read(std::string_view path) override {
    const auto found = capture_.files.find(std::string(path));
    if (found == capture_.files.end()) return std::nullopt;
    return found->second;
  }

  std::vector<std::string> List(std::string_view path) override {
    const std::string prefix = std::string(path) + "/";
    std::set<std::string> names;
    const auto collect = [&](const auto& paths, const auto& key) {
      for (auto it = paths.lower_bound(prefix); it != paths.end(); ++it) {
        const std::string& full = key(*it);
        if (full.compare(0, prefix.size(), prefix) != 0) break;
        std::string name =
            full.substr(prefix.size(), full.find('/', prefix.size()) - prefix.size());
        if (!name.empty() && name[0] != '.') names.insert(std::move(name));
      }
    };
    collect(capture_.files, [](const auto& entry) -> const std::string& { return entry.first; });
    collect(capture_.directories, [](const auto& entry) -> const std::string& { return entry; });
    return {names.begin(), names.end()};
  }

 private:
  Capture capture_;
};

absl::Status WriteText(const fs::path& path, const std::string& text) {
  std::error_code error;
  fs::create_directories(path.parent_path(), error);
  std::ofstream out(path, std::ios::binary);
  out << text;
  out.close();
  if (error || !out) return absl::UnavailableError(absl::StrCat("cannot write ", path.string()));
  return absl::OkStatus();
}

absl::Status WriteTree(const Capture& capture, const fs::path& root) {
  for (const auto& [path, text] : capture.files) {
    if (absl::Status status = WriteText(root / "files" / path.substr(1), text); !status.ok()) {
      return status;
    }
  }
  for (const std::string& path : capture.directories) {
    if (capture.files.count(path) > 0) continue;  // a listed name turned out to be a file
    std::error_code error;
    const fs::path directory = root / "files" / path.substr(1);
    fs::create_directories(directory, error);
    // Version control and archives drop empty directories, and their names are evidence.
    if (fs::is_empty(directory, error)) {
      if (absl::Status status = WriteText(directory / ".keep", ""); !status.ok()) return status;
    }
  }
  int number = 0;
  for (const Output& output : capture.commands) {
    char name[32];
    std::snprintf(name, sizeof name, "%03d.txt", ++number);
    if (absl::Status status = WriteText(root / "commands" / name, FormatCommandFile(output));
        !status.ok()) {
      return status;
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::optional<Output> ParseCommandFile(std::string_view text) {
  const std::string plain = Plain(text);
  std::string_view rest = plain;
  std::optional<std::string_view> command;
  // A comment or an empty line may come before.
  constexpr int kLinesBefore = 5;
  for (int i = 0; i < kLinesBefore; ++i) {
    const auto line = TakeLine(rest);
    if (!line) break;
    const auto found = CommandAfterPrompt(*line);
    if (!found) continue;
    const bool comment = Trim(*line)[0] == '#';
    if (!command || !comment) command = found;
    std::string_view ahead = rest;
    const auto next = TakeLine(ahead);
    // "# taken by hand" followed by "$ lscpu": the second is meant.
    if (!comment || !next || Trim(*next).empty() || Trim(*next)[0] != '$') break;
  }
  if (!command) return std::nullopt;
  Output output;
  output.arguments = SplitCommandLine(*command);
  if (output.arguments.empty()) return std::nullopt;

  std::string_view ahead = rest;
  const auto second = TakeLine(ahead);
  const std::optional<ExitLine> exit = second ? ParseExitLine(*second) : std::nullopt;
  if (exit) rest = ahead;
  output.text = std::string(rest);
  output.exit_code = exit ? exit->code : 0;
  output.truncated = exit && exit->truncated;
  if (exit && exit->timed_out) {
    output.how = Output::How::kTimedOut;
  } else if (exit ? exit->code == kAbsentCode || (exit->code != 0 && SaysNotFound(output.text))
                  : SaysNotFound(output.text)) {
    output.how = Output::How::kAbsent;
    output.text.clear();
  }
  return output;
}

std::vector<Output> ParseCommandsFile(std::string_view text) {
  const std::string plain = Plain(text);
  std::vector<std::size_t> starts = {0};
  std::optional<std::string_view> prompt;  // of the first command
  bool exits = false;                      // it has an exit line, so the others have
  for (std::string_view rest = plain; !rest.empty();) {
    const std::size_t at = plain.size() - rest.size();
    const std::string_view line = *TakeLine(rest);
    const auto command = CommandAfterPrompt(line);
    if (prompt && !exits && !command && !Trim(line).empty() && Trim(line) == Trim(*prompt)) {
      starts.push_back(at);  // the prompt that the last command ended with
    }
    // Behind a "#" alone stand comments as well, also on the command below.
    if (!command || (Trim(line)[0] == '#' && !IsKnownProgram(*command))) continue;
    if (!prompt && Trim(line)[0] == '#' && absl::StartsWith(ToAbsl(Trim(rest)), "$")) continue;
    const auto before = line.substr(0, static_cast<std::size_t>(command->data() - line.data()));
    std::string_view ahead = rest;
    const auto next = TakeLine(ahead);
    const bool exit_follows = next && ParseExitLine(*next).has_value();
    if (!prompt) {
      prompt = before;
      exits = exit_follows;
    } else if (IsPromptLike(before, *prompt) && exit_follows == exits) {
      starts.push_back(at);
    }
  }
  starts.push_back(plain.size());
  std::vector<Output> outputs;
  for (std::size_t i = 0; i + 1 < starts.size(); ++i) {
    auto output =
        ParseCommandFile(std::string_view(plain).substr(starts[i], starts[i + 1] - starts[i]));
    if (output) outputs.push_back(*std::move(output));
  }
  return outputs;
}

std::string FormatCommandFile(const Output& output) {
  int code = output.exit_code;
  if (output.how == Output::How::kAbsent) code = kAbsentCode;
  if (output.how == Output::How::kTimedOut) code = kTimedOutCode;
  if (output.how == Output::How::kFailed) code = 126;  // as a shell ends
  return absl::StrCat("$ ", CommandLine(output.arguments), "\nexit ", code,
                      output.truncated ? " truncated" : "", "\n", output.text);
}

absl::StatusOr<Capture> ReadCapture(const std::string& directory) {
  std::error_code error;
  const fs::path root = fs::canonical(directory, error);
  if (error || !fs::is_directory(root, error)) {
    return absl::NotFoundError(absl::StrCat(directory, ": no such directory"));
  }
  absl::StatusOr<std::vector<Entry>> entries = Walk(root);
  if (!entries.ok()) return entries.status();
  Capture capture;
  std::size_t bytes = 0;
  for (const Entry& entry : *entries) {
    const std::string path = MirroredPath(entry.relative);
    if (entry.directory) {
      if (!path.empty() && !Hidden(entry.relative)) capture.directories.insert(path);
      continue;
    }
    if (Hidden(entry.relative)) continue;
    std::string text = ReadFile(entry.path);
    bytes += text.size();
    if (bytes > kMostBytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat(directory, " holds more than 128 MiB; a capture holds a few hundred KiB"));
    }
    if (!path.empty()) {
      capture.files[path] = Plain(text);
    } else if (absl::StartsWith(entry.relative, "commands/") ||
               (!absl::StrContains(entry.relative, "/") && absl::StartsWith(text, "$"))) {
      for (Output& output : ParseCommandsFile(text)) capture.commands.push_back(std::move(output));
    }
  }
  for (const Output& command : capture.commands) AddFilesShownBy(command, capture);
  AddParents(capture);
  if (capture.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat(directory,
                     " is no capture: it holds neither files/ nor commands/ that could "
                     "be read; `node-agent capture --out DIR` makes one"));
  }
  return capture;
}

absl::Status WriteCapture(const Capture& capture, const std::string& directory) {
  std::error_code error;
  const fs::path target = fs::absolute(directory, error).lexically_normal();
  if (fs::exists(target, error) &&
      !(fs::is_directory(target, error) && fs::is_empty(target, error))) {
    return absl::AlreadyExistsError(
        absl::StrCat(directory, " exists and is not empty; name a new directory"));
  }
  fs::path parent = (target.has_filename() ? target : target.parent_path()).parent_path();
  fs::create_directories(parent, error);
  std::string fresh = (parent / ".capture-XXXXXX").string();
  if (mkdtemp(fresh.data()) == nullptr) {
    return absl::UnavailableError(absl::StrCat("cannot write in ", parent.string(), ": ",
                                               std::generic_category().message(errno)));
  }
  absl::Status status = WriteTree(capture, fresh);
  if (status.ok()) {
    fs::permissions(fresh,
                    fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec |
                        fs::perms::others_read | fs::perms::others_exec,
                    error);
    fs::rename(fresh, target, error);  // replaces an empty directory
    if (error) {
      status =
          absl::UnavailableError(absl::StrCat("cannot make ", directory, ": ", error.message()));
    }
  }
  if (!status.ok()) fs::remove_all(fresh, error);
  return status;
}

std::unique_ptr<Host> Replay(Capture capture) {
  return std::make_unique<ReplayHost>(std::move(capture));
}

std::vector<Output> Recorder::Run(const Command& command) {
  std::vector<Output> outputs = inner_.Run(command);
  for (const Output& output : outputs) {
    const bool known =
        std::any_of(capture_.commands.begin(), capture_.commands.end(),
                    [&output](const Output& other) { return other.arguments == output.arguments; });
    if (!known) capture_.commands.push_back(output);
  }
  return outputs;
}

std::optional<std::string> Recorder::Read(std::string_view path) {
  std::optional<std::string> text = inner_.Read(path);
  if (text) capture_.files.emplace(path, *text);
  return text;
}

std::vector<std::string> Recorder::List(std::string_view path) {
  std::vector<std::string> names = inner_.List(path);
  for (const std::string& name : names) {
    capture_.directories.insert(std::string(path) + "/" + name);
  }
  return names;
}

}  // namespace capacity::host
