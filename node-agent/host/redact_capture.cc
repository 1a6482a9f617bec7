#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/host/redact.h"

namespace capacity::host {
namespace {

bool IsOneOf(std::string_view text, const auto& all) {
  return std::find(all.begin(), all.end(), text) != all.end();
}

bool BeginsWithOneOf(std::string_view text, const auto& all) {
  return std::any_of(all.begin(), all.end(), [text](std::string_view beginning) {
    return text.substr(0, beginning.size()) == beginning;
  });
}

// Programs that print no names of computers and people, and many words that may be such: a host may
// be called "gb10" or "workstation", a user Max.
constexpr std::array<std::string_view, 3> kNamelessPrograms = {"nvidia-smi", "lscpu", "lspci"};
constexpr std::array<std::string_view, 9> kNamelessFiles = {
    "/sys/class/dmi/",     "/sys/bus/pci/",       "/proc/cpuinfo",
    "/proc/meminfo",       "/etc/os-release",     "/etc/dgx-release",
    "/etc/fastos-release", "/usr/lib/os-release", "/proc/device-tree/"};
// Where somebody may have named what is in a path, or in an argument. What all other paths and
// arguments are is written in this program.
constexpr std::array<std::string_view, 6> kNamedPaths = {"/sys/class/net/",
                                                         "/sys/class/infiniband/",
                                                         "/sys/devices/virtual/net/",
                                                         "/sys/fs/cgroup/",
                                                         "/home/",
                                                         "/Users/"};
constexpr std::array<std::string_view, 3> kProgramsOfNames = {"ethtool", "ip", "ifconfig"};

std::string RedactDirectory(const std::string& path, const Redactor& redactor) {
  for (const std::string_view beginning : kNamedPaths) {
    if (std::string_view(path).substr(0, beginning.size()) != beginning) continue;
    // The whole of it, for homes are known by their beginning.
    if (beginning == "/home/" || beginning == "/Users/") return redactor.Redact(path);
    return absl::StrCat(path.substr(0, beginning.size()),
                        redactor.Redact(path.substr(beginning.size())));
  }
  return redactor.RedactNumbers(path);
}

// The name of the file itself is the kernel's: "memory.max".
std::string RedactFile(const std::string& path, const Redactor& redactor) {
  const std::size_t name = path.rfind('/') + 1;
  return absl::StrCat(RedactDirectory(path.substr(0, name), redactor),
                      redactor.RedactNumbers(path.substr(name)));
}

// What runs on a machine is nobody's business, and command lines hold passwords. `nvidia-smi -q -x`
// lists the processes of every card, which no probe reads.
std::string WithoutProcesses(std::string text) {
  for (const std::string_view tag : {"processes", "accounted_processes"}) {
    const std::string open = absl::StrCat("<", std::string(tag), ">");
    const std::string close = absl::StrCat("</", std::string(tag), ">");
    for (std::size_t at = text.find(open); at != std::string::npos; at = text.find(open, at)) {
      const std::size_t end = text.find(close, at);
      text.erase(at, end == std::string::npos ? end : end + close.size() - at);
    }
  }
  return text;
}

}  // namespace

Names NamesIn(const Capture& capture) {
  Names names;
  if (const auto file = capture.files.find("/proc/sys/kernel/hostname");
      file != capture.files.end()) {
    names.hosts.push_back(file->second);
  }
  for (const Output& output : capture.commands) {
    const std::string_view program = ProgramName(output.arguments);
    if (program == "uname") {
      // "Linux NAME 6.14.0 ...", "Darwin NAME 25.2.0 ..."
      const std::size_t first = output.text.find(' ');
      if (first == std::string::npos) continue;
      const std::size_t second = output.text.find(' ', first + 1);
      const std::string word = output.text.substr(first + 1, second - first - 1);
      if (!word.empty() && std::isdigit(static_cast<unsigned char>(word[0])) == 0)
        names.hosts.push_back(word);
    } else if (program == "sysctl") {
      const std::size_t at = output.text.find("kern.hostname");
      if (at == std::string::npos) continue;
      std::size_t from = output.text.find_first_not_of(" :=", at + 13);
      if (from == std::string::npos) continue;
      names.hosts.push_back(output.text.substr(from, output.text.find('\n', from) - from));
    } else if (program == "hostname") {
      names.hosts.push_back(output.text);
    }
  }
  return names;
}

Capture Redact(const Capture& capture, const Redactor& redactor) {
  Capture redacted;
  for (const auto& [path, text] : capture.files) {
    redacted.files[RedactFile(path, redactor)] = BeginsWithOneOf(path, kNamelessFiles)
                                                     ? redactor.RedactNumbers(text)
                                                     : redactor.Redact(text);
  }
  for (const std::string& path : capture.directories) {
    redacted.directories.insert(RedactDirectory(path, redactor));
  }
  for (Output output : capture.commands) {
    const std::string program(ProgramName(output.arguments));
    const bool named = IsOneOf(program, kProgramsOfNames);
    for (std::string& argument : output.arguments) {
      argument = named ? redactor.Redact(argument) : redactor.RedactNumbers(argument);
    }
    output.text = WithoutProcesses(std::move(output.text));
    output.text = IsOneOf(program, kNamelessPrograms) ? redactor.RedactNumbers(output.text)
                                                      : redactor.Redact(output.text);
    redacted.commands.push_back(std::move(output));
  }
  return redacted;
}

}  // namespace capacity::host
