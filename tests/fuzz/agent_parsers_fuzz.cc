// Every parser of the agent, one an execution: the first byte chooses it, the rest is what a tool
// printed. Whatever the bytes, a parser ends, and what it makes is printable and in its bounds.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "node-agent/apple_models.h"
#include "node-agent/host/capture.h"
#include "node-agent/host/redact.h"
#include "node-agent/probe/apple.h"
#include "node-agent/probe/linux_text.h"
#include "node-agent/probe/nvidia.h"
#include "node-agent/probe/text.h"
#include "node-agent/probe/verbs.h"

namespace {

namespace host = capacity::host;
namespace probe = capacity::probe;

void Require(bool holds) {
  if (!holds) std::abort();
}

void RequirePrintable(const std::string& text) {
  Require(text.size() <= 128);
  Require(probe::Clean(text) == text);
}

void RequireSpeed(const std::optional<double>& bits) {
  if (bits) Require(std::isfinite(*bits) && *bits > 0 && *bits < 1e15);
}

void RequireDevices(const std::optional<probe::RdmaDevices>& devices) {
  if (!devices) return;
  for (const auto& [name, device] : *devices) {
    RequirePrintable(name);
    for (const auto& [number, port] : device.ports) {
      Require(number >= 1 && number <= 255);
      RequireSpeed(port.rate_bits_per_second);
    }
  }
}

void RequireProcessor(const std::optional<capacity::agent::Processor>& processor) {
  if (!processor) return;
  for (const auto& group : processor->groups) RequirePrintable(group.name);
}

void ParseApple(unsigned which, std::string_view text) {
  switch (which) {
    case 0: {
      probe::CoreGroups(probe::ParseSysctl({"sysctl", "-a"}, text));
      break;
    }
    case 1: {
      if (const auto hardware = probe::ParseHardware(text)) RequirePrintable(hardware->product);
      break;
    }
    case 2: {
      if (const auto gpu = probe::ParseGpu(text)) RequirePrintable(gpu->name);
      probe::ParseDisplayNames(text);
      break;
    }
    case 3: {
      const auto thunderbolt = probe::ParseThunderbolt(text);
      if (!thunderbolt) break;
      for (const auto& bus : thunderbolt->buses) {
        RequirePrintable(bus.name);
        for (const auto& peer : bus.peers) RequirePrintable(peer.name);
        Require(!bus.receptacles.empty());
        for (const auto& receptacle : bus.receptacles) {
          RequirePrintable(receptacle.id);
          if (receptacle.speed) RequireSpeed(receptacle.speed->bits_per_second);
        }
      }
      break;
    }
    case 4:
      probe::ParseVmStat(text);
      break;
    case 5: {
      const auto share = probe::ParseMemoryPressure(text);
      if (share) Require(*share >= 0 && *share <= 1);
      break;
    }
    case 6:
      probe::ParseHardwarePorts(text);
      probe::ParseNamesOfPeople(text);
      break;
    case 7:
      for (const auto& [name, interface] : probe::ParseIfconfig(text)) {
        RequireSpeed(interface.bits_per_second);
        if (interface.up == false) Require(!interface.bits_per_second);
      }
      break;
    default:
      probe::ParseSwVers({"sw_vers"}, text);
      capacity::agent::HasThunderbolt4AtMost(text);
      break;
  }
}

void ParseLinux(unsigned which, std::string_view text) {
  switch (which) {
    case 0:
      RequireProcessor(probe::ParseLscpu(text));
      break;
    case 1:
      RequireProcessor(probe::ParseCpuinfo(text));
      break;
    case 2:
      probe::ParseMeminfo(text);
      break;
    case 3:
      probe::ParseRelease(text);
      break;
    case 4:
      probe::ParseUname(text);
      break;
    case 5:
      probe::ParseIp(text);
      break;
    case 6:
      RequireSpeed(probe::ParseEthtool(text).bits_per_second);
      break;
    case 7:
      probe::NvidiaInLspci(text);
      break;
    case 8:
      RequireDevices(probe::ParseIbvDevices(text));
      break;
    case 9:
      RequireDevices(probe::ParseIbvDevinfo(text));
      break;
    case 10:
      RequireDevices(probe::ParseIbstat(text));
      break;
    case 11:
      RequireDevices(probe::ParseIbdev2netdev(text));
      RequireDevices(probe::ParseRdmaLink(text));
      break;
    default:
      RequireSpeed(probe::ParseSysfsPort(text, text).rate_bits_per_second);
      break;
  }
}

void ParseNvidia(std::string_view text) {
  const auto cards = probe::ParseNvidiaSmi(probe::NvidiaQuery().arguments, text);
  if (!cards) return;
  Require(cards->cards.size() <= 64);
  for (const auto& card : cards->cards) {
    RequirePrintable(card.name);
    Require(card.slices.size() <= 16);
    if (card.power_limit_watts) Require(std::isfinite(*card.power_limit_watts));
  }
}

void ParseHost(unsigned which, std::string_view text) {
  if (which == 0) {
    if (const auto output = host::ParseCommandFile(text)) Require(!output->arguments.empty());
  } else {
    static const host::Redactor* const kRedactor =
        new host::Redactor("salt", {{"spark-bd26"}, {"alice"}});
    const std::string once = kRedactor->Redact(text);
    Require(once.size() <= 8 * text.size() + 64);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const unsigned which = data[0] % 26;
  if (which < 9) {
    ParseApple(which, text);
  } else if (which < 22) {
    ParseLinux(which - 9, text);
  } else if (which < 24) {
    ParseNvidia(text);
  } else {
    ParseHost(which - 24, text);
  }
  return 0;
}
