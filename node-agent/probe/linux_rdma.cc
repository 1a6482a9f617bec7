#include "node-agent/probe/linux_rdma.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <set>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

using host::Command;
using host::Host;
using host::Output;

const Command kIbdev2netdev = {{"ibdev2netdev"}};
const Command kRdmaLink = {{"rdma", "link"}};
const Command kIbstat = {{"ibstat"}};
const Command kIbvDevinfo = {{"ibv_devinfo"}};
const Command kIbvDevices = {{"ibv_devices"}};

// RDMA that the processor does over any network card: Soft-RoCE and soft-iWARP. The descriptions
// are those that these drivers give themselves (Linux, drivers/infiniband/sw).
bool IsSoftware(Host& host, const std::string& name) {
  const std::string described =
      ReadLine(host, absl::StrCat("/sys/class/infiniband/", name, "/node_desc"));
  return described == "rxe" || StartsWith(described, "Software iWARP") || StartsWith(name, "rxe") ||
         StartsWith(name, "siw");
}

// The interfaces of a device whose ports do not say theirs: /sys/class/net/*/dev_port counts a
// device's ports from 0.
void PlaceNetdevs(Host& host, const std::vector<std::string>& netdevs, RdmaDevice& device) {
  for (const std::string& netdev : netdevs) {
    const auto port =
        ParseWhole(ReadLine(host, absl::StrCat("/sys/class/net/", netdev, "/dev_port")));
    const int number = port && *port < 255 ? static_cast<int>(*port) + 1 : 0;
    auto at = device.ports.find(number);
    if (at == device.ports.end() && device.ports.size() == 1) at = device.ports.begin();
    if (at != device.ports.end() && at->second.netdev.empty()) {
      at->second.netdev = Clean(netdev, kLongestInterface);
    }
  }
}

RdmaDevice ReadSysfsDevice(Host& host, const std::string& name) {
  const std::string at = absl::StrCat("/sys/class/infiniband/", name);
  RdmaDevice device;
  std::vector<std::string> numbers = host.List(at + "/ports");
  if (numbers.empty()) numbers = {"1"};
  for (const std::string& text : numbers) {
    const auto number = RdmaPortNumber(text);
    if (!number) continue;
    const std::string port = absl::StrCat(at, "/ports/", text, "/");
    RdmaPort& read = device.ports[*number];
    read = ParseSysfsPort(ReadLine(host, port + "state"), ReadLine(host, port + "rate"),
                          ReadLine(host, port + "phys_state"));
    read.infiniband = IsInfiniband(ReadLine(host, port + "link_layer"));
    read.netdev = ReadLine(host, port + "gid_attrs/ndevs/0").substr(0, kLongestInterface);
  }
  PlaceNetdevs(host, host.List(at + "/device/net"), device);
  return device;
}

bool Complete(const RdmaDevices& devices) {
  for (const auto& [name, device] : devices) {
    for (const auto& [number, port] : device.ports) {
      if (!port.active || !port.link || !port.rate_bits_per_second || port.netdev.empty()) {
        return false;
      }
    }
  }
  return !devices.empty();
}

std::vector<RdmaEnd> EndsOf(Host& host, const RdmaDevices& devices) {
  std::vector<RdmaEnd> ends;
  for (const auto& [name, device] : devices) {
    const std::string at = absl::StrCat("/sys/class/infiniband/", name, "/device/");
    const Fields fields = ParseFields(host.Read(at + "uevent").value_or(""), '=');
    const bool function = host.Read(at + "physfn/vendor").has_value();
    for (const auto& [number, port] : device.ports) {
      ends.push_back({name, number, device.ports.size() == 1, port,
                      Clean(Field(fields, "PCI_SLOT_NAME"), 32), function});
    }
  }
  return ends;
}

}  // namespace

RdmaList ReadRdmaDevices(Host& host, Finding& finding) {
  RdmaList list;
  list.asked = !host.List("/sys/class/net").empty();  // then /sys is there, infiniband or not
  RdmaDevices devices;
  for (const std::string& name : host.List("/sys/class/infiniband")) {
    finding.Found();
    devices[Clean(name, 64)] = ReadSysfsDevice(host, name);
  }
  const auto add = [&](const Command& command, auto parse) {
    std::string why;
    const auto parsed = FirstUnderstood(
        host, command, [&parse](const Output& output) { return parse(output.text); }, finding, why);
    if (!parsed) return;
    list.asked = true;
    Merge(*parsed, devices);
  };
  if (!Complete(devices)) {
    add(kIbdev2netdev, ParseIbdev2netdev);
    add(kRdmaLink, ParseRdmaLink);
    add(kIbstat, ParseIbstat);
    add(kIbvDevinfo, ParseIbvDevinfo);
    if (devices.empty()) add(kIbvDevices, ParseIbvDevices);
  }
  for (auto it = devices.begin(); it != devices.end();) {
    const bool software = IsSoftware(host, it->first);
    if (software) list.software.push_back(it->first);
    if (!software && it->second.ports.empty()) it->second.ports[1];
    it = software ? devices.erase(it) : std::next(it);
  }
  list.ends = EndsOf(host, devices);
  return list;
}

bool LibraryFindsNone(Host& host) {
  for (const Output& output : host.Run(kIbvDevices)) {
    const auto listed = ParseIbvDevices(output.text);
    if (listed) return listed->empty();
  }
  return false;
}

bool ContainerIsGivenNone(Host& host) {
  const std::vector<std::string> nodes = host.List("/dev");
  const bool whole = std::find(nodes.begin(), nodes.end(), "null") != nodes.end();
  if (!whole) return LibraryFindsNone(host);
  const std::vector<std::string> given = host.List("/dev/infiniband");
  return std::none_of(given.begin(), given.end(),
                      [](const std::string& name) { return StartsWith(name, "uverbs"); });
}

std::size_t CountDevices(const std::vector<RdmaEnd>& ends) {
  std::set<std::string> devices;
  for (const RdmaEnd& end : ends) devices.insert(end.device);
  return devices.size();
}

std::optional<bool> Carries(const RdmaPort& port, const Interfaces& interfaces) {
  if (port.active.value_or(false)) return true;
  const auto found = interfaces.find(port.netdev);
  if (found != interfaces.end() && found->second.up) return found->second.up;
  return port.netdev_up ? port.netdev_up : port.active;
}

// Of Ethernet a card that was brought up and sees no carrier is believed more: `rdma link` of a DGX
// Spark is quoted with LINK_UP on one twin of a cage and DISABLED on the other.
bool HasLink(const RdmaPort& port, const Interfaces& interfaces) {
  if (!port.link.value_or(false) || port.infiniband.value_or(false))
    return port.link.value_or(false);
  const auto found = interfaces.find(port.netdev);
  if (found == interfaces.end()) return true;
  const bool no_carrier =
      found->second.brought_up.value_or(false) && !found->second.up.value_or(true);
  return !no_carrier;
}

bool IsLeftDown(const RdmaPort& port, const Interfaces& interfaces) {
  const std::optional<bool> carries = Carries(port, interfaces);
  return HasLink(port, interfaces) && carries && !*carries && !port.infiniband.value_or(false);
}

// The rate of a port without a link says nothing (40 Gb/s on a ConnectX-7 that does 200), nor does
// that of an Ethernet port that is not active. InfiniBand has agreed on one before it is active.
std::optional<double> RateOf(const RdmaPort& port) {
  const bool agreed =
      port.active.value_or(false) || (port.link.value_or(false) && port.infiniband.value_or(false));
  return agreed ? port.rate_bits_per_second : std::nullopt;
}

}  // namespace capacity::probe
