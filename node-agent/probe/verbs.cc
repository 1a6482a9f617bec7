#include "node-agent/probe/verbs.h"

#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

constexpr std::size_t kMostDevices = 256;
constexpr std::size_t kLongestName = 64;

// ACTIVE carries traffic; every other state (DOWN, INIT, ARMED, NOP) does not.
std::optional<bool> Active(std::string_view state) {
  if (Trim(state).empty()) return std::nullopt;
  return ContainsWord(state, "active") && !ContainsWord(state, "defer") &&
         !ContainsWord(state, "inactive");
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

}  // namespace

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
  for (const std::string_view line : Lines(text)) {
    const auto pair = SplitPair(line, ':');
    if (!pair) continue;
    if (pair->key == "hca_id") {
      current = IsDeviceName(pair->value) && devices.size() < kMostDevices
                    ? &devices[std::string(pair->value)]
                    : nullptr;
    } else if (current != nullptr && pair->key == "state" && !current->active) {
      current->active = Active(pair->value);
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
  for (const std::string_view line : Lines(text)) {
    const std::string_view trimmed = Trim(line);
    if (StartsWith(trimmed, "CA '") && trimmed.size() > 5) {
      const std::string_view name = trimmed.substr(4, trimmed.find('\'', 4) - 4);
      current = IsDeviceName(name) && devices.size() < kMostDevices ? &devices[std::string(name)]
                                                                    : nullptr;
      continue;
    }
    const auto pair = SplitPair(trimmed, ':');
    if (!pair || current == nullptr) continue;
    if (pair->key == "State" && !current->active) current->active = Active(pair->value);
    if (pair->key == "Rate" && !current->rate_bits_per_second) {
      const auto gigabits = ParseLeadingNumber(pair->value);
      if (gigabits && *gigabits > 0 && *gigabits < 1e5) {
        current->rate_bits_per_second = *gigabits * 1e9;
      }
    }
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
    RdmaDevice& device = devices[std::string(left[0])];
    if (!device.netdev.empty()) continue;  // a second port of the same device
    device.netdev = std::string(right[0]);
    if (right.size() > 1) device.netdev_up = ContainsWord(right[1], "up");
  }
  if (devices.empty()) return std::nullopt;
  return devices;
}

std::optional<RdmaDevices> ParseRdmaLink(std::string_view text) {
  RdmaDevices devices;
  for (const std::string_view line : Lines(text)) {
    const std::vector<std::string_view> words = Words(line);
    if (words.size() < 4 || words[0] != "link") continue;
    const std::string_view name = words[1].substr(0, words[1].find('/'));
    if (!IsDeviceName(name) || devices.size() == kMostDevices) continue;
    RdmaDevice& device = devices[std::string(name)];
    for (std::size_t i = 2; i + 1 < words.size(); ++i) {
      if (words[i] == "state" && !device.active) device.active = Active(words[i + 1]);
      if (words[i] == "netdev" && device.netdev.empty() && IsDeviceName(words[i + 1])) {
        device.netdev = std::string(words[i + 1]);
      }
    }
  }
  if (devices.empty()) return std::nullopt;
  return devices;
}

RdmaDevice ParseSysfsPort(std::string_view state, std::string_view rate) {
  RdmaDevice device;
  device.active = Active(state);
  if (const auto speed = ParseSpeed(rate); speed && speed->leads) {
    device.rate_bits_per_second = speed->bits_per_second;
  }
  return device;
}

void Merge(const RdmaDevice& other, RdmaDevice& device) {
  if (!device.active) device.active = other.active;
  if (!device.rate_bits_per_second) device.rate_bits_per_second = other.rate_bits_per_second;
  if (device.netdev.empty()) device.netdev = other.netdev;
  if (!device.netdev_up) device.netdev_up = other.netdev_up;
}

void Merge(const RdmaDevices& other, RdmaDevices& devices) {
  for (const auto& [name, device] : other) Merge(device, devices[name]);
}

}  // namespace capacity::probe
