// The one door to the machine: run a command, read a file, list a directory.
//
// Live it asks the operating system; replayed it answers from a capture, which a stranger may have
// made by hand. A probe therefore says which command it means and takes every output of that
// program which the host has: live exactly one, replayed all that were captured, the exact command
// first. Parsers look at an output's arguments and text, and use what they understand.
//
// Nothing here throws; nothing here changes the machine.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace capacity::host {

// Outputs and files longer than this are cut there.
inline constexpr std::size_t kLongestText = std::size_t{4} << 20;  // bytes

struct Command {
  std::vector<std::string> arguments;  // program first; never a shell line
  std::chrono::milliseconds timeout{10'000};
  // Where not null: when it becomes true, the program is ended as at its timeout.
  const std::atomic<bool>* stop = nullptr;
};

struct Output {
  enum class How {
    kRan,       // it ended by itself; see exit_code
    kTimedOut,  // it was stopped after the command's timeout
    kAbsent,    // there is no such program
    kFailed,    // it could not be started, or a signal ended it
  };
  How how = How::kRan;
  std::vector<std::string> arguments;  // as it ran (replayed: as it was captured)
  int exit_code = 0;
  std::string text;  // standard output; followed by standard error when it did not end with 0
  bool truncated = false;
};

class Host {
 public:
  virtual ~Host() = default;

  // Never empty. Live: what this one command did. Replayed: every captured output of the same
  // program; one `kAbsent` when there is none.
  virtual std::vector<Output> Run(const Command& command) = 0;

  // The start of the file, at most kLongestText; nullopt when it is absent or unreadable.
  virtual std::optional<std::string> Read(std::string_view path) = 0;

  // Names in the directory, sorted, without those that start with a dot; empty when it is absent.
  virtual std::vector<std::string> List(std::string_view path) = 0;
};

// "sysctl -n hw.memsize" from its arguments, quoting those with spaces.
std::string CommandLine(const std::vector<std::string>& arguments);

// The arguments of a line that a person typed: single and double quotes, backslashes, extra spaces;
// leading VARIABLE=value assignments, `sudo` and `env` left out; the line ends at a pipe, a
// redirection or a semicolon.
std::vector<std::string> SplitCommandLine(std::string_view line);

// "/usr/sbin/sysctl" -> "sysctl".
std::string_view ProgramName(const std::vector<std::string>& arguments);

// In words for a person: "nvidia-smi is not installed", "system_profiler did not end within 15 s",
// "lscpu ended with exit code 1: ..."; empty when it ran and ended with 0.
std::string WhyNot(const Output& output, const Command& command);

}  // namespace capacity::host
