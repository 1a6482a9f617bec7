#include <map>
#include <memory>

#include "planner/cli/commands.h"
#include "planner/report/json.h"
#include "planner/report/text.h"

namespace capacity::cli {
namespace {

using report::CatalogTopic;

int RunCatalog(const Common& common, CatalogTopic topic) {
  const std::optional<catalog::Catalog> catalog = LoadCatalogOrPrint(common);
  if (!catalog) return kBadInput;
  return Print(common.json() ? report::CatalogJson(*catalog, topic)
                             : report::CatalogText(*catalog, topic, common.style));
}

}  // namespace

void AddCatalog(CLI::App& app, Common& common, Action& action) {
  static const std::map<std::string, CatalogTopic> kTopics = {
      {"chips", CatalogTopic::kChips},       {"links", CatalogTopic::kLinks},
      {"machines", CatalogTopic::kMachines}, {"models", CatalogTopic::kModels},
      {"presets", CatalogTopic::kPresets},   {"prices", CatalogTopic::kPrices},
      {"quants", CatalogTopic::kQuants}};
  auto topic = std::make_shared<std::string>();
  CLI::App* command = app.add_subcommand("catalog", "What the planner knows, with source and date");
  command->footer("Example:\n  planner catalog machines");
  std::vector<std::string> names;
  for (const auto& [name, value] : kTopics) names.push_back(name);
  command->add_option("topic", *topic, "chips, links, machines, models, presets, prices or quants")
      ->required()
      ->check(CLI::IsMember(names))
      ->type_name("TOPIC");
  AddCommonOptions(*command, common);
  command->callback([topic, &common, &action] {
    action = [topic, &common] { return RunCatalog(common, kTopics.at(*topic)); };
  });
}

}  // namespace capacity::cli
