#include "node-agent/bench/conditions.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "node-agent/probe/text.h"

namespace capacity::bench {
namespace {

using agent::Conditions;
using host::Command;
using host::Host;
using host::Output;
using probe::Contains;
using probe::Trim;

// Above this share of busy cores a bandwidth measurement mostly measures the other work, and
// disturbs it. An idle desktop stays below a tenth.
constexpr double kBusyShare = 0.3;

std::string TextOf(Host& host, const Command& command) {
  for (const Output& output : host.Run(command)) {
    if (output.how == Output::How::kRan && output.exit_code == 0) return output.text;
  }
  return "";
}

std::string ReadTrimmed(Host& host, const std::string& path) {
  return std::string(Trim(host.Read(path).value_or("")));
}

// /proc/loadavg "0.52 0.48 ..." or `uptime`'s "load averages: 1.21 1.30".
std::optional<double> Load(Host& host) {
  if (const auto load = host.Read("/proc/loadavg")) return probe::ParseLeadingNumber(*load);
  const std::string uptime = TextOf(host, {{"uptime"}});
  const std::size_t at = uptime.find("load average");
  const std::size_t colon = uptime.find(':', at == std::string::npos ? uptime.size() : at);
  if (colon == std::string::npos) return std::nullopt;
  return probe::ParseLeadingNumber(std::string_view(uptime).substr(colon + 1));
}

Conditions::Power PowerOfLinux(Host& host) {
  Conditions::Power power = Conditions::Power::kUnknown;
  for (const std::string& name : host.List("/sys/class/power_supply")) {
    const std::string at = absl::StrCat("/sys/class/power_supply/", name, "/");
    const std::string type = ReadTrimmed(host, at + "type");
    if (type == "Mains" && ReadTrimmed(host, at + "online") == "1")
      return Conditions::Power::kMains;
    // A mouse has a battery too; only the system's own counts.
    if (type == "Battery" && ReadTrimmed(host, at + "scope") != "Device" &&
        ReadTrimmed(host, at + "status") == "Discharging") {
      power = Conditions::Power::kBattery;
    }
  }
  return power;
}

// The hottest zone, "54 C".
std::string ThermalOfLinux(Host& host) {
  double hottest = 0;
  for (const std::string& zone : host.List("/sys/class/thermal")) {
    if (!probe::StartsWith(zone, "thermal_zone")) continue;
    const auto millidegrees =
        probe::ParseWhole(ReadTrimmed(host, absl::StrCat("/sys/class/thermal/", zone, "/temp")));
    if (millidegrees && *millidegrees < 200'000) {
      hottest = std::max(hottest, static_cast<double>(*millidegrees) / 1000);
    }
  }
  return hottest > 0 ? absl::StrCat(static_cast<int>(hottest), " C") : "";
}

// `pmset -g batt`: "Now drawing from 'AC Power'".
Conditions::Power PowerOfMac(const std::string& text) {
  if (Contains(text, "'AC Power'")) return Conditions::Power::kMains;
  if (Contains(text, "'Battery Power'")) return Conditions::Power::kBattery;
  return Conditions::Power::kUnknown;
}

// `pmset -g therm`: "CPU_Speed_Limit = 100"; nothing is recorded on a cool machine.
std::string ThermalOfMac(const std::string& text) {
  const std::size_t at = text.find("CPU_Speed_Limit");
  if (at != std::string::npos) {
    const std::size_t equals = text.find('=', at);
    const auto percent = equals == std::string::npos
                             ? std::nullopt
                             : probe::ParseLeadingNumber(std::string_view(text).substr(equals + 1));
    if (percent && *percent < 100) return absl::StrCat("limited to ", *percent, " % speed");
    if (percent) return "nominal";
  }
  return Contains(text, "No thermal warning") ? "nominal" : "";
}

}  // namespace

Conditions ReadConditions(Host& host) {
  Conditions conditions;
  conditions.load_average = Load(host);
  conditions.power = PowerOfLinux(host);
  conditions.thermal = ThermalOfLinux(host);
  if (conditions.power == Conditions::Power::kUnknown) {
    conditions.power = PowerOfMac(TextOf(host, {{"pmset", "-g", "batt"}}));
  }
  if (conditions.thermal.empty()) {
    conditions.thermal = ThermalOfMac(TextOf(host, {{"pmset", "-g", "therm"}}));
  }
  return conditions;
}

std::string WhyNotNow(const Conditions& conditions, unsigned cores) {
  if (conditions.power == Conditions::Power::kBattery) return "the machine runs on its battery";
  if (conditions.load_average && *conditions.load_average > kBusyShare * std::max(cores, 1u)) {
    char load[32];
    std::snprintf(load, sizeof load, "%.1f", *conditions.load_average);
    return absl::StrCat("the machine is busy (load ", load, " on ", cores, " cores)");
  }
  return "";
}

}  // namespace capacity::bench
