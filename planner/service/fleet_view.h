// The store's contents as the fleet that questions are about.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "capacity/v1/planner.pb.h"
#include "planner/catalog/catalog.h"
#include "planner/store/store.h"
#include "planner/wire/live_fleet.h"

namespace capacity::service {

// The fleet at one moment.
struct Snapshot {
  wire::LiveFleet fleet;
  std::string yaml;  // of the fleet, what questions read
};

class FleetView {
 public:
  // Both must outlive this.
  FleetView(const catalog::Catalog& catalog, const store::Store& store)
      : catalog_(catalog), store_(store) {}

  // Of the store as it is now; made once for each change (Invalidate).
  absl::StatusOr<std::shared_ptr<const Snapshot>> Current();
  void Invalidate();

  // What a list shows of this node.
  absl::StatusOr<v1::NodeSummary> Summary(const store::NodeRecord& node) const;
  // Every node, by name.
  absl::StatusOr<std::vector<v1::NodeSummary>> Summaries() const;
  // With report and links. NotFound: no such name or id.
  absl::StatusOr<v1::GetNodeResponse> Details(const std::string& name_or_id) const;
  // By id, else by name.
  absl::StatusOr<store::NodeRecord> Find(const std::string& name_or_id) const;

  std::int64_t now_unix_ms() const { return store::SystemClock(); }

 private:
  v1::NodeSummary Summarize(const store::NodeRecord& node, const v1::NodeReport* report) const;

  const catalog::Catalog& catalog_;
  const store::Store& store_;
  std::atomic<std::uint64_t> version_{0};  // counts Invalidate, which waits for nobody
  std::mutex mutex_;
  std::uint64_t snapshot_version_ = 0;
  std::shared_ptr<const Snapshot> snapshot_;
};

}  // namespace capacity::service
