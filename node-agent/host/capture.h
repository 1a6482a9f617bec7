// What was seen of a machine, as a value: in memory, and as a directory that a person can attach to
// a bug report or write by hand.
//
//   files/proc/meminfo            mirrors the tree that was read
//   commands/001.txt              one file a command, in the order they ran:
//                                   $ command line
//                                   exit N
//                                   the output
//
// Read tolerantly, since captures come from strangers: any file names and order in commands/, CRLF,
// a prompt before the $, a missing exit line, the `files/` level left out, `cat FILE` in the place
// of a file, links inside the capture. Never followed: a link that leads out of the capture.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node-agent/host/host.h"

namespace capacity::host {

struct Capture {
  std::map<std::string, std::string> files;  // by absolute path, "/proc/meminfo"
  std::set<std::string> directories;         // that were listed or seen, "/sys/class/net/eth0"
  std::vector<Output> commands;

  bool empty() const { return files.empty() && directories.empty() && commands.empty(); }
};

// One command. Nullopt when its first line is no command line.
std::optional<Output> ParseCommandFile(std::string_view text);
// One file of commands/: one command, or several as they are copied from a terminal, each behind
// the prompt of the first.
std::vector<Output> ParseCommandsFile(std::string_view text);
std::string FormatCommandFile(const Output& output);

// NotFound: no such directory; InvalidArgument: it holds no capture; ResourceExhausted: far larger
// than captures are.
absl::StatusOr<Capture> ReadCapture(const std::string& directory);

// Writes a new directory: all of it appears at once, or nothing. AlreadyExists when `directory` is
// there and not empty.
absl::Status WriteCapture(const Capture& capture, const std::string& directory);

// Answers from `capture`. What was not captured is absent.
std::unique_ptr<Host> Replay(Capture capture);

// Passes everything through to `inner` and remembers it.
class Recorder : public Host {
 public:
  explicit Recorder(Host& inner) : inner_(inner) {}
  std::vector<Output> Run(const Command& command) override;
  std::optional<std::string> Read(std::string_view path) override;
  std::vector<std::string> List(std::string_view path) override;
  const Capture& capture() const { return capture_; }

 private:
  Host& inner_;
  Capture capture_;
};

}  // namespace capacity::host
