#include "node-agent/cli/common.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "node-agent/cli/commands.h"
#include "node-agent/host/capture.h"
#include "node-agent/host/live.h"
#include "planner/base/diagnostics.h"
#include "planner/catalog/identify.h"
#include "planner/inventory/inventory.h"

namespace capacity::agent_cli {
namespace {

namespace fs = std::filesystem;

constexpr int kWidest = 100;
constexpr int kNarrowest = 60;

bool HoldsCatalog(const fs::path& directory) {
  std::error_code error;
  return !directory.empty() && fs::is_directory(directory / "catalog", error);
}

// $CAPACITY_PLANNER_DATA, else beside an installed binary, else the source tree it was built from,
// else the usual prefixes. Empty when it is nowhere.
std::string FindDataDirectory() {
  if (const char* stated = std::getenv("CAPACITY_PLANNER_DATA")) return stated;
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  std::vector<fs::path> places;
  if (!error) places.push_back(self.parent_path() / ".." / "share/capacity-planner/inventories");
  places.emplace_back(CAPACITY_SOURCE_DATA);
  for (const char* prefix : {"/usr/local", "/opt/homebrew", "/usr"}) {
    places.push_back(fs::path(prefix) / "share/capacity-planner/inventories");
  }
  const auto found = std::find_if(places.begin(), places.end(), HoldsCatalog);
  return found == places.end() ? "" : fs::weakly_canonical(*found).string();
}

catalog::Seen SeenIn(const agent::Report& report) {
  catalog::Seen seen;
  seen.vendor = report.machine.vendor;
  seen.product = report.machine.product;
  seen.model_identifier = report.machine.model_identifier;
  seen.chip_name = report.processor.name;
  const auto bytes = [](const std::optional<std::uint64_t>& count) -> std::optional<Bytes> {
    if (!count) return std::nullopt;
    return Bytes{static_cast<std::int64_t>(*count)};
  };
  seen.memory = bytes(report.memory.installed_bytes);
  seen.visible = bytes(report.memory.visible_bytes);
  seen.firmware_gpu = bytes(report.memory.firmware_gpu_bytes);
  for (const agent::Accelerator& accelerator : report.accelerators) {
    if (accelerator.gpu_cores) seen.gpu_cores = static_cast<int>(*accelerator.gpu_cores);
    using Fault = agent::Accelerator::Fault;
    seen.accelerators.push_back(
        {.name = accelerator.name,
         .memory = bytes(accelerator.memory_bytes),
         .slice = !accelerator.slice.empty(),
         .lost = accelerator.fault == Fault::kLost || accelerator.fault == Fault::kNoInstance});
  }
  seen.accelerators_unknown =
      std::any_of(report.probes.begin(), report.probes.end(), [](const agent::ProbeResult& probe) {
        return probe.name == "nvidia-smi" && probe.outcome == agent::ProbeResult::Outcome::kFailed;
      });
  return seen;
}

}  // namespace

const char* AgentVersion() { return CAPACITY_VERSION; }

probe::Options ProbeOptions() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return {.agent_version = AgentVersion(),
          .taken_at_unix_ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count()};
}

void AddIdentity(const std::string& data_directory, agent::Report& report) {
  const std::string directory = data_directory.empty() ? FindDataDirectory() : data_directory;
  if (directory.empty()) return;
  const auto loaded = inventory::LoadCatalog((fs::path(directory) / "catalog").string(), {});
  if (!loaded.value) {
    report.identity = agent::Identity{
        .why = absl::StrCat("the catalogue in ", directory, " cannot be read: ",
                            loaded.problems.empty() ? "" : ToString(loaded.problems.front()))};
    return;
  }
  const catalog::Identified found = catalog::Identify(*loaded.value, SeenIn(report));
  report.identity = agent::Identity{found.machine, found.chip,
                                    static_cast<std::uint32_t>(found.chips), found.why};
  // Firmware names a GB10 machine also where no driver does.
  const catalog::Chip* chip = loaded.value->FindChip(found.chip);
  if (report.machine.kind == agent::Machine::Kind::kLinux && chip != nullptr &&
      chip->family == "gb10") {
    report.machine.kind = agent::Machine::Kind::kGb10;
    report.memory.unified = true;
  }
}

absl::StatusOr<agent::Report> ReportOf(const std::string& capture_directory,
                                       const std::string& data_directory) {
  std::unique_ptr<host::Host> machine;
  if (capture_directory.empty()) {
    machine = host::Live();
  } else {
    absl::StatusOr<host::Capture> capture = host::ReadCapture(capture_directory);
    if (!capture.ok()) return capture.status();
    machine = host::Replay(*std::move(capture));
  }
  agent::Report report = probe::TakeReport(*machine, ProbeOptions());
  AddIdentity(data_directory, report);
  return report;
}

Style TerminalStyle() {
  Style style;
  const bool terminal = isatty(STDOUT_FILENO) != 0;
  const char* no_color = std::getenv("NO_COLOR");
  style.color = terminal && (no_color == nullptr || *no_color == '\0');
  winsize size{};
  if (const char* columns = std::getenv("COLUMNS"); columns != nullptr && std::atoi(columns) > 0) {
    style.width = std::atoi(columns);
  } else if (terminal && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
    style.width = size.ws_col;
  }
  style.width = std::clamp(style.width, kNarrowest, kWidest);
  return style;
}

std::string Bold(const Style& style, std::string_view text) {
  return style.color ? "\033[1m" + std::string(text) + "\033[0m" : std::string(text);
}

std::string Wrap(std::string_view text, int width, int indent) {
  std::string wrapped;
  int column = 0;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const std::string_view word = text.substr(0, space);
    text = space == std::string_view::npos ? std::string_view() : text.substr(space + 1);
    if (word.empty()) continue;
    // Continuation bytes of UTF-8 take no column.
    const int columns = static_cast<int>(std::count_if(word.begin(), word.end(), [](char c) {
      return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
    }));
    if (column > 0 && column + 1 + columns > width - indent) {
      wrapped += "\n" + std::string(static_cast<std::size_t>(indent), ' ');
      column = 0;
    }
    if (column > 0) {
      wrapped += ' ';
      ++column;
    }
    wrapped += word;
    column += columns;
  }
  return wrapped;
}

int Print(const std::string& text) {
  const std::size_t written = std::fwrite(text.data(), 1, text.size(), stdout);
  if (written == text.size() && std::fflush(stdout) == 0) return kOk;
  if (errno == EPIPE) return kOk;
  std::cerr << "node-agent: writing the answer failed: " << std::generic_category().message(errno)
            << "\n";
  return kWorldFailed;
}

int Fail(const absl::Status& status) {
  std::cerr << "node-agent: " << std::string(status.message()) << "\n";
  switch (status.code()) {
    case absl::StatusCode::kInvalidArgument:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kResourceExhausted:
      return kBadInput;
    default:
      return kWorldFailed;
  }
}

}  // namespace capacity::agent_cli
