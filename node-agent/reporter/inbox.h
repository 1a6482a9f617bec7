// Speeds that were measured beside the running agent (`node-agent bench`), on their way to the
// planner: on disk until the planner has acknowledged them, or for as long as no agent runs.
//
// One file for each measurement, a serialized capacity.v1.SpeedMeasurement, mode 0600, named by its
// time and id, written beside and renamed when it is complete. Any number of processes may put
// something in at any time; one takes out (State holds the directory's lock). What the planner
// refuses is set aside under another ending and stays, for people to look at.
//
// Root may put something into the directory of an agent that runs as another user: what it makes
// belongs to the directory's owner, and follows no symbolic link inside of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node-agent/report.h"

namespace capacity::reporter {

// What one measurement may have, serialized; a planner takes four times as much.
inline constexpr std::size_t kMaxSpeedBytes = std::size_t{64} << 10;

// An id for what has none of its own: the same content gives the same one.
std::string IdOfContent(std::string_view content);

class Inbox {
 public:
  // Of all files together, those set aside included.
  struct Limits {
    std::size_t entries = 1'000;
    std::uint64_t bytes = std::uint64_t{16} << 20;  // 16 MiB
  };

  // DIRECTORY/inbox of an agent's state directory; both are made (mode 0700) when they are absent,
  // by the first Put.
  explicit Inbox(const std::string& state_directory);
  Inbox(const std::string& state_directory, Limits limits);

  const std::string& directory() const { return directory_; }

  // On disk, for good, when this returns OK, in place of what was said of the same id before. Gives
  // how many had to go for it: at the limits what was set aside goes first, then the oldest.
  // InvalidArgument: the id is not 32 hexadecimal digits, the time is before 1970, or it is larger
  // than kMaxSpeedBytes. Unavailable: the disk refuses.
  absl::StatusOr<int> Put(const agent::SpeedMeasurement& measurement) const;

  // Names of what waits, oldest first; nothing when the directory is absent or cannot be read.
  std::vector<std::string> Waiting() const;

  // The bytes under a name. NotFound: it went meanwhile; InvalidArgument: it is larger than
  // kMaxSpeedBytes, or no file; Unavailable: it cannot be read now.
  absl::StatusOr<std::string> Read(const std::string& name) const;

  // Removes it while it holds these bytes: what was put in meanwhile under its name stays. Errors
  // as Remove's.
  absl::Status RemoveIf(const std::string& name, std::string_view bytes) const;

  // OK also when it is gone already. Unavailable: the disk refuses.
  absl::Status Remove(const std::string& name) const;

  // Waiting no longer gives it. Unavailable: the disk refuses.
  absl::Status SetAside(const std::string& name) const;

 private:
  std::string PathOf(const std::string& name) const;

  std::string state_directory_;
  std::string directory_;
  Limits limits_;
};

}  // namespace capacity::reporter
