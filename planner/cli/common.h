// What every command shares: where the facts are, how to print, how to fail.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "planner/answer/question.h"
#include "planner/base/diagnostics.h"
#include "planner/base/units.h"
#include "planner/catalog/catalog.h"
#include "planner/fleet/scenario.h"
#include "planner/report/table.h"
#include "planner/throughput/calibration.h"

namespace capacity::cli {

using answer::Facts;
using answer::Ids;

// Documented in docs/cli.md.
enum ExitCode : int {
  kOk = 0,
  kWorldFailed = 1,  // facts that ship with the program are missing or unreadable, or output failed
  kBadInput = 2,     // a file or an argument makes no sense; nothing was printed on stdout
  kInterrupted = 3,  // Ctrl-C: what was printed is the best found until then
};

// Options that every command takes.
struct Common {
  std::string data_directory;              // of catalog/, calibration.yaml and the examples
  std::vector<std::string> catalog_files;  // the user's own entries
  std::string prices;           // price history; "none"; "": the user's, where there is one
  std::string output = "text";  // text | json
  report::Style style;

  bool json() const { return output == "json"; }
};

// The command that the command line chose; set by its CLI11 callback.
using Action = std::function<int()>;

// Adds --data, --catalog, --prices and --output to `command`.
void AddCommonOptions(CLI::App& command, Common& common);
// The same without --prices.
void AddCatalogOptions(CLI::App& command, Common& common);

// $XDG_DATA_HOME/capacity-planner/prices.jsonl, else under ~/.local/share; "" without a home.
std::string DefaultPriceStore();

// The user's own models: $XDG_DATA_HOME/capacity-planner/catalog, else under ~/.local/share; ""
// without a home.
std::string OwnCatalogDirectory();

// Nullopt after printing every problem to stderr. Imported prices stand in the place of the
// catalogue's where they are newer.
std::optional<catalog::Catalog> LoadCatalogOrPrint(const Common& common);
// The catalogue as it is written, without imported prices.
std::optional<catalog::Catalog> LoadWrittenCatalogOrPrint(const Common& common);
// What a command computes with.
std::optional<answer::Facts> LoadFactsOrPrint(const Common& common);
std::optional<fleet::Scenario> LoadScenarioOrPrint(const catalog::Catalog& catalog,
                                                   const std::string& inventory,
                                                   const std::vector<std::string>& overlays);

// Prints each problem on its own line to stderr, and a count when there are several.
void PrintProblems(const Diagnostics& problems);

// "planner: --budget: \"ten\" is not an amount; write for example 10000 or 10k".
int BadArgument(const std::string& option, const std::string& problem);

// "10000", "10k", "$10,000".
absl::StatusOr<Usd> ParseUsd(std::string text);

// "1 node", "2 nodes".
std::string Counted(std::size_t count, const std::string& noun);

// "0.1.0".
const char* CapacityVersion();

// The inventory that commands use when none is named.
std::string ExampleInventory(const Common& common);

// Writes to stdout; kWorldFailed when that fails (a full disk, a closed pipe is kOk).
int Print(const std::string& text);

}  // namespace capacity::cli
