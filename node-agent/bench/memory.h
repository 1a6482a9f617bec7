// Memory bandwidth of the processors, as STREAM measures it.
//
// Triad is a[i] = b[i] + s * c[i] over doubles and counts three arrays, without the line that a
// store may read first (STREAM's own count). Read is the sum of one array. All cores, one thread
// each, every thread on pages that it touched first.
#pragma once

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "node-agent/report.h"

namespace capacity::bench {

struct MemoryEffort {
  unsigned threads = 0;     // 0: one a logical core
  int repeats = 10;         // timed ones, after one that is not
  std::uint64_t bytes = 0;  // of all three arrays together; 0: WorkingSet()
};

// Four times the last-level cache for each array, at least 256 MiB an array, and at most a quarter
// of `available_bytes` for all three. Zero when that leaves less than twice the cache: then a
// figure would tell the cache's speed.
std::uint64_t WorkingSet(std::uint64_t last_level_cache_bytes, std::uint64_t available_bytes);

// Bytes of the last-level cache of this machine; 0: not known.
std::uint64_t LastLevelCache();

// Triad, then read. `conditions` and `taken_at_unix_ms` are the caller's to fill. ResourceExhausted
// when the memory cannot be had.
absl::StatusOr<std::vector<agent::MemoryBandwidth>> MeasureCpuMemory(const MemoryEffort& effort);

}  // namespace capacity::bench
