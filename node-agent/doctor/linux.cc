#include "node-agent/doctor/linux.h"

#include <algorithm>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"

namespace capacity::doctor {
namespace {

using agent::Machine;
using agent::Port;
using agent::Rdma;
using agent::Report;

bool IsGb10(const Report& report) { return report.machine.kind == Machine::Kind::kGb10; }

// ---------------------------------------------------------------- cards

using Fault = agent::Accelerator::Fault;

// "NVIDIA GeForce RTX 3090, NVIDIA Corporation GA106 [GeForce RTX 3060]"; "" where none is so.
std::string CardsWith(const Report& report, Fault fault) {
  std::vector<std::string> names;
  for (const agent::Accelerator& card : report.accelerators) {
    if (card.fault != fault) continue;
    names.emplace_back(card.name.empty() ? "a card" : card.name);
  }
  // That a driver is missing only a card tells that is seen: nvidia-smi may not be in a capture.
  if (report.accelerators.empty() && report.no_cards == fault && fault != Fault::kNoDriver) {
    return IsGb10(report) ? "the GPU" : "an NVIDIA card";
  }
  return absl::StrJoin(names, ", ");
}

// What nvidia-smi's probe could not find out first; "" when all is known.
std::string FirstUnknownOf(const Report& report, const std::string& name) {
  for (const agent::ProbeResult& probe : report.probes) {
    if (probe.name == name && !probe.unknowns.empty()) return probe.unknowns.front();
  }
  return "";
}

void CheckCards(const Report& report, Notes& notes) {
  if (const std::string cards = CardsWith(report, Fault::kNoDriver); !cards.empty()) {
    notes.Problem(absl::StrCat("No working driver runs ", cards, "."),
                  IsGb10(report)
                      ? "Reinstall the driver that comes with DGX OS (`sudo apt install "
                        "--reinstall nvidia-driver-580-open` or the newest offered), restart, and "
                        "check `nvidia-smi`."
                      : "Install the distribution's NVIDIA driver, restart, and check "
                        "`nvidia-smi`.");
  }
  if (const std::string cards = CardsWith(report, Fault::kNeedsReboot); !cards.empty()) {
    notes.Problem(
        absl::StrCat("The driver that runs ", cards, " and its library are of different versions."),
        "Restart the machine: then the driver that was installed last is loaded.");
  }
  if (const std::string cards = CardsWith(report, Fault::kLost); !cards.empty()) {
    notes.Problem(absl::StrCat(cards, " fell off its bus or waits for a reset",
                               report.container.empty()
                                   ? "."
                                   : absl::StrCat(", or this container (", report.container,
                                                  ") lost its right to it.")),
                  absl::StrCat(report.container.empty()
                                   ? ""
                                   : "Run `nvidia-smi` on the machine itself: where the card works "
                                     "there, start the container anew. Else: ",
                               "Restart the machine. If it happens again, seat the card anew, "
                               "check its power cables, and look at `sudo dmesg | grep -i xid`."));
  }
  if (const std::string cards = CardsWith(report, Fault::kNoInstance); !cards.empty()) {
    notes.Problem(
        absl::StrCat("MIG is on and ", cards, " has no instance, so nothing can compute on it."),
        "Make instances (`sudo nvidia-smi mig -lgip` lists what fits, `sudo nvidia-smi mig -cgi ID "
        "-C` makes one; a restart may take them away), or turn MIG off: `sudo nvidia-smi -i CARD "
        "-mig 0`.");
  }
  if (const std::string cards = CardsWith(report, Fault::kHidden); !cards.empty()) {
    notes.Problem(
        report.container.empty()
            ? absl::StrCat(cards, " is not handed out to this system.")
            : absl::StrCat("The container (", report.container, ") is not given ", cards, "."),
        report.container.empty()
            ? "Update the NVIDIA driver of the system that has the card, and allow this "
              "one its use."
            : "Run the agent on the machine itself, or start the container with the "
              "cards (docker: `--gpus all`).");
  }
  if (const std::string cards = CardsWith(report, Fault::kNoTool); !cards.empty()) {
    notes.Problem(absl::StrCat("What ", cards, " is, is not known: nvidia-smi is not installed."),
                  "Install the tools of the driver's version (Debian and Ubuntu: "
                  "nvidia-utils-VERSION).");
  }
  const std::string why = FirstUnknownOf(report, "nvidia-smi");
  std::string unknown = CardsWith(report, Fault::kUnknown);
  const bool untold = report.no_cards == Fault::kNone || report.no_cards == Fault::kNoDriver;
  if (IsGb10(report) && report.accelerators.empty() && untold) unknown = "the GPU";
  if (unknown.empty()) return;
  notes.Note(
      absl::StrCat("Whether ", unknown, " works is not known", why.empty() ? "" : ": ", why, "."));
}

// ---------------------------------------------------------------- ports

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
    notes.Note(absl::StrCat(are, " (no link); one cage is enough for two machines."));
  }
}

