#include "node-agent/cli/hand_over.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "node-agent/reporter/inbox.h"

namespace capacity::agent_cli {
namespace {

namespace fs = std::filesystem;

constexpr char kServiceDirectory[] = "/var/lib/node-agent";  // systemd's StateDirectory

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

std::string DefaultStateDirectory() {
  if (const std::string stated = Environment("STATE_DIRECTORY"); !stated.empty()) return stated;
  if (geteuid() == 0) return kServiceDirectory;
  if (const std::string home = Environment("XDG_STATE_HOME"); !home.empty()) {
    return (fs::path(home) / "node-agent").string();
  }
  return (fs::path(Environment("HOME")) / ".local/state/node-agent").string();
}

absl::StatusOr<HandedOver> HandOver(const std::string& state_directory,
                                    const std::vector<agent::SpeedMeasurement>& measured) {
  const std::string state = state_directory.empty() ? DefaultStateDirectory() : state_directory;
  const reporter::Inbox inbox(state);
  HandedOver handed_over;
  handed_over.directory = inbox.directory();
  std::error_code ignored;
  handed_over.enrolled = fs::exists(fs::path(state) / "membership.pem", ignored);
  for (const agent::SpeedMeasurement& one : measured) {
    const auto dropped = inbox.Put(one);
    if (!dropped.ok()) return dropped.status();
    ++handed_over.kept;
    handed_over.dropped += *dropped;
  }
  return handed_over;
}

std::string Describe(const HandedOver& handed_over) {
  const bool one = handed_over.kept == 1;
  std::string text = absl::StrCat(handed_over.kept, one ? " measurement is" : " measurements are",
                                  " kept in ", handed_over.directory, "; ");
  if (handed_over.enrolled) {
    absl::StrAppend(&text, "node-agent run will send ", one ? "it" : "them",
                    " to the planner (a running one with its next heartbeat).");
  } else {
    absl::StrAppend(&text,
                    "no planner knows this node yet: node-agent run --planner HOST:PORT "
                    "will send ",
                    one ? "it" : "them", " (docs/reporting.md).");
  }
  // The service runs as a user of its own, and only root may write where it reads.
  std::error_code ignored;
  if (!handed_over.enrolled && geteuid() != 0 && fs::exists(kServiceDirectory, ignored)) {
    absl::StrAppend(&text, " The service of this machine reads ", kServiceDirectory,
                    ": run this as root to hand them to it.");
  }
  if (handed_over.dropped > 0) {
    absl::StrAppend(&text, " There was no room for ", handed_over.dropped,
                    " older ones, which are gone.");
  }
  return text;
}

}  // namespace capacity::agent_cli
