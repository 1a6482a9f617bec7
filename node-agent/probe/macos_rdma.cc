#include "node-agent/probe/macos_rdma.h"

#include <algorithm>
#include <array>
#include <initializer_list>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/apple_models.h"
#include "node-agent/probe/apple.h"
#include "node-agent/probe/finding.h"
#include "node-agent/probe/macos_commands.h"
#include "node-agent/probe/text.h"
#include "node-agent/probe/verbs.h"

namespace capacity::probe {
namespace {

using agent::Port;
using agent::Rdma;
using agent::Report;
using host::Host;
using host::Output;

// RDMA over Thunderbolt came with macOS 26.2, for Thunderbolt 5 (Apple, TN3205).
constexpr int kRdmaMajor = 26;
constexpr int kRdmaMinor = 2;
// Chips whose Thunderbolt does 40 Gb/s: in every Mac that has one of them (Apple, technical
// specifications of each model, 2026-11). Of their siblings M3 Ultra, M4 Pro, M4 Max, M5 Pro and M5
// Max have Thunderbolt 5.
constexpr std::array kThunderbolt4Chips = {
    "Apple M1",     "Apple M1 Pro", "Apple M1 Max",   "Apple M1 Ultra", "Apple M2",
    "Apple M2 Pro", "Apple M2 Max", "Apple M2 Ultra", "Apple M3",       "Apple M3 Pro",
    "Apple M3 Max", "Apple M4",     "Apple M5"};
// The Mac Studios that have Thunderbolt 5 (Apple, "Identify your Mac Studio model").
constexpr std::array kThunderbolt5Studios = {"Mac15,14", "Mac16,9"};
// Those of September 2026 have it too (sysctl hw.model of owners, 2026-10).
constexpr std::array kStudiosOf2026 = {"Mac17,14", "Mac17,15"};
// On those of 2025 the receptacle beside Ethernet is interface en2 and cannot do RDMA (EXO's README
// and the warning of its dashboard, 2026-02, of every Mac Studio). Of later ones nobody has said.
constexpr const char* kStudioPortBesideEthernet = "en2";

template <class Names>
bool IsOneOf(const Names& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The chips of the Mac Studios of 2025 and 2026, for where the model is not known.
constexpr std::array kChipsOf2025 = {"Apple M3 Ultra", "Apple M4 Max"};
constexpr std::array kChipsOf2026 = {"Apple M5 Max", "Apple M5 Ultra"};

template <class Models, class Chips>
bool IsStudioOf(const Models& models, const Chips& chips, const Report& report) {
  const agent::Machine& machine = report.machine;
  if (!machine.model_identifier.empty()) return IsOneOf(models, machine.model_identifier);
  return machine.product == "Mac Studio" && IsOneOf(chips, report.processor.name);
}

// Nullopt: the version is not known.
std::optional<bool> RecentEnough(const std::string& version) {
  const std::vector<std::string_view> parts = Split(version, '.');
  const auto major = ParseWhole(parts[0]);
  if (!major) return std::nullopt;
  const auto minor = parts.size() > 1 ? ParseWhole(parts[1]) : std::optional<std::uint64_t>(0);
  if (*major != kRdmaMajor) return *major > kRdmaMajor;
  if (!minor) return std::nullopt;
  return *minor >= kRdmaMinor;
}

// True when every receptacle that says what it could do says Thunderbolt 4 or less, and none is
// faster.
bool OnlyThunderbolt4(const std::vector<Port>& ports) {
  bool any = false;
  for (const Port& port : ports) {
    if (port.kind != Port::Kind::kThunderbolt) continue;
    const double fastest = std::max(port.capable_bits_per_second.value_or(0),
                                    port.negotiated_bits_per_second.value_or(0));
    if (fastest > kThunderbolt4BitsPerSecond) return false;
    any = any || port.capable_bits_per_second.has_value();
  }
  return any;
}

// What `rdma_ctl status` says.
struct RdmaStatus {
  enum class State { kEnabled, kDisabled, kCannot };
  State state = State::kEnabled;
  std::string words;
};

// "enabled", "disabled"; "RDMA is not enabled", "RDMA cannot be enabled on this device".
std::optional<RdmaStatus> ParseRdmaStatus(const Output& output) {
  const auto says = [&output](std::initializer_list<std::string_view> words) {
    return std::any_of(words.begin(), words.end(),
                       [&](std::string_view word) { return ContainsWord(output.text, word); });
  };
  const std::string words = Clean(output.text);
  // That it cannot be enabled here is also what a Mac that can says outside of Recovery.
  if (says({"cannot", "can't", "unable", "unsupported", "not support"}) && !says({"recovery"})) {
    return RdmaStatus{RdmaStatus::State::kCannot, words};
  }
  if (says({"disabled", "not enabled", "isn't enabled", "cannot", "can't"})) {
    return RdmaStatus{RdmaStatus::State::kDisabled, words};
  }
  if (output.exit_code == 0 && says({"enabled"})) {
    return RdmaStatus{RdmaStatus::State::kEnabled, words};
  }
  return std::nullopt;
}

// "en5" of "rdma_en5".
std::string InterfaceOf(const std::string& device) {
  constexpr std::string_view kPrefix = "rdma_";
  return StartsWith(device, kPrefix) ? device.substr(kPrefix.size()) : device;
}

// macOS names its own after the interface, rdma_en5; drivers of network cards use names of theirs
// (rdma_mcrdma0).
bool IsThunderboltDevice(const std::string& device) {
  const std::string interface = InterfaceOf(device);
  return StartsWith(interface, "en") && ParseWhole(interface.substr(2)).has_value();
}

// The port behind which the device is, made when none is known.
void JoinDevice(const std::string& name, const RdmaDevice& device, const Network& network,
                Report& report) {
  const std::string interface = InterfaceOf(name);
  const auto behind = [&interface](const Port& port) {
    return std::find(port.interfaces.begin(), port.interfaces.end(), interface) !=
           port.interfaces.end();
  };
  if (std::none_of(report.ports.begin(), report.ports.end(), behind)) {
    // Which socket it belongs to is not known; the device is.
    Port unplaced;
    if (IsThunderboltDevice(name)) unplaced.kind = Port::Kind::kThunderbolt;
    unplaced.name = interface;
    unplaced.interfaces = {interface};
    JoinNetwork(network, unplaced);
    const auto first_other =
        std::find_if(report.ports.begin(), report.ports.end(),
                     [](const Port& p) { return p.kind != Port::Kind::kThunderbolt; });
    report.ports.insert(first_other, std::move(unplaced));
  }
  for (Port& port : report.ports) {
    if (!behind(port)) continue;  // several where computers are behind a hub
    // networksetup names it in a language that is not known here.
    if (IsThunderboltDevice(name)) port.kind = Port::Kind::kThunderbolt;
    port.rdma_device = name;
    port.rdma_active = device.active();
    if (!device.ports.empty()) port.rdma_state = device.ports.begin()->second.state;
    port.rdma_capable = true;
  }
}

// The Thunderbolt devices among `devices` whose interface no receptacle has.
RdmaDevices Unplaced(const RdmaDevices& devices, const Report& report) {
  RdmaDevices unplaced;
  for (const auto& [name, device] : devices) {
    const std::string interface = InterfaceOf(name);
    const bool placed =
        std::any_of(report.ports.begin(), report.ports.end(), [&interface](const Port& port) {
          return port.kind == Port::Kind::kThunderbolt &&
                 std::find(port.interfaces.begin(), port.interfaces.end(), interface) !=
                     port.interfaces.end();
        });
    if (!placed && IsThunderboltDevice(name)) unplaced.emplace(name, device);
  }
  return unplaced;
}

// Devices that belong to no known socket, and so whether one of a socket without a known device is
// active.
class Elsewhere {
 public:
  // `all_listed`: `report` has every socket.
  Elsewhere(const RdmaDevices& unplaced, const Report& report, bool all_listed) {
    std::size_t active = 0;
    bool all_said = true;
    for (const auto& [name, device] : unplaced) {
      if (device.active() == true) ++active;
      all_said = all_said && device.active().has_value();
    }
    std::set<std::string> with_computer;
    for (const Port& port : report.ports) {
      if (MayHaveOne(port) && HasComputer(port)) with_computer.insert(port.domain + port.name);
    }
    none_ = active == 0 && all_said;
    // None becomes active without a computer.
    all_ = active > 0 && active == with_computer.size() && all_listed;
  }

  // Nullopt: not known.
  std::optional<bool> MayBeActive(const Port& port) const {
    // The device of a known interface would be listed.
    if (!MayHaveOne(port) || none_) return false;
    if (all_) return HasComputer(port);
    return std::nullopt;
  }

 private:
  static bool HasComputer(const Port& port) {
    return !port.peer_name.empty() || !port.peer_domain.empty();
  }
  // Nothing plugged in is nothing active.
  static bool MayHaveOne(const Port& port) {
    return port.kind == Port::Kind::kThunderbolt && port.interfaces.empty() &&
           port.state != Port::State::kEmpty;
  }

  bool none_ = false;  // is active
  bool all_ = false;   // that have a computer are
};

void JoinRdma(const RdmaDevices& devices, bool listed, const Ports& ports, Finding& finding,
              Report& report) {
  const bool studio = IsStudioOf(kThunderbolt5Studios, kChipsOf2025, report);
  const bool newer_studio = IsStudioOf(kStudiosOf2026, kChipsOf2026, report);
  const Elsewhere elsewhere(Unplaced(devices, report), report, ports.buses.has_value());
  for (const auto& [name, device] : devices) JoinDevice(name, device, ports.network, report);
  for (Port& port : report.ports) {
    if (port.kind != Port::Kind::kThunderbolt) continue;
    if (listed && port.rdma_device.empty()) {
      port.rdma_active = elsewhere.MayBeActive(port);
    }
    const bool beside_ethernet = std::find(port.interfaces.begin(), port.interfaces.end(),
                                           kStudioPortBesideEthernet) != port.interfaces.end();
    if (beside_ethernet && newer_studio && port.rdma_active != true) {
      port.rdma_capable.reset();
      finding.Unknown(absl::StrCat("whether ", port.name, " can do RDMA is"),
                      "en2 is on earlier Mac Studios the port beside Ethernet, which cannot");
    }
    if (!beside_ethernet || !studio) continue;
    // What works is believed over what is said of it.
    port.rdma_capable = port.rdma_active == true;
    if (port.rdma_active == true) {
      finding.Unknown(absl::StrCat("whether ", port.name, " can do RDMA in the long run is"),
                      "it is the port beside Ethernet, which is said to be unable to, and its RDMA "
                      "port is ACTIVE");
    }
  }
}

void TellUnjoined(const Report& report, Finding& finding) {
  for (const Port& port : report.ports) {
    if (port.kind != Port::Kind::kThunderbolt || port.rdma_active) continue;
    finding.Unknown(absl::StrCat("whether the RDMA port of ", port.name, " is active is"),
                    port.interfaces.empty() ? "which interface it has is not known"
                                            : "ibv_devinfo does not state it");
  }
}

// Why no Thunderbolt port of this Mac can do RDMA; "" where one may.
std::string WhyThunderboltCannot(const Report& report, std::optional<std::size_t> buses) {
  constexpr const char* kNeeds = "; RDMA needs Thunderbolt 5";
  const std::string& chip = report.processor.name;
  if (IsOneOf(kThunderbolt4Chips, chip)) {
    return absl::StrCat("Thunderbolt of the ", chip, " does 40 Gb/s", kNeeds);
  }
  if (StartsWith(chip, "Intel")) {
    return "no Mac with an Intel processor has Thunderbolt 5, which RDMA needs";
  }
  const std::string& model = report.machine.model_identifier;
  if (agent::HasThunderbolt4AtMost(model)) {
    return absl::StrCat("no Mac of this model (", model, ") has Thunderbolt 5, which RDMA needs");
  }
  const bool any = std::any_of(report.ports.begin(), report.ports.end(), [](const Port& port) {
    return port.kind == Port::Kind::kThunderbolt;
  });
  if (buses == std::size_t{0} && !any) return absl::StrCat("this Mac has no Thunderbolt", kNeeds);
  if (OnlyThunderbolt4(report.ports)) {
    return absl::StrCat("the Thunderbolt ports do 40 Gb/s at most", kNeeds);
  }
  return "";
}

// What keeps RDMA off, where no device of a Thunderbolt port is listed.
Rdma WithoutDevices(const std::optional<RdmaStatus>& status, bool listed, const Report& report) {
  using Said = RdmaStatus::State;
  const std::optional<bool> recent = RecentEnough(report.os.version);
  if (recent && !*recent) {
    return {Rdma::State::kUnsupported,
            absl::StrCat("macOS ", report.os.version, " cannot; RDMA over Thunderbolt needs 26.2"),
            Rdma::Cause::kOldSystem};
  }
  if (status && status->state == Said::kCannot) {
    return {Rdma::State::kUnsupported, absl::StrCat("rdma_ctl says \"", status->words, "\"")};
  }
  if (listed) {
    if (status && status->state == Said::kEnabled) {
      return {Rdma::State::kDisabled,
              "ibv_devices lists no device, though rdma_ctl says enabled (it takes a restart)",
              Rdma::Cause::kNotRestarted};
    }
    return {Rdma::State::kDisabled, "ibv_devices lists no device"};
  }
  if (!status) return {};
  return status->state == Said::kEnabled ? Rdma{Rdma::State::kEnabled, "rdma_ctl says enabled"}
                                         : Rdma{Rdma::State::kDisabled, "rdma_ctl says disabled"};
}

}  // namespace

void ProbeRdma(Host& host, const Ports& ports, Report& report) {
  Finding finding("rdma");
  std::string why_status;
  std::string why_list;
  std::string why_ports;
  const auto status = FirstUnderstood(host, kRdmaStatus, ParseRdmaStatus, finding, why_status);
  const auto list = FirstUnderstood(
      host, kIbvDevices, [](const Output& output) { return ParseIbvDevices(output.text); }, finding,
      why_list);
  const auto info = FirstUnderstood(
      host, kIbvDevinfo, [](const Output& output) { return ParseIbvDevinfo(output.text); }, finding,
      why_ports);
  RdmaDevices devices = list.value_or(RdmaDevices{});
  if (info) Merge(*info, devices);
  const bool listed = list.has_value() || info.has_value();
  JoinRdma(devices, listed, ports, finding, report);
  const std::string cannot = WhyThunderboltCannot(report, ports.buses);

  const auto count = std::count_if(devices.begin(), devices.end(), [](const auto& device) {
    return IsThunderboltDevice(device.first);
  });
  const bool active = std::any_of(devices.begin(), devices.end(), [](const auto& device) {
    return IsThunderboltDevice(device.first) && device.second.active() == true;
  });
  const std::string lists =
      absl::StrCat("ibv_devices lists ", count, count == 1 ? " device" : " devices");
  Rdma& rdma = report.rdma;
  if (!cannot.empty() && !active) {
    // macOS 26 lists devices for Thunderbolt 4 too; none of them ever becomes active.
    rdma = {Rdma::State::kUnsupported,
            count == 0 ? cannot : absl::StrCat(cannot, ", though ", lists)};
    for (Port& port : report.ports) {
      if (port.kind == Port::Kind::kThunderbolt) port.rdma_capable = false;
    }
  } else if (count > 0) {
    rdma = {Rdma::State::kEnabled, lists};
    if (info) {
      TellUnjoined(report, finding);
    } else {
      finding.Unknown("which RDMA ports are active is", why_ports);
    }
    if (!cannot.empty()) {
      finding.Unknown("whether RDMA works in the long run is",
                      absl::StrCat(cannot, ", and an RDMA port is ACTIVE"));
    }
  } else {
    rdma = WithoutDevices(status, listed, report);
    if (rdma.state == Rdma::State::kUnknown) {
      rdma.reason = absl::StrCat(why_list, "; ", why_status);
      finding.Unknown("whether RDMA is enabled is", rdma.reason);
    } else if (rdma.state == Rdma::State::kEnabled && !listed) {
      finding.Unknown("which RDMA ports there are is", why_list);
    }
  }
  report.probes.push_back(finding.Finish());
}

}  // namespace capacity::probe