// Only one of the two functions of this cage has a link.
bool LacksATwin(const Report& report, const Port& port) {
  return std::any_of(
      report.probes.begin(), report.probes.end(), [&port](const agent::ProbeResult& probe) {
        return std::any_of(
            probe.unknowns.begin(), probe.unknowns.end(), [&port](const std::string& unknown) {
              return absl::StrContains(
                  unknown, absl::StrCat("only one of the twins of ", port.name, " is up"));
            });
      });
}

std::string BringUp(const Port& port) {
  return absl::StrCat("`sudo ip link set ",
                      port.interfaces.empty() ? "IF" : port.interfaces.front(), " up`");
}

// RDMA needs an address on either interface of a cage, and a subnet for each (NVIDIA,
// dgx-spark-playbooks, connect-two-sparks, edition of 2026-07; earlier ones gave one an address).
void NoteAddresses(const Port& port, Notes& notes) {
  if (!port.without_address.empty()) {
    notes.Note(absl::StrCat(absl::StrJoin(port.without_address, " and "), " of ", port.name,
                            " has no address: RDMA that uses both interfaces needs one on each, "
                            "in two subnets, and each carries half of the cage's bandwidth."));
  } else if (port.one_subnet) {
    notes.Note(absl::StrCat("The interfaces of ", port.name,
                            " have addresses in one subnet, so answers may leave by the other "
                            "one; NVIDIA gives each a subnet of its own."));
  }
}

void CheckUp(const Report& report, const Port& port, Notes& notes) {
  const std::string where = Described(port);
  const auto& rate = port.negotiated_bits_per_second;
  if (port.admin_down) {
    notes.Problem(absl::StrCat(where, " has a link, and nobody has brought its interface up."),
                  absl::StrCat(BringUp(port), ", and give it an address."));
  } else if (port.rdma_active == false) {
    notes.Problem(absl::StrCat(where, " has a link and its RDMA port is ",
                               port.rdma_state.empty() ? "not ACTIVE" : port.rdma_state, "."),
                  "Check that both ends have an address and the same MTU; `ibv_devinfo` shows "
                  "the state.");
  } else if (LacksATwin(report, port)) {
    notes.Problem(absl::StrCat("Only one of the two interfaces of ", where,
                               " is up, and each carries half of the cage's bandwidth."),
                  "Bring the other one up too (`sudo ip link set IF up`) and give it an address.");
  } else if (port.half_in_sight && report.container.empty()) {
    notes.Problem(absl::StrCat("Of ", where,
                               " only one of two interfaces is there, and each "
                               "carries half of the cage's bandwidth."),
                  "Restart the machine; `lspci -d 15b3:` lists four functions of a whole card.");
  } else if (port.addresses.empty() && !port.without_address.empty()) {
    notes.Problem(absl::StrCat(where, " has a link and no address, so nothing can use it."),
                  "Give each of its two interfaces an IPv4 address, in a subnet of its own (two "
                  "subnets, the same at both ends).");
  } else if (!report.container.empty() && port.interfaces.empty()) {
    notes.Problem(absl::StrCat(where, " is up, and its interfaces are not in this container (",
                               report.container, "), so nothing here has an address on it."),
                  "Run the agent on the machine itself, or start the container in the machine's "
                  "network (docker: `--network host`).");
  } else {
    notes.Good(
        absl::StrCat(where, " is up", rate ? absl::StrCat(" at ", Gigabits(*rate)) : "", "."));
    NoteAddresses(port, notes);
  }
  if (rate && port.capable_bits_per_second && *rate < *port.capable_bits_per_second) {
    notes.Problem(absl::StrCat(where, " runs at ", Gigabits(*rate), " of ",
                               Gigabits(*port.capable_bits_per_second), "."),
                  IsGb10(report)
                      ? "Use a cable for 200 Gb/s (QSFP56 or QSFP112), and at its other end a port "
                        "of that rate."
                      : "Use a cable, and at its other end a port, for the full rate.");
  }
}

void CheckLeftDown(const Port& port, bool other_up, Notes& notes) {
  const std::string finding = absl::StrCat("Nobody has brought up ", Described(port),
                                           ", so whether a cable is in it cannot be told");
  if (other_up) {
    notes.Note(absl::StrCat(finding, "; one cage is enough for two machines."));
  } else {
    notes.Problem(absl::StrCat(finding, "."), absl::StrCat(BringUp(port), ", then look again."));
  }
}

bool IsUpCage(const Port& port) {
  return port.kind == Port::Kind::kConnectx && port.state == Port::State::kUp;
}

bool Common(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::any_of(a.begin(), a.end(), [&b](const std::string& one) {
    return std::find(b.begin(), b.end(), one) != b.end();
  });
}

