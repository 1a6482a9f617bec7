// RDMA devices as the verbs tools and /sys/class/infiniband list them, on Linux and macOS.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace capacity::probe {

struct RdmaPort {
  std::optional<bool> active;
  std::string state;         // "DOWN", "INIT", "ARMED", "ACTIVE"; empty: not said
  std::optional<bool> link;  // its physical state is LinkUp, whatever its state is
  // A port that is down still states a rate (40 Gb/s on a ConnectX-7 that does 200).
  std::optional<double> rate_bits_per_second;
  std::string netdev;  // "enp1s0f0np0"; empty: not said
  std::optional<bool> netdev_up;
  std::optional<bool> infiniband;  // its link layer; nullopt: not said
};

struct RdmaDevice {
  std::map<int, RdmaPort> ports;  // by number, from 1; empty: no more than the device is known

  // Whether a port is active; nullopt: not said of any.
  std::optional<bool> active() const;
};

// By device name, "rocep1s0f0", "rdma_en5".
using RdmaDevices = std::map<std::string, RdmaDevice>;

// `ibv_devices`: nullopt when this is no such listing; a header only is an empty listing.
std::optional<RdmaDevices> ParseIbvDevices(std::string_view text);
// `ibv_devinfo`, with or without -v.
std::optional<RdmaDevices> ParseIbvDevinfo(std::string_view text);
// `ibstat`.
std::optional<RdmaDevices> ParseIbstat(std::string_view text);
// `ibdev2netdev`: "rocep1s0f0 port 1 ==> enp1s0f0np0 (Up)".
std::optional<RdmaDevices> ParseIbdev2netdev(std::string_view text);
// `rdma link`: "link rocep1s0f0/1 state ACTIVE physical_state LINK_UP netdev enp1s0f0np0".
std::optional<RdmaDevices> ParseRdmaLink(std::string_view text);
// /sys/class/infiniband/*/ports/*/{state,rate,phys_state}: "4: ACTIVE", "200 Gb/sec (4X HDR)",
// "5: LinkUp".
RdmaPort ParseSysfsPort(std::string_view state, std::string_view rate,
                        std::string_view physical_state);
// The number of a port, from 1 on; nullopt for what is none.
std::optional<int> RdmaPortNumber(std::string_view text);
// "InfiniBand", "Ethernet"; nullopt: neither.
std::optional<bool> IsInfiniband(std::string_view link_layer);

// Adds what `other` knows and `devices` does not.
void Merge(const RdmaDevices& other, RdmaDevices& devices);

}  // namespace capacity::probe
