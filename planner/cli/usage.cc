// planner usage import: a bill as workloads.
#include "planner/usage/usage.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "planner/cli/commands.h"
#include "planner/cli/input_file.h"
#include "planner/report/usage.h"
#include "planner/usage/workloads.h"

namespace capacity::cli {
namespace {

struct UsageArguments {
  std::string file;
  std::string by = "model";
  std::string out;
  bool force = false;
};

// Writes `text` to a file that must not exist yet, unless it may be overwritten.
int WriteNewFile(const UsageArguments& arguments, const std::string& text) {
  const int exclusive = arguments.force ? O_TRUNC : O_EXCL;
  const int file = open(arguments.out.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | exclusive, 0644);
  if (file < 0 && errno == EEXIST) {
    return BadArgument("--out", absl::StrCat(arguments.out, " exists; --force overwrites it"));
  }
  std::size_t written = 0;
  bool good = file >= 0;
  while (good && written < text.size()) {
    const ssize_t now = write(file, text.data() + written, text.size() - written);
    good = now > 0 || (now < 0 && errno == EINTR);
    if (now > 0) written += static_cast<std::size_t>(now);
  }
  if (file >= 0) good = close(file) == 0 && good;
  if (good) return kOk;
  std::cerr << "planner: " << arguments.out << ": cannot be written: " << std::strerror(errno)
            << "\n";
  return kWorldFailed;
}

int RunUsageImport(const Common& common, const UsageArguments& arguments) {
  const std::optional<catalog::Catalog> catalog = LoadCatalogOrPrint(common);
  if (!catalog) return kBadInput;
  const std::optional<std::string> text = ReadInputOrPrint(arguments.file, usage::kMaxUsageBytes);
  if (!text) return kBadInput;
  const std::string origin = arguments.file == "-" ? "standard input" : arguments.file;
  // Bills are dated in universal time, and by some in the time of the provider.
  const auto tomorrow = std::chrono::floor<std::chrono::days>(std::chrono::system_clock::now()) +
                        std::chrono::days(1);
  Diagnostics problems;
  Diagnostics warnings;
  const auto rows = usage::ReadUsage(origin, *text, tomorrow, problems, warnings);
  if (!rows) {
    PrintProblems(problems);
    return kBadInput;
  }
  PrintProblems(warnings);
  const usage::UseSummary summary = usage::Summarize(
      *rows, *catalog, arguments.by == "tier" ? usage::Grouping::kTier : usage::Grouping::kModel);
  const std::string answer =
      common.json() ? report::UsageJson(summary) : usage::ToYaml(summary, origin);
  return arguments.out.empty() ? Print(answer) : WriteNewFile(arguments, answer);
}

}  // namespace

void AddUsage(CLI::App& app, Common& common, Action& action) {
  CLI::App* group = app.add_subcommand("usage", "What you use today: a bill as workloads");
  group->require_subcommand(1);
  auto arguments = std::make_shared<UsageArguments>();
  CLI::App* command =
      group->add_subcommand("import", "Turn a provider's usage export into workloads");
  command->footer(
      "Example:\n  planner usage import bill.csv --out workloads.yaml\n"
      "  (docs/usage.md lists the exports that are known)");
  command->add_option("file", arguments->file, "CSV or JSON; - is standard input")
      ->required()
      ->type_name("FILE");
  command->add_option("--by", arguments->by, "A workload per model, or per tier")
      ->check(CLI::IsMember({"model", "tier"}))
      ->type_name("GROUP");
  command->add_option("--out", arguments->out, "Write there instead of standard output")
      ->type_name("FILE");
  command->add_flag("--force", arguments->force, "Overwrite the file of --out");
  AddCommonOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunUsageImport(common, *arguments); };
  });
}

}  // namespace capacity::cli
