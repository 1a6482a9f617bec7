// Any text at all, read as an inventory, a what-if or a catalogue, must be understood or refused
// with located problems: no crash, no exception, never both and never neither.
//
// A zero byte (which no text has) ends the inventory and begins a what-if that is applied to it.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "planner/inventory/catalog_yaml.h"
#include "planner/inventory/inventory.h"

namespace capacity::inventory {
namespace {

// Small enough that one input takes milliseconds.
constexpr DocumentLimits kLimits = {.bytes = 1 << 16, .depth = 64, .values = 20'000};

void Expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

void CheckProblems(const Diagnostics& problems) {
  for (const Diagnostic& problem : problems) {
    Expect(!problem.file.empty() && !problem.problem.empty(), "a problem says where and what");
    Expect(problem.line >= 0 && problem.column >= 0, "lines and columns count from one");
    Expect((problem.line == 0) == (problem.column == 0), "a line has a column");
  }
}

const catalog::Catalog& ShippedCatalog() {
  static const Loaded<catalog::Catalog> loaded =
      LoadCatalog(CAPACITY_SOURCE_DIR "/inventories/catalog", {});
  Expect(loaded.value.has_value(), "the shipped catalogue loads");
  return *loaded.value;
}

void ReadAsCatalog(std::string_view text) {
  const ParsedDocument parsed = ParseDocument("fuzz.yaml", text, kLimits);
  Expect(parsed.document.has_value() == parsed.problems.empty(), "a document or its problems");
  CheckProblems(parsed.problems);
  if (!parsed.document) return;
  Problems problems;
  CatalogReader reader(problems);
  reader.Read(*parsed.document);
  reader.Finish();
  if (!problems.empty()) CheckProblems(problems.Take());
}

void CheckScenario(const fleet::Scenario& scenario) {
  Expect(!scenario.workloads.empty(), "there is a workload, stated or implicit");
  for (const fleet::Workload& workload : scenario.workloads) {
    Expect(workload.utilization > 0 && workload.utilization <= 1, "utilization is a share");
    Expect(workload.prompt_tokens <= workload.context_tokens, "the prompt fits the context");
  }
  for (const fleet::Offer& offer : scenario.offers) {
    Expect(offer.price_low <= offer.price && offer.price <= offer.price_high, "prices in order");
  }
  const int count = static_cast<int>(scenario.fleet.nodes().size());
  for (const fleet::LinkGroup& group : scenario.fleet.links()) {
    Expect(group.link != nullptr && group.members.size() >= 2, "a link joins two nodes");
    for (int member : group.members) Expect(member >= 0 && member < count, "members exist");
  }
}

void ReadAsScenario(std::string_view base, std::string_view what_if) {
  const DocumentReader read = [&](const std::string& file) -> ParsedDocument {
    if (file == "base.yaml") return ParseDocument(file, base, kLimits);
    if (file == "what-if.yaml") return ParseDocument(file, what_if, kLimits);
    return {std::nullopt, {{file, 0, 0, "no such file", ""}}};
  };
  std::vector<std::string> overlays;
  if (!what_if.empty()) overlays.push_back("what-if.yaml");
  const Loaded<fleet::Scenario> loaded =
      LoadScenarioWith(read, ShippedCatalog(), "base.yaml", overlays);
  Expect(loaded.value.has_value() == loaded.problems.empty(), "a scenario or its problems");
  CheckProblems(loaded.problems);
  if (loaded.value) CheckScenario(*loaded.value);
}

// A fleet for a what-if that comes alone.
constexpr std::string_view kBase =
    "schema: capacity-planner/inventory/v1\n"
    "nodes:\n"
    "  - {name: spark, machine: dgx-spark, count: 2}\n"
    "  - {name: max, machine: mac-studio-m4-max-128gb, os_version: 26.2}\n"
    "  - {name: ultra, machine: mac-studio-m3-ultra-512gb, os_version: 26.2}\n"
    "links:\n"
    "  - {kind: connectx7, members: [spark]}\n"
    "  - {kind: 10gbe, members: [spark, max, ultra]}\n"
    "workloads:\n"
    "  - {name: coding-agents, tokens_per_day: {output: 1M}}\n";

}  // namespace
}  // namespace capacity::inventory

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace capacity::inventory;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (text.find("catalog/v1") != std::string_view::npos) {
    ReadAsCatalog(text);
    return 0;
  }
  const std::size_t split = text.find('\0');
  if (split != std::string_view::npos) {
    ReadAsScenario(text.substr(0, split), text.substr(split + 1));
  } else if (text.find("what-if/v1") != std::string_view::npos) {
    ReadAsScenario(kBase, text);
  } else {
    ReadAsScenario(text, "");
  }
  return 0;
}
