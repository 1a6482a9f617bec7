// What macOS tools print. Every parser is pure and takes any bytes; what it does not find stays
// empty.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "node-agent/probe/text.h"
#include "node-agent/report.h"

namespace capacity::probe {

// `sysctl NAMES`, `sysctl -a`: "hw.memsize: 103079215104", also with "=". With -n only values are
// printed, one line for each of the names in `arguments`.
Fields ParseSysctl(const std::vector<std::string>& arguments, std::string_view text);

// "Performance 8, Efficiency 2" from hw.perflevelN.{name,physicalcpu}. A level without a name
// (before macOS 14) is called by its number: "level 0".
std::vector<agent::CoreGroup> CoreGroups(const Fields& sysctl);

// `system_profiler SPHardwareDataType`, JSON or text.
struct Hardware {
  std::string product;           // "Mac Studio"
  std::string model_identifier;  // "Mac15,14"
  std::string chip;              // "Apple M3 Ultra"
  std::optional<std::uint64_t> memory_bytes;
  std::optional<std::uint32_t> total_cores;  // only the total: positions after it changed meaning
  // The text form names them, "18 (6 Super and 12 Performance)"; empty where they are not the
  // total.
  std::vector<agent::CoreGroup> groups;
  bool cut = false;
};
std::optional<Hardware> ParseHardware(std::string_view text);

// `system_profiler SPDisplaysDataType`: the chip's own GPU; on Intel Macs the first that is listed.
struct Gpu {
  std::string name;
  std::optional<std::uint32_t> cores;
  std::vector<std::string> others;  // the names of all others, as listed
  bool cut = false;
};
std::optional<Gpu> ParseGpu(std::string_view text);

// What the displays are called there, an iPad beside the Mac among them.
std::vector<std::string> ParseDisplayNames(std::string_view text);

// A Thunderbolt 4 receptacle does 40 Gb/s; a Thunderbolt 5 one offers more while idle.
inline constexpr double kThunderbolt4BitsPerSecond = 40e9;

// `system_profiler SPThunderboltDataType`.
struct ThunderboltPeer {  // another computer, not a dock or a drive
  std::string name;       // "MacBook Pro"
  std::string model;      // "Mac17,6"
  std::string domain;     // UUID
  // Nullopt: the list ends before it could say.
  std::optional<bool> offers_rdma = false;
  // False: another maker's computer, or a phone or tablet. Nullopt: not said.
  std::optional<bool> is_mac;
};
struct ThunderboltReceptacle {
  std::string id;  // "3"; empty: not said
  std::optional<bool> connected;
  std::optional<Speed> speed;
};
struct ThunderboltBus {
  std::string name;
  std::string domain;  // UUID; empty: not said
  // Never empty. Apple's chips have one bus for each; on Intel Macs two share one.
  std::vector<ThunderboltReceptacle> receptacles;
  std::vector<ThunderboltPeer> peers;  // several behind a hub
  bool device = false;                 // a dock, a drive or a display is plugged in
};
struct Thunderbolt {
  std::string product;  // of this computer, as its buses name it
  std::vector<ThunderboltBus> buses;
  bool cut = false;
  // The form says where the list ends (JSON). Of the text form only its tool tells: an output that
  // was truncated, or whose tool was ended, may lack buses.
  bool shows_its_end = false;
};
std::optional<Thunderbolt> ParseThunderbolt(std::string_view text);
// What is not said at the end of a list whose end is missing is not known.
void MarkCut(Thunderbolt& thunderbolt);

// `vm_stat`, in bytes.
struct VirtualMemory {
  std::uint64_t wired = 0;
  std::uint64_t anonymous = 0;
  std::uint64_t purgeable = 0;
  std::uint64_t compressor = 0;  // occupied by it
};
std::optional<VirtualMemory> ParseVmStat(std::string_view text);

// `memory_pressure`: "System-wide memory free percentage: 45%" as 0.45.
std::optional<double> ParseMemoryPressure(std::string_view text);

// What macOS calls Thunderbolt in the names of ports; the second on a Mac in Chinese.
inline constexpr std::array<std::string_view, 2> kThunderboltWords = {"Thunderbolt", "雷雳"};

// `networksetup -listallhardwareports`: name of the port -> interface.
struct HardwarePort {
  std::string name;    // "Thunderbolt 1", "Wi-Fi", "Ethernet"
  std::string device;  // "en1"
};
std::vector<HardwarePort> ParseHardwarePorts(std::string_view text);

// Those names in the listing that people made: of VLANs, bonds, VPNs, phones. What macOS, in
// several languages, and makers of adapters call a port is of known words and of numbers.
std::vector<std::string> ParseNamesOfPeople(std::string_view hardware_ports);

// `ifconfig -a`, by interface.
struct InterfaceState {
  std::optional<bool> up;                 // there is a link
  std::optional<bool> switched_on;        // by the flag UP
  std::optional<double> bits_per_second;  // negotiated; absent while down and where none is stated
  std::vector<std::string> addresses;     // without link-local IPv6 and loopback
  std::vector<std::string> members;       // of a bridge: its interfaces
};
std::map<std::string, InterfaceState> ParseIfconfig(std::string_view text);

// `sw_vers`, also with -productVersion, which prints the version only.
struct SystemVersion {
  std::string version;
  std::string build;
};
std::optional<SystemVersion> ParseSwVers(const std::vector<std::string>& arguments,
                                         std::string_view text);

}  // namespace capacity::probe
