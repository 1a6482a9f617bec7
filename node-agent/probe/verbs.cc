#include "node-agent/probe/verbs.h"

#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

constexpr std::size_t kMostDevices = 256;
constexpr std::size_t kLongestName = 64;
constexpr int kMostPorts = 255;  // of a device: a byte in the verbs interface

// ACTIVE carries traffic; every other state (DOWN, INIT, ARMED, NOP) does not.
std::optional<bool> Active(std::string_view state) {
  if (Trim(state).empty()) return std::nullopt;
  return ContainsWord(state, "active") && !ContainsWord(state, "defer") &&
         !ContainsWord(state, "inactive");
}

// "4: ACTIVE", "PORT_ACTIVE (4)", "Active": "ACTIVE". ibstat writes INIT as "Initializing".
std::string StateName(std::string_view state) {
  std::string_view word = Trim(state);
  if (const std::size_t colon = word.find(':'); colon != std::string_view::npos) {
    word = Trim(word.substr(colon + 1));
  }
  word = word.substr(0, word.find(' '));
  if (StartsWith(word, "PORT_")) word = word.substr(5);
  std::string name = Clean(word, 16);
  for (char& c : name) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
  return StartsWith(name, "INIT") ? "INIT" : name;
}

void TakeState(std::string_view said, RdmaPort& port) {
  if (port.active) return;
  port.active = Active(said);
  if (port.active) port.state = StateName(said);
}

// "LinkUp", "5: LinkUp", "LINK_UP (5)"; every other physical state has no link.
void TakePhysicalState(std::string_view said, RdmaPort& port) {
  if (Trim(said).empty() || port.link) return;
  port.link = ContainsWord(said, "linkup") || ContainsWord(said, "link_up");
}

bool IsDeviceName(std::string_view word) {
  if (word.empty() || word.size() > kLongestName) return false;
  for (const char c : word) {
    const bool fits = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '_' || c == '-' || c == '.';
    if (!fits) return false;
  }
  return true;
}

void ReadIbstatField(std::string_view key, std::string_view value, int number, RdmaDevice& device) {
  if (key == "Link layer") device.ports[number].infiniband = IsInfiniband(value);
  if (key == "State") TakeState(value, device.ports[number]);
  if (key == "Physical state") TakePhysicalState(value, device.ports[number]);
  if (key != "Rate" || device.ports[number].rate_bits_per_second) return;
  const auto gigabits = ParseLeadingNumber(value);
  if (gigabits && *gigabits > 0 && *gigabits < 1e5) {
    device.ports[number].rate_bits_per_second = *gigabits * 1e9;
  }
}

}  // namespace

std::optional<bool> RdmaDevice::active() const {
  std::optional<bool> any;
  for (const auto& [number, port] : ports) {
    if (port.active) any = any.value_or(false) || *port.active;
  }
  return any;
}

std::optional<int> RdmaPortNumber(std::string_view text) {
  const auto number = ParseWhole(text);
  if (!number || *number < 1 || *number > kMostPorts) return std::nullopt;
  return static_cast<int>(*number);
}

std::optional<bool> IsInfiniband(std::string_view link_layer) {
  if (ContainsWord(link_layer, "infiniband")) return true;
  if (ContainsWord(link_layer, "ethernet")) return false;
  return std::nullopt;
}

std::optional<RdmaDevices> ParseIbvDevices(std::string_view text) {
  RdmaDevices devices;
  bool header = false;
  for (const std::string_view line : Lines(text)) {
    const std::vector<std::string_view> words = Words(line);
    if (words.empty() || StartsWith(words[0], "---")) continue;
    if (words[0] == "device" && Contains(line, "GUID")) {
      header = true;
    } else if (header && IsDeviceName(words[0]) && words.size() == 2 &&
               devices.size() < kMostDevices) {
      devices[std::string(words[0])];
    }
  }
  if (!header) return std::nullopt;
  return devices;
}

std::optional<RdmaDevices> ParseIbvDevinfo(std::string_view text) {
  RdmaDevices devices;
  RdmaDevice* current = nullptr;
  int number = 1;
  for (const std::string_view line : Lines(text)) {
    const auto pair = SplitPair(line, ':');
    if (!pair) continue;
    if (pair->key == "hca_id") {
      current = IsDeviceName(pair->value) && devices.size() < kMostDevices
                    ? &devices[std::string(pair->value)]
                    : nullptr;
      number = 1;
    } else if (pair->key == "port") {
      number = RdmaPortNumber(pair->value).value_or(number);
    } else if (current != nullptr && pair->key == "state") {
      TakeState(pair->value, current->ports[number]);
    } else if (current != nullptr && pair->key == "phys_state") {
      TakePhysicalState(pair->value, current->ports[number]);
    } else if (current != nullptr && pair->key == "link_layer") {
      current->ports[number].infiniband = IsInfiniband(pair->value);
    }
  }
  if (devices.empty()) {
    // "No IB devices found" is an answer.
    if (Contains(text, "No IB devices found")) return devices;
    return std::nullopt;
  }
  return devices;
}