// Two cages with addresses of their own in one subnet: what leaves by which, the system chooses.
void NoteCagesInOneSubnet(const Report& report, Notes& notes) {
  for (std::size_t i = 0; i < report.ports.size(); ++i) {
    for (std::size_t j = i + 1; j < report.ports.size(); ++j) {
      const Port& a = report.ports[i];
      const Port& b = report.ports[j];
      if (!IsUpCage(a) || !IsUpCage(b) || Common(a.addresses, b.addresses)) continue;
      if (!Common(a.subnets, b.subnets)) continue;
      notes.Note(absl::StrCat(a.name, " and ", b.name,
                              " have addresses in one subnet, so what is meant for the machine "
                              "behind one may leave by the other; give each cage subnets of its "
                              "own."));
    }
  }
}

void CheckConnectx(const Report& report, Notes& notes) {
  int up = 0;
  std::vector<std::string> down;
  const bool any_up = std::any_of(report.ports.begin(), report.ports.end(), IsUpCage);
  for (const Port& port : report.ports) {
    if (port.kind != Port::Kind::kConnectx) continue;
    if (port.state == Port::State::kUp) {
      ++up;
      CheckUp(report, port, notes);
    } else if (port.state == Port::State::kDown && port.admin_down) {
      CheckLeftDown(port, any_up && IsGb10(report), notes);
    } else if (port.state == Port::State::kDown) {
      down.push_back(Described(port));
    }
  }
  CheckDown(report, down, up, notes);
  NoteCagesInOneSubnet(report, notes);
}

// An InfiniBand port becomes active only when a subnet manager has given it its address.
void CheckInfiniband(const Report& report, Notes& notes) {
  for (const Port& port : report.ports) {
    if (port.kind != Port::Kind::kUnknown || port.state != Port::State::kUp) continue;
    if (port.rdma_active != false || !absl::StartsWith(port.rdma_state, "INIT")) continue;
    notes.Problem(absl::StrCat(Described(port),
                               " (InfiniBand) has a link, and no subnet manager has set it up."),
                  "Run a subnet manager on one machine of the network (`sudo apt install opensm`) "
                  "or on its switch.");
  }
}

// ---------------------------------------------------------------- RDMA

constexpr const char* kLoadModule =
    "Load the RDMA module of the card's driver (`sudo modprobe mlx5_ib` for ConnectX, `irdma` for "
    "Intel) and ";

constexpr const char* kMendLibrary =
    "Load the kernel's module for programs (`sudo modprobe ib_uverbs`) and install the library's "
    "drivers (Debian and Ubuntu: ibverbs-providers); then `ibv_devices` lists them.";

// The file is that of NVIDIA's package dgx-spark-mlnx-hotplug; NVIDIA's guide to the Holoscan
// Sensor Bridge has it moved so.
constexpr const char* kSwitchCardOn =
    "Plug a 200 Gb/s cable (QSFP) into one cage: the card comes back by itself. Where one is in "
    "it, switch on the machine at its other end and seat it anew. To keep the card on for good: "
    "`sudo mv /etc/nvidia/cx7-hotplug-enabled /etc/nvidia/cx7-hotplug-disabled`, and restart.";

void CheckLinuxState(const Report& report, Notes& notes) {
  const Rdma& rdma = report.rdma;
  const std::string why = rdma.reason.empty() ? "nothing was found out" : rdma.reason;
  if (rdma.cause == Rdma::Cause::kNotHandedOver) {
    notes.Problem(absl::StrCat("RDMA: ", why, "."),
                  "Run the agent on the machine itself, or give the container the devices and the "
                  "machine's network (docker: `--device /dev/infiniband --ulimit memlock=-1 "
                  "--network host`).");
    return;
  }
  if (!report.container.empty() && rdma.state != Rdma::State::kEnabled) {
    notes.Note(absl::StrCat("RDMA in this container (", report.container, "): ", why,
                            ". What the machine can do, the agent tells when it runs on it."));
    return;
  }
  switch (rdma.state) {
    case Rdma::State::kEnabled:
      notes.Good(absl::StrCat("RDMA: ", rdma.reason, "."));
      return;
    case Rdma::State::kDisabled:
      if (rdma.cause == Rdma::Cause::kCardOff) {
        notes.Problem(absl::StrCat("RDMA: ", rdma.reason, "."), kSwitchCardOn);
        return;
      }
      if (rdma.cause == Rdma::Cause::kNoLibrary) {
        notes.Problem(absl::StrCat("RDMA: ", rdma.reason, "."), kMendLibrary);
        return;
      }
      notes.Problem(absl::StrCat("RDMA: ", rdma.reason, "."),
                    absl::StrCat(kLoadModule,
                                 "install rdma-core and ibverbs-utils; then "
                                 "`ibv_devices` lists ",
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
  CheckCards(report, notes);
  CheckLinuxState(report, notes);
  CheckConnectx(report, notes);
  CheckInfiniband(report, notes);
  const bool cages = std::any_of(report.ports.begin(), report.ports.end(), [](const Port& port) {
    return port.kind == Port::Kind::kConnectx;
  });
  if (IsGb10(report) && !cages && report.rdma.cause != Rdma::Cause::kCardOff) {
    notes.Note("No ConnectX-7 port was seen, so nothing can be said of cables.");
  }
}

}  // namespace capacity::doctor
