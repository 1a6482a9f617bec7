#include "planner/service/fleet_view.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <utility>

#include "absl/strings/str_cat.h"

namespace capacity::service {
namespace {

constexpr std::int64_t kDayMs = 86'400'000;
// Three heartbeats of the usual ten seconds.
constexpr std::int64_t kFreshMs = 30'000;
// More than clocks that somebody sets are apart.
constexpr std::int64_t kSkewMs = 5'000;
constexpr std::int64_t kExpiresSoonMs = 7 * kDayMs;

std::vector<wire::LiveLink> ReadLinks(const std::vector<store::Link>& stored) {
  std::vector<wire::LiveLink> links;
  for (const store::Link& link : stored) {
    wire::LiveLink live{link.from_node_id, {}, link.received_at_unix_ms};
    if (live.measurement.ParseFromString(link.bytes)) links.push_back(std::move(live));
  }
  return links;
}

// The newest speeds of each node.
absl::StatusOr<std::vector<wire::LiveSpeed>> ReadSpeeds(const store::Store& store,
                                                        const std::vector<wire::LiveNode>& nodes) {
  constexpr std::int64_t kMostOfANode = 256;
  std::vector<wire::LiveSpeed> speeds;
  for (const wire::LiveNode& node : nodes) {
    const auto history = store.ListMeasurements(node.node_id, "speed", kMostOfANode);
    if (!history.ok()) return history.status();
    for (const store::StoredMeasurement& stored : *history) {
      wire::LiveSpeed live{node.node_id, {}, stored.received_at_unix_ms};
      if (live.measurement.ParseFromString(stored.measurement.bytes)) {
        speeds.push_back(std::move(live));
      }
    }
  }
  return speeds;
}

void AddWarnings(const v1::NodeReport* report, std::int64_t now_unix_ms, v1::NodeSummary& out) {
  if (out.has_clock_skew_ms() && std::abs(out.clock_skew_ms()) > kSkewMs) {
    out.add_warnings(absl::StrCat("its clock is ", std::abs(out.clock_skew_ms()) / 1000, " s ",
                                  out.clock_skew_ms() > 0 ? "ahead" : "behind"));
  }
  if (out.has_certificate_expires_unix_ms()) {
    const std::int64_t left = out.certificate_expires_unix_ms() - now_unix_ms;
    if (left <= 0) {
      out.add_warnings("its certificate has expired; enrol it again");
    } else if (left < kExpiresSoonMs) {
      out.add_warnings(absl::StrCat("its certificate expires in ", left / kDayMs, " days"));
    }
  }
  if (out.dropped_reports() > 0) {
    out.add_warnings(absl::StrCat("it dropped ", out.dropped_reports(),
                                  " reports: its spool was full or damaged"));
  }
  if (report == nullptr) return;
  if (report->rdma().state() == v1::Rdma::STATE_DISABLED) {
    out.add_warnings("RDMA is disabled");
  }
  for (const v1::Probe& probe : report->probes()) {
    if (probe.outcome() == v1::Probe::OUTCOME_FAILED) {
      out.add_warnings(absl::StrCat("its probe ", probe.name(), " failed"));
    }
  }
}

}  // namespace

void FleetView::Invalidate() { ++version_; }

absl::StatusOr<std::shared_ptr<const Snapshot>> FleetView::Current() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (snapshot_ != nullptr && snapshot_version_ == version_) return snapshot_;
  const std::uint64_t version = version_;
  const auto nodes = store_.ListNodes();
  if (!nodes.ok()) return nodes.status();
  const auto reports = store_.ListReports();
  if (!reports.ok()) return reports.status();
  const auto links = store_.ListLinks();
  if (!links.ok()) return links.status();
  std::map<std::string, const store::StoredReport*> by_node;
  for (const store::StoredReport& report : *reports) by_node[report.node_id] = &report;
  std::vector<wire::LiveNode> live;
  for (const store::NodeRecord& node : *nodes) {
    if (node.revoked_at_unix_ms) continue;
    wire::LiveNode entry{node.node_id, node.name, std::nullopt};
    if (const auto it = by_node.find(node.node_id); it != by_node.end()) {
      v1::NodeReport report;
      if (report.ParseFromString(it->second->bytes)) entry.report = std::move(report);
    }
    live.push_back(std::move(entry));
  }
  auto snapshot = std::make_shared<Snapshot>();
  const auto speeds = ReadSpeeds(store_, live);
  if (!speeds.ok()) return speeds.status();
  snapshot->fleet = wire::ReadLiveFleet(catalog_, std::move(live), ReadLinks(*links), *speeds);
  snapshot->yaml = wire::InventoryYaml(snapshot->fleet);
  snapshot_ = std::move(snapshot);
  snapshot_version_ = version;
  return snapshot_;
}

