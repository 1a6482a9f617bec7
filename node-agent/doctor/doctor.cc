#include "node-agent/doctor/doctor.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "node-agent/doctor/cabling.h"
#include "node-agent/doctor/cages.h"
#include "node-agent/doctor/linux.h"
#include "node-agent/doctor/mac.h"
#include "node-agent/doctor/notes.h"

namespace capacity::doctor {
namespace {

bool IsMac(const Patient& patient) {
  return patient.report.machine.kind == agent::Machine::Kind::kMac;
}

std::set<std::string> AddressesOf(const Patient& machine) {
  std::set<std::string> addresses;
  for (const agent::Port& port : machine.report.ports) {
    addresses.insert(port.addresses.begin(), port.addresses.end());
  }
  return addresses;
}

std::set<std::string> BusesOf(const Patient& mac) {
  std::set<std::string> buses;
  for (const agent::Port& port : mac.report.ports) {
    if (!port.domain.empty()) buses.insert(port.domain);
  }
  return buses;
}

// A Thunderbolt bus is in one Mac only. Why `a` and `b` are one machine; "" where they are not.
std::string WhyOne(const Patient& a, const Patient& b) {
  if (IsMac(a) != IsMac(b)) return "";
  if (IsMac(a)) {
    const std::set<std::string> buses = BusesOf(a);
    const bool one = !buses.empty() && buses == BusesOf(b);
    return one ? "are one Mac: their Thunderbolt buses are the same" : "";
  }
  const std::set<std::string> addresses = AddressesOf(a);
  const bool one = a.report.hostname == b.report.hostname && !a.report.hostname.empty() &&
                   !addresses.empty() && addresses == AddressesOf(b);
  return one ? "are one machine: their host names and addresses are the same" : "";
}

// Each machine once, with a note for what is left out.
std::vector<const Patient*> Distinct(const std::vector<Patient>& patients,
                                     std::vector<Advice>& advice) {
  std::vector<const Patient*> distinct;
  for (const Patient& patient : patients) {
    const auto twin = std::find_if(
        distinct.begin(), distinct.end(),
        [&patient](const Patient* earlier) { return !WhyOne(*earlier, patient).empty(); });
    if (twin == distinct.end()) {
      distinct.push_back(&patient);
    } else {
      Notes("", advice)
          .Note(absl::StrCat((*twin)->name, " and ", patient.name, " ", WhyOne(**twin, patient),
                             ". ", patient.name, " is left out."));
    }
  }
  return distinct;
}

}  // namespace

std::vector<Advice> Diagnose(const std::vector<Patient>& patients) {
  std::vector<Advice> advice;
  const std::vector<const Patient*> distinct = Distinct(patients, advice);
  std::vector<const Patient*> macs;
  std::vector<const Patient*> others;
  Cables cables{distinct, {}};
  for (const Patient* patient : distinct) {
    Notes notes(patient->name, advice);
    if (!IsMac(*patient)) {
      CheckLinux(patient->report, notes);
      others.push_back(patient);
      continue;
    }
    macs.push_back(patient);
    CheckMac(*patient, cables, notes);
  }
  Notes together("", advice);
  if (macs.size() > 1) {
    CheckCabling(macs, together);
    CheckStrangers(macs, together);
  }
  CheckCages(others, together);
  return advice;
}

}  // namespace capacity::doctor
