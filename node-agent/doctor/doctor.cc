#include "node-agent/doctor/doctor.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node-agent/apple_models.h"

namespace capacity::doctor {
namespace {

using agent::Machine;
using agent::Port;
using agent::Rdma;
using agent::Report;
using Severity = Advice::Severity;

// What a Thunderbolt 5 cable negotiates between two Macs.
constexpr double kThunderbolt5BitsPerSecond = 80e9;

class Notes {
 public:
  Notes(std::string patient, std::vector<Advice>& advice)
      : patient_(std::move(patient)), advice_(advice) {}
  void Good(std::string finding) { Add(Severity::kGood, std::move(finding), ""); }
  void Note(std::string finding) { Add(Severity::kNote, std::move(finding), ""); }
  void Problem(std::string finding, std::string remedy) {
    Add(Severity::kProblem, std::move(finding), std::move(remedy));
  }

 private:
  void Add(Severity severity, std::string finding, std::string remedy) {
    advice_.push_back({severity, patient_, std::move(finding), std::move(remedy)});
  }
  std::string patient_;
  std::vector<Advice>& advice_;
};

std::string Described(const Port& port) {
  if (port.interfaces.empty()) return port.name;
  const std::string interfaces = absl::StrJoin(port.interfaces, " and ");
  return interfaces == port.name ? port.name : absl::StrCat(port.name, " (", interfaces, ")");
}

std::string Gigabits(double bits_per_second) {
  return absl::StrCat(bits_per_second / 1e9, " Gb/s");
}

// ---------------------------------------------------------------- a Mac

bool IsThunderbolt(const Port& port) { return port.kind == Port::Kind::kThunderbolt; }
bool HasPeer(const Port& port) { return !port.peer_name.empty() || !port.peer_domain.empty(); }

void CheckMacState(const Report& report, Notes& notes) {
  const Rdma& rdma = report.rdma;
  switch (rdma.state) {
    case Rdma::State::kEnabled:
      notes.Good(absl::StrCat("RDMA over Thunderbolt is enabled: ", rdma.reason, "."));
      return;
    case Rdma::State::kDisabled:
      notes.Problem(
          absl::StrCat("RDMA over Thunderbolt is disabled: ", rdma.reason, "."),
          "Shut the Mac down. Start it into macOS Recovery: hold the power button until \"Loading "
          "startup options\" appears, then Options > Continue. Choose Utilities > Terminal, run "
          "`rdma_ctl enable`, restart. Afterwards `ibv_devices` lists one rdma_enX a port.");
      return;
    case Rdma::State::kUnsupported:
      if (absl::StrContains(rdma.reason, "macOS")) {
        notes.Problem(absl::StrCat("RDMA is not supported: ", rdma.reason, "."),
                      "Update macOS to 26.2 or later; then enable RDMA in Recovery with "
                      "`rdma_ctl enable`.");
      } else {
        notes.Note(absl::StrCat("RDMA is not supported: ", rdma.reason,
                                ". This Mac can take part in a cluster over TCP only."));
      }
      return;
    case Rdma::State::kUnknown:
      break;
  }
  const std::string& version = report.os.version;
  notes.Problem(absl::StrCat("Whether RDMA is enabled is not known: ", rdma.reason, "."),
                absl::StrCat("Run `rdma_ctl status` and `ibv_devices` in a terminal. ",
                             version.empty() ? "Without these tools macOS is older than 26.2."
                                             : absl::StrCat("macOS ", version, " has both.")));
}

// What no update and no command changes.
bool NeverHasRdma(const Report& report) {
  return report.rdma.state == Rdma::State::kUnsupported &&
         !absl::StrContains(report.rdma.reason, "macOS");
}

// The two ends of a cable, whichever is looked at first.
using CableEnds = std::pair<std::string, std::string>;

// What was said of cables at the end that was looked at first, and who may be at the other.
struct Cables {
  const std::vector<Patient>& patients;
  std::set<CableEnds> slow;
};

// The report of the computer at the other end; nullptr when it is none of these.
const Report* AtTheOtherEnd(const Port& port, const std::vector<Patient>& patients) {
  if (port.peer_domain.empty()) return nullptr;
  for (const Patient& patient : patients) {
    for (const Port& other : patient.report.ports) {
      if (other.domain == port.peer_domain) return &patient.report;
    }
  }
  return nullptr;
}

// "Mac mini", "alice (Mac16,10)"; "a computer that gives no name".
std::string Peer(const Port& port) {
  if (port.peer_name.empty()) return "a computer that gives no name";
  if (port.peer_model.empty() || port.peer_model == port.peer_name) return port.peer_name;
  return absl::StrCat(port.peer_name, ", ", port.peer_model);
}

// Why the computer at the other end never can, whatever is enabled there; "" where it may.
std::string WhyPeerCannot(const Port& port, const Report* other) {
  if (other != nullptr) return NeverHasRdma(*other) ? other->rdma.reason : "";
  if (!agent::HasThunderbolt4AtMost(port.peer_model)) return "";
  return "its Thunderbolt does 40 Gb/s; RDMA needs Thunderbolt 5";
}

// Nullopt: not known. What a computer says of itself is newer than what its neighbour heard.
std::optional<bool> PeerOffersRdma(const Port& port, const Report* other) {
  if (other != nullptr && other->rdma.state == Rdma::State::kEnabled) return true;
  if (other != nullptr && other->rdma.state != Rdma::State::kUnknown) return false;
  return port.peer_offers_rdma;
}

void CheckSpeed(const Port& port, Cables& cables, Notes& notes) {
  if (!port.negotiated_bits_per_second ||
      *port.negotiated_bits_per_second >= kThunderbolt5BitsPerSecond) {
    return;
  }
  const bool told = !port.domain.empty() && !port.peer_domain.empty() &&
                    !cables.slow.insert(std::minmax(port.domain, port.peer_domain)).second;
  if (told) return;
  notes.Problem(
      absl::StrCat("The cable to ", Peer(port), " in ", Described(port), " runs at ",
                   Gigabits(*port.negotiated_bits_per_second), ", less than Thunderbolt 5 does."),
      "Use a cable that is marked Thunderbolt 5, directly between the two Macs.");
}

void CheckCable(const Report& report, const Port& port, Cables& cables, Notes& notes) {
  const std::string where = Described(port);
  if (port.rdma_active == true && port.rdma_capable != false) {
    // Whatever is said of the other end: it runs.
    notes.Good(absl::StrCat(where, " is cabled to ", Peer(port), " and active."));
    CheckSpeed(port, cables, notes);
    return;
  }
  const Report* const other = AtTheOtherEnd(port, cables.patients);
  if (const std::string why = WhyPeerCannot(port, other); !why.empty()) {
    notes.Note(absl::StrCat("The computer at the other end of ", where, " (", Peer(port),
                            ") cannot do RDMA: ", why,
                            ". Over this cable the two can take part in a cluster over TCP."));
    return;
  }
  if (port.rdma_capable == false) {
    notes.Problem(absl::StrCat("The cable to ", Peer(port), " is in ", where,
                               ", the port beside Ethernet, which cannot do RDMA."),
                  "Move this end of the cable to any other Thunderbolt port.");
  }
  CheckSpeed(port, cables, notes);
  if (PeerOffersRdma(port, other) == false) {
    notes.Problem(
        absl::StrCat("The computer at the other end of ", where, " (", Peer(port),
                     ") does not offer RDMA."),
        "Enable it there too: in macOS Recovery, `rdma_ctl enable`. Both ends need it before a "
        "port becomes active, and Thunderbolt 5 (M3 Ultra; Pro and Max from M4 on).");
  } else if (report.rdma.state == Rdma::State::kEnabled && port.rdma_active == false &&
             port.rdma_capable != false) {
    notes.Problem(absl::StrCat(where, " is cabled to ", Peer(port), " and its RDMA port is DOWN."),
                  "Check that RDMA is enabled at the other end, then unplug the cable and plug it "
                  "in again; a restart of both Macs clears leftovers of crashed programs.");
  }
}

// Why the list of Thunderbolt ports is not whole; "" when it is.
std::string WhyPortsAreNotKnown(const Report& report) {
  for (const agent::ProbeResult& probe : report.probes) {
    if (probe.name != "thunderbolt" || probe.unknowns.empty()) continue;
    return probe.unknowns.front();
  }
  return "";
}

void CheckMac(const Report& report, Cables& cables, Notes& notes) {
  CheckMacState(report, notes);
  bool cabled = false;
  bool any = false;
  for (const Port& port : report.ports) {
    if (!IsThunderbolt(port)) continue;
    any = true;
    if (HasPeer(port)) {
      cabled = true;
      if (report.rdma.state != Rdma::State::kUnsupported) CheckCable(report, port, cables, notes);
    } else if (port.rdma_active == true) {
      cabled = true;
      notes.Good(absl::StrCat(Described(port),
                              " is active; which computer is at its other end is not known."));
    }
  }
  if (cabled) return;
  if (const std::string why = WhyPortsAreNotKnown(report); !why.empty()) {
    notes.Note(
        absl::StrCat("Whether another computer is on a Thunderbolt port is not known: ", why, "."));
  } else if (any) {
    notes.Note("No other computer is on a Thunderbolt port (docks and drives do not count).");
  }
}

// ---------------------------------------------------------------- Linux

bool IsGb10(const Report& report) { return report.machine.kind == Machine::Kind::kGb10; }

void CheckDriver(const Report& report, Notes& notes) {
  const bool undriven = std::any_of(
      report.accelerators.begin(), report.accelerators.end(), [](const agent::Accelerator& card) {
        return absl::StrContains(card.name, "NVIDIA") && card.driver_version.empty();
      });
  for (const agent::ProbeResult& probe : report.probes) {
    if (probe.name != "nvidia-smi" || probe.outcome == agent::ProbeResult::Outcome::kOk) continue;
    const bool broken = undriven || (IsGb10(report) && report.accelerators.empty());
    if (!broken) continue;
    notes.Problem(
        absl::StrCat("The NVIDIA card has no working driver: ",
                     probe.unknowns.empty() ? "nvidia-smi shows no card" : probe.unknowns.front(),
                     "."),
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

// ---------------------------------------------------------------- cables between several

bool Leads(const Report& from, const Report& to) {
  return std::any_of(from.ports.begin(), from.ports.end(), [&to](const Port& port) {
    return !port.peer_domain.empty() &&
           std::any_of(to.ports.begin(), to.ports.end(),
                       [&port](const Port& other) { return other.domain == port.peer_domain; });
  });
}

std::vector<std::string> FreePorts(const Report& report) {
  std::vector<std::string> free;
  for (const Port& port : report.ports) {
    if (IsThunderbolt(port) && port.state == Port::State::kEmpty && port.rdma_capable != false) {
      free.push_back(Described(port));
    }
  }
  return free;
}

std::string FreePortsOf(const Patient& patient) {
  const std::vector<std::string> free = FreePorts(patient.report);
  return absl::StrCat(patient.name, ": ", free.empty() ? "none free" : absl::StrJoin(free, " or "));
}

void CheckMesh(const std::vector<const Patient*>& macs, std::vector<Advice>& advice) {
  Notes notes("", advice);
  std::vector<std::string> missing;
  std::size_t present = 0;
  for (std::size_t i = 0; i < macs.size(); ++i) {
    for (std::size_t j = i + 1; j < macs.size(); ++j) {
      const Patient& a = *macs[i];
      const Patient& b = *macs[j];
      const bool forth = Leads(a.report, b.report);
      const bool back = Leads(b.report, a.report);
      if (forth || back) {
        ++present;
        if (forth != back) {
          notes.Note(absl::StrCat((forth ? a : b).name, " sees ", (forth ? b : a).name,
                                  " at the end of a cable, but not the other way round; were the "
                                  "captures made at the same time?"));
        }
        continue;
      }
      notes.Problem(absl::StrCat("No Thunderbolt cable joins ", a.name, " and ", b.name, "."),
                    absl::StrCat("Add a Thunderbolt 5 cable between them. Free ports that can do "
                                 "RDMA: ",
                                 FreePortsOf(a), "; ", FreePortsOf(b), "."));
    }
  }
  const std::size_t wanted = macs.size() * (macs.size() - 1) / 2;
  const std::string mesh = absl::StrCat("A full mesh of ", macs.size(), " Macs takes ", wanted,
                                        wanted == 1 ? " cable" : " cables", "; ", present,
                                        present == 1 ? " is" : " are", " there.");
  if (present == wanted) {
    notes.Good(mesh);
  } else {
    notes.Note(mesh);
  }
}

void CheckStrangers(const std::vector<const Patient*>& macs, std::vector<Advice>& advice) {
  Notes notes("", advice);
  std::set<std::string> known;
  for (const Patient* mac : macs) {
    for (const Port& port : mac->report.ports) known.insert(port.domain);
  }
  for (const Patient* mac : macs) {
    for (const Port& port : mac->report.ports) {
      if (port.peer_domain.empty() || known.count(port.peer_domain) > 0) continue;
      notes.Note(absl::StrCat(Described(port), " of ", mac->name, " leads to a computer (",
                              Peer(port),
                              ") that is none of these; captures made with "
                              "different --salt cannot be paired."));
    }
  }
}

}  // namespace

std::vector<Advice> Diagnose(const std::vector<Patient>& patients) {
  std::vector<Advice> advice;
  std::vector<const Patient*> macs;
  std::vector<const Patient*> mesh;  // those that RDMA may join
  Cables cables{patients, {}};
  for (const Patient& patient : patients) {
    Notes notes(patient.name, advice);
    if (patient.report.machine.kind == Machine::Kind::kMac) {
      macs.push_back(&patient);
      if (!NeverHasRdma(patient.report)) mesh.push_back(&patient);
      CheckMac(patient.report, cables, notes);
    } else {
      CheckLinux(patient.report, notes);
    }
  }
  if (mesh.size() > 1) CheckMesh(mesh, advice);
  if (macs.size() > 1) CheckStrangers(macs, advice);
  return advice;
}

}  // namespace capacity::doctor