v1::NodeSummary FleetView::Summarize(const store::NodeRecord& node,
                                     const v1::NodeReport* report) const {
  v1::NodeSummary out;
  const std::int64_t now = now_unix_ms();
  out.set_node_id(node.node_id);
  out.set_name(node.name);
  if (report == nullptr) out.set_omitted("no report yet");
  if (report != nullptr) {
    const wire::Identified identified = wire::Identify(catalog_, *report);
    if (identified.machine != nullptr) out.set_machine(identified.machine->id);
    if (identified.chip != nullptr) out.set_chip(identified.chip->id);
    out.set_omitted(identified.why);
    out.set_agent_version(report->agent_version());
    if (report->memory().has_available_bytes()) {
      out.set_available_memory_bytes(report->memory().available_bytes());
    }
  }
  std::int64_t heard = 0;
  if (node.report) {
    out.set_last_report_unix_ms(node.report_received_at_unix_ms);
    out.set_boot_id(node.report->boot_id);
    out.set_report_sequence(node.report->sequence);
    heard = node.report_received_at_unix_ms;
  }
  if (node.heartbeat) {
    const store::StoredHeartbeat& beat = *node.heartbeat;
    heard = std::max(heard, beat.received_at_unix_ms);
    out.set_clock_skew_ms(beat.node_clock_unix_ms - beat.received_at_unix_ms);
    v1::HeartbeatRequest said;
    if (said.ParseFromString(beat.bytes)) {
      if (said.has_available_memory_bytes()) {
        out.set_available_memory_bytes(said.available_memory_bytes());
      }
      if (said.has_load_average()) out.set_load_average(said.load_average());
      out.set_dropped_reports(said.dropped_reports());
    }
  }
  if (heard > 0) out.set_last_heard_unix_ms(heard);
  if (node.certificate_expires_at_unix_ms) {
    out.set_certificate_expires_unix_ms(*node.certificate_expires_at_unix_ms);
  }
  if (!node.report) {
    out.set_health(v1::HEALTH_WAITING);
  } else if (now - heard <= kFreshMs) {
    out.set_health(v1::HEALTH_FRESH);
  } else {
    out.set_health(now - heard <= kDayMs ? v1::HEALTH_LATE : v1::HEALTH_LOST);
  }
  AddWarnings(report, now, out);
  return out;
}

absl::StatusOr<v1::NodeSummary> FleetView::Summary(const store::NodeRecord& node) const {
  const auto stored = store_.GetReport(node.node_id);
  if (absl::IsNotFound(stored.status())) return Summarize(node, nullptr);
  if (!stored.ok()) return stored.status();
  v1::NodeReport report;
  return Summarize(node, report.ParseFromString(stored->bytes) ? &report : nullptr);
}

absl::StatusOr<std::vector<v1::NodeSummary>> FleetView::Summaries() const {
  const auto nodes = store_.ListNodes();
  if (!nodes.ok()) return nodes.status();
  const auto reports = store_.ListReports();
  if (!reports.ok()) return reports.status();
  std::map<std::string, const store::StoredReport*> by_node;
  for (const store::StoredReport& report : *reports) by_node[report.node_id] = &report;
  std::vector<v1::NodeSummary> summaries;
  for (const store::NodeRecord& node : *nodes) {
    v1::NodeReport report;
    const auto stored = by_node.find(node.node_id);
    const bool reported = stored != by_node.end() && report.ParseFromString(stored->second->bytes);
    summaries.push_back(Summarize(node, reported ? &report : nullptr));
  }
  return summaries;
}

absl::StatusOr<store::NodeRecord> FleetView::Find(const std::string& name_or_id) const {
  const auto by_id = store_.GetNode(name_or_id);
  if (by_id.ok()) return by_id;
  const auto by_name = store_.FindNode(name_or_id);
  if (by_name.ok() || !absl::IsNotFound(by_name.status())) return by_name;
  return absl::NotFoundError(absl::StrCat("no node is called \"", name_or_id, "\""));
}

absl::StatusOr<v1::GetNodeResponse> FleetView::Details(const std::string& name_or_id) const {
  const auto node = Find(name_or_id);
  if (!node.ok()) return node.status();
  auto summary = Summary(*node);
  if (!summary.ok()) return summary.status();
  v1::GetNodeResponse out;
  *out.mutable_summary() = *std::move(summary);
  if (const auto report = store_.GetReport(node->node_id); report.ok()) {
    if (!out.mutable_report()->ParseFromString(report->bytes)) out.clear_report();
  }
  const auto links = store_.ListLinks();
  if (!links.ok()) return links.status();
  for (const wire::LiveLink& link : ReadLinks(*links)) {
    if (link.from_node_id == node->node_id) *out.add_links() = link.measurement;
  }
  return out;
}

}  // namespace capacity::service
