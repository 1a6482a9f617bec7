// What Linux tools and files print. Every parser is pure and takes any bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node-agent/probe/text.h"
#include "node-agent/report.h"

namespace capacity::probe {

// `lscpu`, plain or -J, with one block a core model ("Cortex-X925" and "Cortex-A725"). Cores that
// are off line are not counted.
std::optional<agent::Processor> ParseLscpu(std::string_view text);

// Output of `lscpu` whose labels are in another language than English ("Architektur",
// "Nom de modèle").
bool LabelsAreTranslated(std::string_view lscpu);

// /proc/cpuinfo. Arm cores, of Arm or of others, have no model name there; their part numbers are
// looked up.
std::optional<agent::Processor> ParseCpuinfo(std::string_view text);

// /proc/meminfo, in bytes: "MemTotal", "MemAvailable".
std::map<std::string, std::uint64_t, std::less<>> ParseMeminfo(std::string_view text);

// /etc/os-release and /etc/dgx-release: KEY="value"; of repeated keys the last counts.
Fields ParseRelease(std::string_view text);

// `uname -a`, `uname -srm` and the like.
struct Kernel {
  std::string system;        // "Linux", "Darwin"
  std::string release;       // "6.14.0-1013-nvidia"
  std::string architecture;  // "aarch64"
  std::string hostname;      // empty when it was not asked for
};
std::optional<Kernel> ParseUname(std::string_view text);

struct NetInterface {
  std::optional<bool> up;
  std::optional<bool> brought_up;      // asked for, whether or not it has a carrier
  std::vector<std::string> addresses;  // global ones
  std::vector<std::string> subnets;    // of those of IPv4: "192.168.177.0/24"
  bool addresses_listed = false;       // so that it has no others is known
  std::string master;                  // the bond or bridge that it is a part of; empty: none
  std::string lower;                   // what a VLAN runs over; empty: it is none
  bool elsewhere = false;              // its other end is in another network namespace
};
// `ip -j address`, `ip -j link`, `ip address`, `ip link`, either with -o or -br. Addresses that
// another machine has too or that are not sure yet (dadfailed, tentative) are left out.
std::optional<std::map<std::string, NetInterface>> ParseIp(std::string_view text);

// JSON without its end; false for what is no JSON.
bool IsCutJson(std::string_view text);

// `ethtool`: "Speed: 200000Mb/s", "Link detected: yes".
struct Ethtool {
  std::string interface;  // from "Settings for enp1s0f1np1:"; empty: not said
  std::optional<double> bits_per_second;
};
Ethtool ParseEthtool(std::string_view text);

}  // namespace capacity::probe
