// The user's price history on disk.
#pragma once

#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "planner/prices/history.h"

namespace capacity::prices {

// Larger files are refused.
inline constexpr std::size_t kMaxStoreBytes = std::size_t{256} << 20;

// The history in `file`; a file that does not exist is an empty history. Problems as ParseHistory
// gives them, and when the file cannot be read.
ReadHistory LoadHistory(const std::string& file);

// What became of a file.
struct StoreChange {
  Diagnostics problems;  // the file was damaged: nothing was changed
  bool written = false;  // false too when `change` changed nothing
};

// Reads `file`, lets `change` work on its history, and writes the result in its place. The
// directory is made when it is absent. Others who do the same wait (an advisory lock on `file` +
// ".lock"), so that no import loses another's rows; the new file is complete on disk before it
// takes the old one's name, so that a crash leaves one or the other. Internal or Unavailable when
// the disk refuses.
absl::StatusOr<StoreChange> ChangeStore(const std::string& file,
                                        const std::function<void(History&)>& change);

// Replaces `file` with `text`, complete on disk before it takes the name.
absl::Status ReplaceFile(const std::string& file, const std::string& text);

}  // namespace capacity::prices
