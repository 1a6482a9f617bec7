#include "node-agent/doctor/doctor.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "node-agent/doctor/cabling.h"
#include "node-agent/doctor/linux.h"
#include "node-agent/doctor/mac.h"
#include "node-agent/doctor/notes.h"

namespace capacity::doctor {
namespace {

bool IsMac(const Patient& patient) {
  return patient.report.machine.kind == agent::Machine::Kind::kMac;
}

std::set<std::string> BusesOf(const Patient& mac) {
  std::set<std::string> buses;
  for (const agent::Port& port : mac.report.ports) {
    if (!port.domain.empty()) buses.insert(port.domain);
  }
  return buses;
}

// A Thunderbolt bus is in one Mac only.
bool AreOneMac(const Patient& a, const Patient& b) {
  const std::set<std::string> buses = BusesOf(a);
  return !buses.empty() && buses == BusesOf(b);
}

// Each machine once, with a note for what is left out.
std::vector<const Patient*> Distinct(const std::vector<Patient>& patients,
                                     std::vector<Advice>& advice) {
  std::vector<const Patient*> distinct;
  for (const Patient& patient : patients) {
    const auto twin =
        std::find_if(distinct.begin(), distinct.end(), [&patient](const Patient* earlier) {
          return IsMac(patient) && IsMac(*earlier) && AreOneMac(*earlier, patient);
        });
    if (twin == distinct.end()) {
      distinct.push_back(&patient);
    } else {
      Notes("", advice)
          .Note(absl::StrCat((*twin)->name, " and ", patient.name,
                             " are one Mac: their Thunderbolt buses are the same. ", patient.name,
                             " is left out."));
    }
  }
  return distinct;
}

}  // namespace

std::vector<Advice> Diagnose(const std::vector<Patient>& patients) {
  std::vector<Advice> advice;
  const std::vector<const Patient*> distinct = Distinct(patients, advice);
  std::vector<const Patient*> macs;
  std::vector<const Patient*> joinable;  // those that RDMA may join
  Cables cables{distinct, {}};
  for (const Patient* patient : distinct) {
    Notes notes(patient->name, advice);
    if (!IsMac(*patient)) {
      CheckLinux(patient->report, notes);
      continue;
    }
    macs.push_back(patient);
    if (!NeverHasRdma(patient->report)) joinable.push_back(patient);
    CheckMac(*patient, cables, notes);
  }
  Notes together("", advice);
  if (joinable.size() > 1) CheckCabling(joinable, together);
  if (macs.size() > 1) CheckStrangers(macs, together);
  return advice;
}

}  // namespace capacity::doctor
