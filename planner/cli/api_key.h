// An engine's API key, which never stands on a command line.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "planner/cli/common.h"
#include "planner/http/exchange.h"

namespace capacity::cli {

struct ApiKeyArguments {
  std::string variable;
  std::string file;
};

// Adds --api-key-env and --api-key-file.
void AddApiKeyOptions(CLI::App& command, ApiKeyArguments& arguments);

// None when neither was given. InvalidArgument, NotFound.
absl::StatusOr<http::ApiKey> ReadApiKey(const ApiKeyArguments& arguments);

}  // namespace capacity::cli
