#include "node-agent/doctor/notes.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace capacity::doctor {

std::string Described(const agent::Port& port) {
  const std::string name = port.name.empty() ? "a Thunderbolt port" : port.name;
  if (port.interfaces.empty()) return name;
  const std::string interfaces = absl::StrJoin(port.interfaces, " and ");
  return interfaces == name ? name : absl::StrCat(name, " (", interfaces, ")");
}

std::string Gigabits(double bits_per_second) {
  return absl::StrCat(bits_per_second / 1e9, " Gb/s");
}

}  // namespace capacity::doctor