std::optional<RdmaDevices> ParseIbstat(std::string_view text) {
  RdmaDevices devices;
  RdmaDevice* current = nullptr;
  int number = 1;
  for (const std::string_view line : Lines(text)) {
    const std::string_view trimmed = Trim(line);
    if (StartsWith(trimmed, "CA '") && trimmed.size() > 5) {
      const std::string_view name = trimmed.substr(4, trimmed.find('\'', 4) - 4);
      current = IsDeviceName(name) && devices.size() < kMostDevices ? &devices[std::string(name)]
                                                                    : nullptr;
      number = 1;
      continue;
    }
    const auto pair = SplitPair(trimmed, ':');
    if (!pair || current == nullptr) continue;
    if (constexpr std::string_view kPort = "Port "; StartsWith(pair->key, kPort)) {
      number = RdmaPortNumber(pair->key.substr(kPort.size())).value_or(number);
    }
    ReadIbstatField(pair->key, pair->value, number, *current);
  }
  if (devices.empty()) return std::nullopt;
  return devices;
}

std::optional<RdmaDevices> ParseIbdev2netdev(std::string_view text) {
  RdmaDevices devices;
  for (const std::string_view line : Lines(text)) {
    const std::size_t arrow = line.find("==>");
    if (arrow == std::string_view::npos) continue;
    const std::vector<std::string_view> left = Words(line.substr(0, arrow));
    const std::vector<std::string_view> right = Words(line.substr(arrow + 3));
    if (left.empty() || right.empty() || !IsDeviceName(left[0]) || !IsDeviceName(right[0]))
      continue;
    if (devices.size() == kMostDevices) break;
    const int number = left.size() > 2 ? RdmaPortNumber(left[2]).value_or(1) : 1;
    RdmaPort& port = devices[std::string(left[0])].ports[number];
    port.netdev = std::string(right[0]);
    if (right.size() > 1) port.netdev_up = ContainsWord(right[1], "up");
  }
  if (devices.empty()) return std::nullopt;
  return devices;
}

std::optional<RdmaDevices> ParseRdmaLink(std::string_view text) {
  RdmaDevices devices;
  for (const std::string_view line : Lines(text)) {
    const std::vector<std::string_view> words = Words(line);
    if (words.size() < 4 || words[0] != "link") continue;
    const std::size_t slash = words[1].find('/');
    const std::string_view name = words[1].substr(0, slash);
    if (!IsDeviceName(name) || devices.size() == kMostDevices) continue;
    const int number = slash == std::string_view::npos
                           ? 1
                           : RdmaPortNumber(words[1].substr(slash + 1)).value_or(1);
    RdmaPort& port = devices[std::string(name)].ports[number];
    for (std::size_t i = 2; i + 1 < words.size(); ++i) {
      if (words[i] == "state") TakeState(words[i + 1], port);
      if (words[i] == "physical_state") TakePhysicalState(words[i + 1], port);
      if (words[i] == "subnet_prefix") port.infiniband = true;  // only InfiniBand has subnets
      if (words[i] == "netdev" && port.netdev.empty() && IsDeviceName(words[i + 1])) {
        port.netdev = std::string(words[i + 1]);
      }
    }
  }
  if (devices.empty()) return std::nullopt;
  return devices;
}

RdmaPort ParseSysfsPort(std::string_view state, std::string_view rate,
                        std::string_view physical_state) {
  RdmaPort port;
  TakeState(state, port);
  TakePhysicalState(physical_state, port);
  if (const auto speed = ParseSpeed(rate); speed && speed->leads) {
    port.rate_bits_per_second = speed->bits_per_second;
  }
  return port;
}

void Merge(const RdmaDevices& other, RdmaDevices& devices) {
  for (const auto& [name, device] : other) {
    RdmaDevice& known = devices[name];
    for (const auto& [number, from] : device.ports) {
      RdmaPort& to = known.ports[number];
      if (!to.active) {
        to.active = from.active;
        to.state = from.state;
      }
      if (!to.link) to.link = from.link;
      if (!to.rate_bits_per_second) to.rate_bits_per_second = from.rate_bits_per_second;
      if (to.netdev.empty()) to.netdev = from.netdev;
      if (!to.netdev_up) to.netdev_up = from.netdev_up;
      if (!to.infiniband) to.infiniband = from.infiniband;
    }
  }
}

}  // namespace capacity::probe
