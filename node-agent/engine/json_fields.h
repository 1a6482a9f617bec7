// Reading what an engine printed as JSON: every number checked, the first thing that is wrong named
// by its path ("rows[3].n_gen is -1, not a count").
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "nlohmann/json_fwd.hpp"

namespace capacity::engine {

// Texts longer than this are refused before they are parsed.
inline constexpr std::size_t kLongestJson = std::size_t{16} << 20;  // bytes
// What no model and no engine reaches in this decade: larger values are typing errors or attacks.
inline constexpr double kMostTokens = 1e8;           // in one prompt or answer
inline constexpr double kMostTokensPerSecond = 1e8;  // of one machine
inline constexpr double kMostBytes = 1e15;           // of weights
inline constexpr double kMostParameters = 1e15;
inline constexpr double kMostMilliseconds = 1e10;  // four months
inline constexpr double kMostWatts = 1e7;

// The whole text as one JSON value. InvalidArgument says what `what` is and where it is broken;
// ResourceExhausted when it is too long.
absl::StatusOr<nlohmann::json> ParseWholeJson(std::string_view text, std::string_view what);

// One object. Reading never fails at once: what is absent or null is nullopt (or ""), what is wrong
// is nullopt too and kept as the problem, if it is the first.
class Fields {
 public:
  // `object` and `problem` outlive this. `where` is what leads to the object: "rows[3]", or "".
  Fields(const nlohmann::json& object, std::string where, absl::Status& problem);

  bool Has(std::string_view key) const;  // and it is not null
  // 0 to `most`, finite.
  std::optional<double> Number(std::string_view key, double most) const;
  // More than 0, to `most`.
  std::optional<double> Positive(std::string_view key, double most) const;
  // Whole.
  std::optional<std::uint64_t> Count(std::string_view key, double most) const;
  // The same, and absent is a problem.
  double NeededPositive(std::string_view key, double most) const;
  std::uint64_t NeededCount(std::string_view key, double most) const;
  // Printable, at most `longest` bytes; "" when absent.
  std::string Text(std::string_view key, std::size_t longest = 128) const;
  // The object there; an empty one when absent.
  Fields Inner(std::string_view key) const;
  // The value there, null when absent.
  const nlohmann::json& Raw(std::string_view key) const;
  // "rows[3].n_gen".
  std::string PathOf(std::string_view key) const;
  // Makes "PATH PROBLEM" the problem, unless there is one.
  void Complain(std::string_view key, std::string_view problem) const;

 private:
  const nlohmann::json& object_;
  std::string where_;
  absl::Status& problem_;
};

}  // namespace capacity::engine
