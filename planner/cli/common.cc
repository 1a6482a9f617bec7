#include "planner/cli/common.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <system_error>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "planner/base/parse.h"
#include "planner/inventory/inventory.h"
#include "planner/inventory/own_models.h"
#include "planner/prices/offers.h"
#include "planner/prices/store.h"

namespace capacity::cli {
namespace {

namespace fs = std::filesystem;

constexpr int kWidest = 100;    // tables read well up to here
constexpr int kNarrowest = 60;  // and not below

fs::path ExecutableDirectory() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::path() : self.parent_path();
}

bool HoldsCatalog(const fs::path& directory) {
  std::error_code error;
  return !directory.empty() && fs::is_directory(directory / "catalog", error);
}

// $CAPACITY_PLANNER_DATA, else beside an installed binary, else the source tree it was built from.
std::string FindDataDirectory() {
  if (const char* stated = std::getenv("CAPACITY_PLANNER_DATA")) return stated;
  const fs::path installed =
      ExecutableDirectory() / ".." / "share" / "capacity-planner" / "inventories";
  if (HoldsCatalog(installed)) return fs::weakly_canonical(installed).string();
  for (const char* prefix : {"/usr/local", "/opt/homebrew", "/usr"}) {
    const fs::path shared = fs::path(prefix) / "share" / "capacity-planner" / "inventories";
    if (!HoldsCatalog(CAPACITY_SOURCE_DATA) && HoldsCatalog(shared)) return shared.string();
  }
  return CAPACITY_SOURCE_DATA;
}

// A file or directory of the user's; "" without a home.
std::string InDataHome(const char* file) {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);
    return std::string(value == nullptr ? "" : value);
  };
  const std::string data = variable("XDG_DATA_HOME");
  const std::string home = variable("HOME");
  // The XDG specification has relative paths ignored.
  const fs::path base = fs::path(data).is_absolute() ? fs::path(data)
                        : !home.empty()              ? fs::path(home) / ".local" / "share"
                                                     : fs::path();
  return base.empty() ? "" : (base / "capacity-planner" / file).string();
}

report::Style TerminalStyle() {
  report::Style style;
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

// A model of which the file was moved or removed since can be planned for, and not started.
void WarnOfMissingFiles(const catalog::Catalog& catalog) {
  for (const catalog::Model& model : catalog.models) {
    std::error_code error;
    if (!model.own_file || fs::exists(model.own_file->path, error)) continue;
    std::cerr << "planner: warning: your model \"" << model.id
              << "\" is planned as it was: " << model.own_file->path
              << " is not there any more; planner catalog add --replace --id " << model.id
              << " names its new place\n";
  }
}

}  // namespace

void AddCatalogOptions(CLI::App& command, Common& common) {
  common.data_directory = FindDataDirectory();
  common.style = TerminalStyle();
  command.add_option("--data", common.data_directory, "Directory of catalog/ and calibration.yaml")
      ->type_name("DIR");
  command.add_option("--catalog", common.catalog_files, "Your own catalogue entries; repeatable")
      ->type_name("FILE");
  command.add_option("--output", common.output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->type_name("FORMAT");
}

void AddCommonOptions(CLI::App& command, Common& common) {
  AddCatalogOptions(command, common);
  command
      .add_option("--prices", common.prices,
                  "Imported price history, or none (default: yours, where there is one)")
      ->type_name("FILE");
}

std::string DefaultPriceStore() { return InDataHome("prices.jsonl"); }
std::string OwnCatalogDirectory() { return InDataHome("catalog"); }

std::optional<catalog::Catalog> LoadCatalogOrPrint(const Common& common) {
  std::optional<catalog::Catalog> catalog = LoadWrittenCatalogOrPrint(common);
  if (!catalog || common.prices == "none") return catalog;
  const std::string store = common.prices.empty() ? DefaultPriceStore() : common.prices;
  std::error_code error;
  if (store.empty() || !fs::exists(store, error)) {
    if (common.prices.empty()) return catalog;
    PrintProblems({{store, 0, 0, "no such price history", "planner prices import makes one"}});
    return std::nullopt;
  }
  const prices::ReadHistory read = prices::LoadHistory(store);
  if (!read.history) {
    PrintProblems(read.problems);
    return std::nullopt;
  }
  return prices::WithPrices(*catalog, *read.history);
}

std::optional<catalog::Catalog> LoadWrittenCatalogOrPrint(const Common& common) {
  std::vector<std::string> files;
  if (const std::string own = OwnCatalogDirectory(); !own.empty()) {
    files = inventory::OwnModelFiles(own);
  }
  files.insert(files.end(), common.catalog_files.begin(), common.catalog_files.end());
  auto loaded =
      inventory::LoadCatalog((fs::path(common.data_directory) / "catalog").string(), files);
  if (!loaded.value) PrintProblems(loaded.problems);
  if (loaded.value) WarnOfMissingFiles(*loaded.value);
  return std::move(loaded.value);
}

std::optional<answer::Facts> LoadFactsOrPrint(const Common& common) {
  std::optional<catalog::Catalog> catalog = LoadCatalogOrPrint(common);
  if (!catalog) return std::nullopt;
  auto calibration =
      inventory::LoadCalibration((fs::path(common.data_directory) / "calibration.yaml").string());
  if (!calibration.value) {
    PrintProblems(calibration.problems);
    return std::nullopt;
  }
  return answer::Facts{*std::move(catalog), *std::move(calibration.value)};
}

std::optional<fleet::Scenario> LoadScenarioOrPrint(const catalog::Catalog& catalog,
                                                   const std::string& inventory,
                                                   const std::vector<std::string>& overlays) {
  auto loaded = inventory::LoadScenario(catalog, inventory, overlays);
  if (!loaded.value) PrintProblems(loaded.problems);
  return std::move(loaded.value);
}

void PrintProblems(const Diagnostics& problems) {
  for (const Diagnostic& problem : problems) std::cerr << ToString(problem) << "\n";
}

int BadArgument(const std::string& option, const std::string& problem) {
  std::cerr << "planner: " << option << ": " << problem << "\n";
  return kBadInput;
}

absl::StatusOr<Usd> ParseUsd(std::string text) {
  const std::string original = text;
  if (!text.empty() && text.front() == '$') text.erase(0, 1);
  text.erase(std::remove(text.begin(), text.end(), ','), text.end());
  const absl::StatusOr<double> dollars = ParseCount(text);
  if (!dollars.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", original, "\" is not an amount of dollars; write for example 10000 or 10k"));
  }
  if (*dollars < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", original, "\" is negative; give what may be spent"));
  }
  constexpr double kMostDollars = 1e12;
  if (*dollars > kMostDollars) {
    return absl::InvalidArgumentError(absl::StrCat("\"", original, "\" is more than 1e12 dollars"));
  }
  return Usd::FromDollars(*dollars);
}

std::string Counted(std::size_t count, const std::string& noun) {
  return absl::StrCat(count, " ", noun, count == 1 ? "" : "s");
}

const char* CapacityVersion() { return CAPACITY_VERSION; }

std::string ExampleInventory(const Common& common) {
  return (fs::path(common.data_directory) / "example.yaml").string();
}

int Print(const std::string& text) {
  std::size_t written = std::fwrite(text.data(), 1, text.size(), stdout);
  if (written == text.size() && std::fflush(stdout) == 0) return kOk;
  if (errno == EPIPE) return kOk;
  std::cerr << "planner: writing the answer failed: "
            << std::error_code(errno, std::generic_category()).message() << "\n";
  return kWorldFailed;
}

}  // namespace capacity::cli
