#include "planner/cli/load_arguments.h"

#include <cmath>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "planner/base/parse.h"

namespace capacity::cli {
namespace {

constexpr double kMostTokens = 100e6;  // ten times the longest context any model claims

absl::StatusOr<int> ParseTokens(const std::string& option, const std::string& text) {
  const absl::StatusOr<double> count = ParseCount(text);
  if (!count.ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, ": ", std::string(count.status().message())));
  }
  if (*count < 0 || *count > kMostTokens || *count != std::floor(*count)) {
    return absl::InvalidArgumentError(
        absl::StrCat(option, ": \"", text, "\" is not a number of tokens between 0 and 100M"));
  }
  return static_cast<int>(*count);
}

}  // namespace

void AddLoadOptions(CLI::App& command, LoadArguments& arguments) {
  command
      .add_option("--context", arguments.context, "Tokens in the cache while decoding: 8192, 128k")
      ->type_name("TOKENS")
      ->capture_default_str();
  command.add_option("--prompt", arguments.prompt, "Tokens of the prompt that prefill is timed on")
      ->type_name("TOKENS")
      ->capture_default_str();
  command
      .add_option("--parallel,--batch", arguments.streams,
                  "Simultaneous streams; speeds are totals")
      ->check(CLI::Range(1, 4096))
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--kv-type", arguments.kv_type, "Cell type of the KV cache: f16, q8_0, ...")
      ->type_name("TYPE")
      ->capture_default_str();
}

absl::StatusOr<Tokens> ParseLoadTokens(const LoadArguments& arguments) {
  const absl::StatusOr<int> context = ParseTokens("--context", arguments.context);
  if (!context.ok()) return context.status();
  const absl::StatusOr<int> prompt = ParseTokens("--prompt", arguments.prompt);
  if (!prompt.ok()) return prompt.status();
  if (*prompt == 0) return absl::InvalidArgumentError("--prompt: a prompt has at least one token");
  return Tokens{*context, *prompt};
}

absl::StatusOr<placement::Load> ParseLoad(const catalog::Catalog& catalog,
                                          const LoadArguments& arguments) {
  const absl::StatusOr<Tokens> tokens = ParseLoadTokens(arguments);
  if (!tokens.ok()) return tokens.status();
  absl::StatusOr<placement::Load> load = answer::MakeLoad(catalog, tokens->context, tokens->prompt,
                                                          arguments.streams, arguments.kv_type);
  if (load.ok()) return load;
  return absl::InvalidArgumentError(
      absl::StrCat("--kv-type: ", std::string(load.status().message())));
}

}  // namespace capacity::cli
