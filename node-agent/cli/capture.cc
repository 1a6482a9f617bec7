#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "node-agent/cli/commands.h"
#include "node-agent/cli/common.h"
#include "node-agent/host/capture.h"
#include "node-agent/host/live.h"
#include "node-agent/host/redact.h"
#include "node-agent/probe/apple.h"

namespace capacity::agent_cli {
namespace {

struct Arguments {
  std::string out;
  std::string salt;
};

// Names of this machine and of who is logged in, to be replaced wherever they stand.
host::Names LocalNames() {
  host::Names names;
  std::array<char, 256> hostname{};
  if (gethostname(hostname.data(), hostname.size() - 1) == 0)
    names.hosts.emplace_back(hostname.data());
  for (const char* variable : {"USER", "LOGNAME", "SUDO_USER"}) {
    if (const char* user = std::getenv(variable)) names.users.emplace_back(user);
  }
  if (const passwd* entry = getpwuid(getuid())) names.users.emplace_back(entry->pw_name);
  return names;
}

// "Mac Studio", "Mac15,14": a computer that was never given a name goes by its model's, which tells
// nothing of anybody.
bool NamesAModel(const std::string& name) {
  constexpr std::array kModels = {"mac",         "imac",    "mac mini",    "mac studio", "mac pro",
                                  "macbook pro", "macbook", "macbook air", "computer"};
  const std::string lower = absl::AsciiStrToLower(name);
  const std::size_t letters = lower.find_first_of("0123456789");
  const bool identifier = letters != std::string::npos && letters > 0 &&
                          lower.find(',') != std::string::npos &&
                          lower.find_first_not_of("abcdefghijklmnopqrstuvwxyz") == letters &&
                          lower.find_first_not_of("0123456789,", letters) == std::string::npos;
  return identifier || std::find(kModels.begin(), kModels.end(), lower) != kModels.end();
}

// Adds it as it stands and as JSON writes it.
void Add(const std::string& name, std::vector<std::string>& names) {
  if (NamesAModel(name)) return;
  names.push_back(name);
  const std::string escaped = absl::StrReplaceAll(name, {{"\\", "\\\\"}, {"\"", "\\\""}});
  names.push_back(escaped);
  names.push_back(absl::StrReplaceAll(escaped, {{"/", "\\/"}}));
}

// What this computer and those at its Thunderbolt ports are called there.
std::vector<std::string> ThunderboltNames(const host::Capture& capture) {
  std::vector<std::string> names;
  for (const host::Output& output : capture.commands) {
    if (host::ProgramName(output.arguments) != "system_profiler") continue;
    const auto thunderbolt = probe::ParseThunderbolt(output.text);
    if (!thunderbolt) continue;
    Add(thunderbolt->product, names);
    for (const probe::ThunderboltBus& bus : thunderbolt->buses) {
      for (const probe::ThunderboltPeer& peer : bus.peers) {
        Add(peer.name, names);
        Add(peer.model, names);
      }
    }
  }
  return names;
}

// Of displays, which may be somebody's iPad or television, and of network ports.
std::vector<std::string> DeviceNames(const host::Capture& capture) {
  std::vector<std::string> names;
  for (const host::Output& output : capture.commands) {
    const std::string_view program = host::ProgramName(output.arguments);
    const std::vector<std::string> found =
        program == "system_profiler" ? probe::ParseDisplayNames(output.text)
        : program == "networksetup"  ? probe::ParseNamesOfPeople(output.text)
                                     : std::vector<std::string>{};
    for (const std::string& name : found) Add(name, names);
  }
  return names;
}

int Run(const Arguments& arguments) {
  const std::unique_ptr<host::Host> live = host::Live();
  host::Recorder recorder(*live);
  probe::TakeReport(recorder, ProbeOptions());
  host::Names names = LocalNames();
  const host::Names seen = host::NamesIn(recorder.capture());
  names.hosts.insert(names.hosts.end(), seen.hosts.begin(), seen.hosts.end());
  for (std::string& name : ThunderboltNames(recorder.capture())) {
    names.hosts.push_back(std::move(name));
  }
  names.devices = DeviceNames(recorder.capture());
  const host::Redactor redactor(arguments.salt.empty() ? host::RandomSalt() : arguments.salt,
                                std::move(names));
  const host::Capture redacted = host::Redact(recorder.capture(), redactor);
  if (absl::Status status = host::WriteCapture(redacted, arguments.out); !status.ok()) {
    return Fail(status);
  }
  return Print(absl::StrCat(
      "Captured ", redacted.commands.size(), " commands and ", redacted.files.size(), " files to ",
      arguments.out,
      ".\nSerial numbers, MAC and IP addresses, UUIDs, host and user names are "
      "replaced. Please look through\nit before you share it.\n\n  node-agent report --from ",
      arguments.out, " --print\n"));
}

}  // namespace

void AddCapture(CLI::App& app, Action& action) {
  auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand(
      "capture",
      "Raw outputs of every probe, without identifiers, to attach to a bug report\n\n"
      "  node-agent capture --out my-spark\n"
      "  node-agent capture --out studio-1 --salt our-cluster   # same salt on every machine, so\n"
      "                                                         # that cables can still be "
      "paired\n");
  command->add_option("--out", arguments->out, "New directory to write")
      ->type_name("DIR")
      ->required();
  command
      ->add_option("--salt", arguments->salt,
                   "Secret that decides the pseudonyms (default: random)")
      ->type_name("TEXT");
  command->callback([arguments, &action] { action = [arguments] { return Run(*arguments); }; });
}

}  // namespace capacity::agent_cli
