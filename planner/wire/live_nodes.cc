#include "planner/wire/live_nodes.h"

#include "absl/status/status.h"

namespace capacity::wire {
namespace {

constexpr std::uint64_t kMostMemory = std::uint64_t{1} << 50;  // a PiB: a slip of a parser above

// A reported size, when it can be one.
std::optional<Bytes> Size(bool known, std::uint64_t bytes) {
  if (!known || bytes == 0 || bytes > kMostMemory) return std::nullopt;
  return Bytes{static_cast<std::int64_t>(bytes)};
}

// The cards that were seen, where the machine's entry leaves that to the owner. Of cards of one
// kind the smallest memory counts.
void ReadCards(const v1::NodeReport& report, int cards, fleet::Node& node) {
  if (!node.machine->chip.empty() || !node.has_cards()) return;
  if (cards > 0) node.overrides.accelerators = cards;
  for (const v1::Accelerator& card : report.accelerators()) {
    const std::optional<Bytes> memory = Size(card.has_memory_bytes(), card.memory_bytes());
    std::optional<Bytes>& smallest = node.overrides.vram_per_accelerator;
    if (memory && (!smallest || *memory < *smallest)) smallest = memory;
  }
}

}  // namespace

absl::StatusOr<fleet::Node> ReadNode(const catalog::Catalog& catalog, const LiveNode& live) {
  if (!live.report) return absl::NotFoundError("no report yet");
  const v1::NodeReport& report = *live.report;
  const Identified identified = Identify(catalog, report);
  if (identified.machine == nullptr || identified.chip == nullptr) {
    return absl::NotFoundError(identified.why);
  }
  fleet::Node node;
  node.name = live.name;
  node.machine = identified.machine;
  node.chip = identified.chip;
  // Versions decide about RDMA and Metal's limit, so about Macs only.
  if (node.machine->os == catalog::OperatingSystem::kMacos) {
    node.os_version = fleet::ParseOsVersion(report.os().version());
  }
  if (report.rdma().state() == v1::Rdma::STATE_ENABLED) node.rdma_enabled = true;
  if (report.rdma().state() == v1::Rdma::STATE_DISABLED) node.rdma_enabled = false;
  ReadCards(report, identified.chips, node);
  const v1::Memory& memory = report.memory();
  const std::optional<Bytes> installed =
      Size(memory.has_installed_bytes(), memory.installed_bytes());
  if (installed && *installed != node.machine->memory) node.overrides.memory = installed;
  const std::optional<Bytes> wired =
      Size(memory.has_wired_limit_bytes(), memory.wired_limit_bytes());
  if (wired && *wired <= node.memory()) node.overrides.wired_limit = wired;
  // What is available or in use right now is no property of the machine: a plan asks what it could
  // run, not what is left beside today's work. And a plan's bandwidth is the chip's peak, which the
  // speed model's efficiencies are relative to; an achieved one would count losses twice.
  return node;
}

}  // namespace capacity::wire
