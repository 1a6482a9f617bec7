// The RDMA devices of a Linux machine.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "node-agent/host/host.h"
#include "node-agent/probe/finding.h"
#include "node-agent/probe/linux_interfaces.h"
#include "node-agent/probe/verbs.h"

namespace capacity::probe {

// One port of an RDMA device.
struct RdmaEnd {
  std::string device;
  int number = 1;
  bool alone = true;  // the device has no other port
  RdmaPort port;
  std::string pci_slot;           // of the device: "0002:01:00.1"; empty: not said
  bool virtual_function = false;  // a function of another device's card (SR-IOV)
};

struct RdmaList {
  std::vector<RdmaEnd> ends;          // of hardware, by device and number
  std::vector<std::string> software;  // names of the others
  bool asked = false;  // something was there that lists RDMA devices, if only to list none
};

RdmaList ReadRdmaDevices(host::Host& host, Finding& finding);

// Whether the verbs library finds none of the devices that /sys lists, as `ibv_devices` tells.
// False where nothing does.
bool LibraryFindsNone(host::Host& host);

// Whether programs in this container can have none of the devices that /sys lists: it sees those of
// the machine, and is given them through /dev/infiniband only. False where nothing tells.
bool ContainerIsGivenNone(host::Host& host);

// How many devices `ends` are of.
std::size_t CountDevices(const std::vector<RdmaEnd>& ends);

// Whether the port carries traffic, as it or its interface says; nullopt: neither says.
std::optional<bool> Carries(const RdmaPort& port, const Interfaces& interfaces);

// Its physical link is there, whether or not it carries traffic.
bool HasLink(const RdmaPort& port, const Interfaces& interfaces);

// It has a link that nothing uses, since its interface was never brought up. InfiniBand's needs a
// subnet manager instead.
bool IsLeftDown(const RdmaPort& port, const Interfaces& interfaces);

// What its link has agreed on; nullopt where the rate that it states says nothing.
std::optional<double> RateOf(const RdmaPort& port);

}  // namespace capacity::probe
