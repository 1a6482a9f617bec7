// One parser of the agent, named by --parser=NAME, is given any bytes as what a tool printed;
// without a name the names are listed. Whatever the bytes, a parser ends, and what it makes is
// printable and in its bounds.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
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

void Thunderbolt(std::string_view text) {
  const auto thunderbolt = probe::ParseThunderbolt(text);
  if (!thunderbolt) return;
  for (const auto& bus : thunderbolt->buses) {
    RequirePrintable(bus.name);
    for (const auto& peer : bus.peers) RequirePrintable(peer.name);
    Require(!bus.receptacles.empty());
    for (const auto& receptacle : bus.receptacles) {
      RequirePrintable(receptacle.id);
      if (receptacle.speed) RequireSpeed(receptacle.speed->bits_per_second);
    }
  }
}

void Ifconfig(std::string_view text) {
  for (const auto& [name, interface] : probe::ParseIfconfig(text)) {
    RequireSpeed(interface.bits_per_second);
    if (interface.up == false) Require(!interface.bits_per_second);
  }
}

void NvidiaSmi(std::string_view text) {
  const auto cards = probe::ParseNvidiaSmi(probe::NvidiaQuery().arguments, text);
  if (!cards) return;
  Require(cards->cards.size() <= 64);
  for (const auto& card : cards->cards) {
    RequirePrintable(card.name);
    Require(card.slices.size() <= 16);
    if (card.power_limit_watts) Require(std::isfinite(*card.power_limit_watts));
  }
}

void Redact(std::string_view text) {
  static const host::Redactor* const kRedactor =
      new host::Redactor("salt", {{"spark-bd26"}, {"alice"}});
  Require(kRedactor->Redact(text).size() <= 8 * text.size() + 64);
}

struct Parser {
  std::string_view name;
  void (*parse)(std::string_view text);
};

using Text = std::string_view;
constexpr Parser kParsers[] = {
    {"sysctl", [](Text text) { probe::CoreGroups(probe::ParseSysctl({"sysctl", "-a"}, text)); }},
    {"hardware",
     [](Text text) {
       if (const auto hardware = probe::ParseHardware(text)) RequirePrintable(hardware->product);
     }},
    {"displays",
     [](Text text) {
       if (const auto gpu = probe::ParseGpu(text)) RequirePrintable(gpu->name);
     }},
    {"display_names", [](Text text) { probe::ParseDisplayNames(text); }},
    {"thunderbolt", Thunderbolt},
    {"vm_stat", [](Text text) { probe::ParseVmStat(text); }},
    {"memory_pressure",
     [](Text text) {
       if (const auto share = probe::ParseMemoryPressure(text)) Require(*share >= 0 && *share <= 1);
     }},
    {"hardware_ports", [](Text text) { probe::ParseHardwarePorts(text); }},
    {"names_of_people", [](Text text) { probe::ParseNamesOfPeople(text); }},
    {"ifconfig", Ifconfig},
    {"sw_vers", [](Text text) { probe::ParseSwVers({"sw_vers"}, text); }},
    {"model_name", [](Text text) { capacity::agent::HasThunderbolt4AtMost(text); }},
    {"lscpu",
     [](Text text) {
       RequireProcessor(probe::ParseLscpu(text));
       probe::LabelsAreTranslated(text);
     }},
    {"cpuinfo", [](Text text) { RequireProcessor(probe::ParseCpuinfo(text)); }},
    {"meminfo", [](Text text) { probe::ParseMeminfo(text); }},
    {"release", [](Text text) { probe::ParseRelease(text); }},
    {"uname", [](Text text) { probe::ParseUname(text); }},
    {"ip", [](Text text) { probe::ParseIp(text); }},
    {"ethtool", [](Text text) { RequireSpeed(probe::ParseEthtool(text).bits_per_second); }},
    {"lspci", [](Text text) { probe::NvidiaInLspci(text); }},
    {"ibv_devices", [](Text text) { RequireDevices(probe::ParseIbvDevices(text)); }},
    {"ibv_devinfo", [](Text text) { RequireDevices(probe::ParseIbvDevinfo(text)); }},
    {"ibstat", [](Text text) { RequireDevices(probe::ParseIbstat(text)); }},
    {"ibdev2netdev", [](Text text) { RequireDevices(probe::ParseIbdev2netdev(text)); }},
    {"rdma_link", [](Text text) { RequireDevices(probe::ParseRdmaLink(text)); }},
    {"sysfs_port",
     [](Text text) { RequireSpeed(probe::ParseSysfsPort(text, text, text).rate_bits_per_second); }},
    {"nvidia_smi", NvidiaSmi},
    {"command_file",
     [](Text text) {
       for (const host::Output& output : host::ParseCommandsFile(text)) {
         Require(!output.arguments.empty());
       }
     }},
    {"redact", Redact},
};

const Parser* chosen = nullptr;

}  // namespace

// libFuzzer leaves alone what begins with two dashes.
extern "C" int LLVMFuzzerInitialize(int* argc, char*** argv) {
  constexpr std::string_view kOption = "--parser=";
  for (int i = 1; i < *argc; ++i) {
    const std::string_view argument = (*argv)[i];
    if (!argument.starts_with(kOption)) continue;
    for (const Parser& parser : kParsers) {
      if (parser.name == argument.substr(kOption.size())) chosen = &parser;
    }
  }
  if (chosen == nullptr) {
    for (const Parser& parser : kParsers) {
      std::printf("%.*s\n", static_cast<int>(parser.name.size()), parser.name.data());
    }
    std::exit(2);
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  chosen->parse({reinterpret_cast<const char*>(data), size});
  return 0;
}
