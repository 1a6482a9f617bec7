#include "node-agent/reporter/vitals.h"

#include <stdlib.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>

namespace capacity::reporter {
namespace {

// "MemAvailable:   123 kB", in bytes.
std::optional<std::uint64_t> AvailableBytes(std::string_view meminfo) {
  constexpr std::string_view kKey = "MemAvailable:";
  const std::size_t at = meminfo.find(kKey);
  if (at == std::string_view::npos) return std::nullopt;
  meminfo.remove_prefix(at + kKey.size());
  meminfo.remove_prefix(std::min(meminfo.find_first_not_of(' '), meminfo.size()));
  std::uint64_t kib = 0;
  const auto [end, error] = std::from_chars(meminfo.data(), meminfo.data() + meminfo.size(), kib);
  const std::string_view unit(end, static_cast<std::size_t>(meminfo.data() + meminfo.size() - end));
  if (error != std::errc() || unit.substr(0, 3) != " kB") return std::nullopt;
  return kib * 1024;
}

}  // namespace

Vitals ReadVitals(host::Host& host) {
  Vitals vitals;
  if (double load = 0; getloadavg(&load, 1) == 1) vitals.load_average = load;
  if (const auto meminfo = host.Read("/proc/meminfo")) {
    vitals.available_memory_bytes = AvailableBytes(*meminfo);
  }
  return vitals;
}

}  // namespace capacity::reporter
