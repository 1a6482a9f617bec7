#include "absl/strings/str_cat.h"
#include "planner/wire/live_fleet.h"

namespace capacity::wire {
namespace {

// "Mac15,14, Apple M3 Ultra": what a person can look up.
std::string Seen(const v1::NodeReport& report) {
  std::string seen;
  for (const std::string* part :
       {&report.machine().vendor(), &report.machine().product(),
        &report.machine().model_identifier(), &report.processor().name()}) {
    if (!part->empty()) absl::StrAppend(&seen, seen.empty() ? "" : ", ", *part);
  }
  return seen.empty() ? "nothing about the machine" : seen;
}

}  // namespace

Identified Identify(const catalog::Catalog& catalog, const v1::NodeReport& report) {
  Identified found;
  found.machine = catalog.FindMachine(report.identity().machine());
  found.chip = catalog.FindChip(report.identity().chip());
  if (found.machine != nullptr && found.chip == nullptr) {
    found.chip = catalog.FindChip(found.machine->chip);
  }
  if (found.machine == nullptr) {
    found.why = absl::StrCat("no machine of the catalogue is this (", Seen(report), ")");
    if (!report.identity().why().empty()) {
      absl::StrAppend(&found.why, ": ", report.identity().why());
    }
  }
  return found;
}

}  // namespace capacity::wire
