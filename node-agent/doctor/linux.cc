#include "node-agent/doctor/linux.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace capacity::doctor {
namespace {

using agent::Machine;
using agent::Port;
using agent::Rdma;
using agent::Report;

bool IsGb10(const Report& report) { return report.machine.kind == Machine::Kind::kGb10; }

// The name is PCI's, not a driver's.
bool IsUndriven(const agent::Accelerator& card) {
  return absl::StartsWith(card.name, "NVIDIA Corporation ") ||
         absl::StartsWith(card.name, "NVIDIA device 0x");
}

void CheckDriver(const Report& report, Notes& notes) {
  const auto& cards = report.accelerators;
  const bool undriven = std::any_of(cards.begin(), cards.end(), IsUndriven);
  for (const agent::ProbeResult& probe : report.probes) {
    if (probe.name != "nvidia-smi" || probe.outcome == agent::ProbeResult::Outcome::kOk) continue;
    if (!undriven && !(IsGb10(report) && cards.empty())) continue;
    const auto why = std::find_if(
        probe.unknowns.begin(), probe.unknowns.end(),
        [](const std::string& unknown) { return absl::StrContains(unknown, "driver"); });
    notes.Problem(
        absl::StrCat(cards.size() > 1 ? "An NVIDIA card" : "The NVIDIA card",
                     " has no working driver: ",
                     why == probe.unknowns.end() ? "nvidia-smi shows no card" : *why, "."),
        IsGb10(report)
            ? "Reinstall the driver that comes with DGX OS (`sudo apt install "
              "--reinstall nvidia-driver-580-open` or the newest offered), restart, and "
              "check `nvidia-smi`."
            : "Install the distribution's NVIDIA driver, restart, and check `nvidia-smi`.");
  }
}

// `up`: how many cages or ports have a link.
void CheckDown(const Report& report, const std::vector<std::string>& down, int up, Notes& notes) {
  if (down.empty()) return;
  const std::string are =
      absl::StrCat(absl::StrJoin(down, ", "), down.size() == 1 ? " is" : " are", " DOWN");
  if (!IsGb10(report)) {
    // Which cable a card takes, and whether it was meant to have one, its owner knows.
    notes.Note(absl::StrCat(are, ": no link."));
  } else if (up == 0) {
    notes.Problem(
        absl::StrCat(are, ": no link on any cage."),
        "Plug a 200 Gb/s cable (QSFP) into one cage of each machine; the other end has to "
        "be switched on. The 40 Gb/s that a port shows while it is down is not its speed.");
  } else {
    notes.Note(absl::StrCat(are, " (nothing plugged in); one cage is enough for two machines."));
  }
}

void CheckConnectx(const Report& report, Notes& notes) {
  int up = 0;
  std::vector<std::string> down;
  for (const Port& port : report.ports) {
    if (port.kind != Port::Kind::kConnectx) continue;
    if (port.state == Port::State::kUp) {
      ++up;
      if (port.rdma_active == false) {
        notes.Problem(absl::StrCat(Described(port), " has a link and its RDMA port is not ACTIVE."),
                      "Check that both ends have an address and the same MTU; `ibv_devinfo` shows "
                      "the state.");
      } else {
        notes.Good(
            absl::StrCat(Described(port), " is up",
                         port.negotiated_bits_per_second
                             ? absl::StrCat(" at ", Gigabits(*port.negotiated_bits_per_second))
                             : std::string(),
                         "."));
      }
      if (port.negotiated_bits_per_second && port.capable_bits_per_second &&
          *port.negotiated_bits_per_second < *port.capable_bits_per_second) {
        notes.Problem(
            absl::StrCat(Described(port), " runs at ", Gigabits(*port.negotiated_bits_per_second),
                         " of ", Gigabits(*port.capable_bits_per_second), "."),
            IsGb10(report) ? "Use a QSFP112 or QSFP56 cable for 200 Gb/s at both ends."
                           : "Use a cable, and at its other end a port, for the full rate.");
      }
    } else if (port.state == Port::State::kDown) {
      down.push_back(Described(port));
    }
  }
  CheckDown(report, down, up, notes);
  for (const agent::ProbeResult& probe : report.probes) {
    for (const std::string& unknown : probe.unknowns) {
      if (!absl::StrContains(unknown, "only one of the twins")) continue;
      notes.Problem(unknown + ".",
                    "Bring the other interface of this cage up too (`ip link set IF up`) and give "
                    "it an address: each twin carries half of the cage's bandwidth.");
    }
  }
}

void CheckLinuxState(const Report& report, Notes& notes) {
  const Rdma& rdma = report.rdma;
  const std::string why = rdma.reason.empty() ? "nothing was found out" : rdma.reason;
  switch (rdma.state) {
    case Rdma::State::kEnabled:
      notes.Good(absl::StrCat("RDMA: ", rdma.reason, "."));
      return;
    case Rdma::State::kDisabled:
      notes.Problem(absl::StrCat("RDMA: ", rdma.reason, "."),
                    absl::StrCat("Load the driver (`sudo modprobe mlx5_ib`) and install rdma-core "
                                 "and ibverbs-utils; then `ibv_devices` lists ",
                                 IsGb10(report) ? "rocep1s0f0 and its siblings." : "the card."));
      return;
    case Rdma::State::kUnsupported:
      notes.Note(absl::StrCat("RDMA: ", rdma.reason,
                              ". This machine can take part in a cluster over TCP only."));
      return;
    case Rdma::State::kUnknown:
      break;
  }
  const std::string finding = absl::StrCat("Whether RDMA works is not known: ", why, ".");
  if (IsGb10(report)) {
    notes.Problem(finding,
                  "Run `ibv_devices` (rdma-core and ibverbs-utils): it lists rocep1s0f0 and its "
                  "siblings. Where it lists none, `sudo modprobe mlx5_ib`.");
  } else {
    notes.Note(finding);
  }
}

}  // namespace

void CheckLinux(const Report& report, Notes& notes) {
  CheckDriver(report, notes);
  CheckLinuxState(report, notes);
  CheckConnectx(report, notes);
  const bool cages = std::any_of(report.ports.begin(), report.ports.end(), [](const Port& port) {
    return port.kind == Port::Kind::kConnectx;
  });
  if (IsGb10(report) && !cages) {
    notes.Note("No ConnectX-7 port was seen, so nothing can be said of cables.");
  }
}

}  // namespace capacity::doctor
