#include "planner/cli/state.h"

#include <iostream>

#include "planner/service/state_directory.h"

namespace capacity::cli {

void AddStateOption(CLI::App& command, std::string& directory) {
  directory = service::DefaultStateDirectory();
  command.add_option("--state", directory, "Where the planner keeps its fleet and certificates")
      ->type_name("DIR");
}

int PrintFailure(const std::string& command, const absl::Status& status) {
  std::cerr << "planner: " << command << ": " << std::string(status.message()) << "\n";
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) ||
                 absl::IsAlreadyExists(status)
             ? kBadInput
             : kWorldFailed;
}

}  // namespace capacity::cli
