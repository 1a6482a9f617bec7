// The secret of somebody else's API, and where it may travel.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace capacity {

// A secret that the user keeps in the environment or in a file. Nothing prints it.
class ApiKey {
 public:
  ApiKey() = default;  // none
  // InvalidArgument when the variable is not set, or holds what no header may hold.
  static absl::StatusOr<ApiKey> FromEnvironment(const std::string& variable);
  // The first line of the file. NotFound, InvalidArgument.
  static absl::StatusOr<ApiKey> FromFile(const std::string& path);

  bool empty() const { return value_.empty(); }
  // "Authorization: Bearer ..."; for who sends it.
  std::string Header() const;
  // `text` with the key's occurrences struck out: a server may quote it, as it is, escaped as JSON
  // may escape it, or as a URL would hold it.
  std::string StruckFrom(std::string_view text) const;
  // The same of what a server answers, before anything reads it. Only a key of at least eight
  // bytes: shorter ones ("EMPTY") guard nothing, and stand in answers for other reasons.
  std::string StruckFromAnswer(std::string_view text) const;

 private:
  static absl::StatusOr<ApiKey> Checked(std::string value, const std::string& origin);
  std::string value_;
};

// InvalidArgument when `key` would travel in clear text to a machine that is neither this one nor
// in a private network.
absl::Status MayCarryKey(const std::string& url, const ApiKey& key);

}  // namespace capacity
