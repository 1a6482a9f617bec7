// Reports from anyone: whatever parses and is let in becomes an inventory that reads back.
#include <cstdint>
#include <cstdlib>

#include "planner/inventory/inventory.h"
#include "planner/wire/live_fleet.h"
#include "planner/wire/validate.h"
#include "tests/support/shipped.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capacity;  // NOLINT(google-build-using-namespace)
  v1::SendReportRequest request;
  if (!request.ParseFromArray(data, static_cast<int>(size))) return 0;
  if (!wire::Violations(request).empty()) return 0;
  // Twice, so that links between two such nodes are tried, too.
  const wire::LiveFleet fleet = wire::ReadLiveFleet(
      testing::Shipped(), {{"a", "a", request.report()}, {"b", "b", request.report()}}, {});
  const std::string yaml = wire::InventoryYaml(fleet);
  const auto read = inventory::LoadScenarioWith(
      [&](const std::string& file) {
        return inventory::ParseDocument(file, yaml, inventory::DocumentLimits{});
      },
      testing::Shipped(), "live.yaml", {});
  if (!read.value || read.value->fleet.nodes().size() != fleet.nodes.size()) std::abort();
  return 0;
}
