#include "planner/cli/api_key.h"

namespace capacity::cli {

void AddApiKeyOptions(CLI::App& command, ApiKeyArguments& arguments) {
  CLI::Option* variable = command
                              .add_option("--api-key-env", arguments.variable,
                                          "Environment variable with the engine's API key")
                              ->type_name("NAME");
  command
      .add_option("--api-key-file", arguments.file, "File whose first line is the engine's API key")
      ->type_name("FILE")
      ->excludes(variable);
}

absl::StatusOr<http::ApiKey> ReadApiKey(const ApiKeyArguments& arguments) {
  if (!arguments.variable.empty()) return http::ApiKey::FromEnvironment(arguments.variable);
  if (!arguments.file.empty()) return http::ApiKey::FromFile(arguments.file);
  return http::ApiKey();
}

}  // namespace capacity::cli
