#include "planner/cli/answers.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace capacity::cli {

void AddFleetOptions(CLI::App& command, FleetArguments& arguments) {
  command
      .add_option("--inventory", arguments.inventory, "Your machines (default: the example fleet)")
      ->type_name("FILE");
  command
      .add_option("--what-if", arguments.overlays, "Changes to the inventory; repeatable, in order")
      ->type_name("FILE");
}

answer::Documents DocumentsOf(const Common& common, const FleetArguments& arguments) {
  return {[](const std::string& file) {
            return inventory::ReadDocument(file, inventory::DocumentLimits{});
          },
          arguments.inventory.empty() ? ExampleInventory(common) : arguments.inventory,
          arguments.overlays};
}

int Refuse(const std::string& command, const Diagnostics& problems,
           const std::vector<answer::ArgumentProblem>& arguments) {
  PrintProblems(problems);
  for (const answer::ArgumentProblem& wrong : arguments) {
    std::string option = wrong.argument;
    std::replace(option.begin(), option.end(), '_', '-');
    BadArgument(option.empty() ? command : absl::StrCat("--", option), wrong.problem);
  }
  return kBadInput;
}

}  // namespace capacity::cli
