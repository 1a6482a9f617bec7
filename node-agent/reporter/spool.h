// What waits to be sent, on disk: it is there before it is sent for the first time, and until the
// planner has acknowledged it.
//
// One file for each entry, named by its place in the order, written beside and renamed when it is
// complete: a crash leaves an entry whole or not there at all. An entry that the disk has damaged
// is dropped and counted. One that the disk does not give now is left where it is, for the next
// start, and keeps no other waiting. At the limits the oldest go and are counted; the count
// outlives restarts.
//
// For one thread of one process (State holds the directory's lock).
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace capacity::reporter {

struct Entry {
  std::uint64_t boot_id = 0;
  std::uint64_t sequence = 0;
  std::string bytes;  // a serialized capacity.v1.NodeReport

  friend bool operator==(const Entry&, const Entry&) = default;
};

class Spool {
 public:
  struct Limits {
    std::size_t entries = 1'000;
    std::uint64_t bytes = std::uint64_t{64} << 20;  // 64 MiB
  };

  // Makes the directory (mode 0700) when it is absent. Unavailable when it cannot be used.
  static absl::StatusOr<Spool> Open(std::string directory, Limits limits);

  // On disk, for good, when this returns OK. Unavailable: the disk refuses.
  absl::Status Append(const Entry& entry);

  // The first in the order of (boot, sequence); nullopt when nothing waits.
  std::optional<Entry> Front();

  // Removes what Front gave. Unavailable: it will be sent once more after a restart.
  absl::Status RemoveFront();

  // Entries that Front stepped over since this was last asked.
  struct Losses {
    std::size_t damaged = 0;     // dropped
    std::size_t unreadable = 0;  // left on the disk
    std::string first;           // what was wrong with the first of them; empty: none
  };
  Losses TakeLosses();

  std::size_t size() const { return waiting_.size(); }
  std::uint64_t dropped() const { return dropped_; }  // since the directory was made

 private:
  struct Waiting {
    std::string name;
    std::uint64_t bytes;
  };

  Spool(std::string directory, Limits limits);
  absl::Status List();
  absl::Status DropOldest();
  std::string Forget();  // the front, here and not on the disk; its name
  void NoteLoss(const absl::Status& why);
  absl::Status Remove(const std::string& name) const;
  std::string PathOf(const std::string& name) const;
  void CountDropped();

  std::string directory_;
  Limits limits_;
  std::deque<Waiting> waiting_;  // in the order of their names
  std::uint64_t bytes_ = 0;      // of all that wait
  std::uint64_t dropped_ = 0;
  Losses losses_;
};

}  // namespace capacity::reporter
