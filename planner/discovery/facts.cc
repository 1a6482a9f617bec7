#include <cstddef>

#include "absl/strings/str_cat.h"
#include "planner/discovery/dns_sd.h"

namespace capacity::discovery {
namespace {

constexpr std::size_t kLongestEntry = 255;  // bytes; its length is one byte

}  // namespace

absl::StatusOr<std::string> EncodeFacts(const Facts& facts) {
  std::string record;
  for (const auto& [key, value] : facts) {
    if (key.empty() || key.find('=') != std::string::npos) {
      return absl::InvalidArgumentError(absl::StrCat("'", key, "' is no key of a TXT record"));
    }
    const std::string entry = absl::StrCat(key, "=", value);
    if (entry.size() > kLongestEntry) {
      return absl::InvalidArgumentError(
          absl::StrCat("the fact '", key, "' is longer than ", kLongestEntry, " bytes"));
    }
    record += static_cast<char>(static_cast<unsigned char>(entry.size()));
    record += entry;
  }
  return record;
}

Facts DecodeFacts(const std::string& record) {
  Facts facts;
  for (std::size_t at = 0; at < record.size();) {
    const std::size_t size = static_cast<unsigned char>(record[at++]);
    const std::string entry = record.substr(at, size);
    at += size;
    const std::size_t equals = entry.find('=');
    if (equals == 0 || entry.empty()) continue;
    facts.emplace(entry.substr(0, equals),
                  equals == std::string::npos ? "" : entry.substr(equals + 1));
  }
  return facts;
}

}  // namespace capacity::discovery
