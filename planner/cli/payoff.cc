#include <filesystem>
#include <memory>

#include "planner/cli/commands.h"
#include "planner/economics/article.h"
#include "planner/inventory/preset_yaml.h"
#include "planner/report/payoff.h"

namespace capacity::cli {
namespace {

int RunPayoff(const Common& common, const std::string& preset) {
  const std::filesystem::path file =
      std::filesystem::path(common.data_directory) / "presets" / (preset + ".yaml");
  const auto loaded = inventory::LoadArticlePreset(file.string());
  if (!loaded.value) {
    PrintProblems(loaded.problems);
    return kBadInput;
  }
  return Print(common.json() ? report::PayoffJson(*loaded.value)
                             : report::PayoffText(*loaded.value, common.style));
}

}  // namespace

void AddPayoff(CLI::App& app, Common& common, Action& action) {
  auto preset = std::make_shared<std::string>("article");
  CLI::App* command =
      app.add_subcommand("payoff", "When a machine has paid for itself, in the article's form");
  command->footer("Example:\n  planner payoff --preset article");
  command->add_option("--preset", *preset, "Published inputs to recompute")
      ->check(CLI::IsMember({"article"}))
      ->capture_default_str();
  AddCommonOptions(*command, common);
  command->callback([preset, &common, &action] {
    action = [preset, &common] { return RunPayoff(common, *preset); };
  });
}

}  // namespace capacity::cli
