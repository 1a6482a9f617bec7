#include "node-agent/probe/linux.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "node-agent/probe/cgroup.h"
#include "node-agent/probe/finding.h"
#include "node-agent/probe/linux_cards.h"
#include "node-agent/probe/linux_network.h"
#include "node-agent/probe/linux_text.h"
#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

using agent::Machine;
using agent::Report;
using host::Command;
using host::Host;
using host::Output;

const Command kUname = {{"uname", "-a"}};
const Command kLscpuJson = {{"lscpu", "-J"}};
const Command kDmidecode = {{"dmidecode", "-t", "system"}};

// Firmware that was never filled in.
std::string Meaningful(std::string text) {
  static constexpr std::array kFillers = {"to be filled by o.e.m.",
                                          "default string",
                                          "system product name",
                                          "system manufacturer",
                                          "not specified",
                                          "n/a",
                                          "none",
                                          "empty"};
  const std::string lower = Lower(text);
  const bool filler = std::find(kFillers.begin(), kFillers.end(), lower) != kFillers.end();
  return filler || StartsWith(lower, "cat: ") ? "" : text;
}

// ---------------------------------------------------------------- where it runs

// What the agent runs in: "docker", "podman", "kubernetes", "lxc"; empty: no container that shows.
// Only what every user may read, and not the environment of process 1, whose secrets would go into
// captures.
std::string FindContainer(Host& host) {
  if (!host.List("/var/run/secrets/kubernetes.io").empty()) return "kubernetes";
  const std::string groups = host.Read("/proc/1/cgroup").value_or("");
  struct Mark {
    const char* path;
    const char* engine;
  };
  // Paths of the first version of control groups; the second shows "/" from inside.
  static constexpr std::array kMarks = {Mark{"/kubepods", "kubernetes"}, Mark{"/libpod", "podman"},
                                        Mark{"/docker", "docker"}, Mark{"/lxc", "lxc"},
                                        Mark{"containerd", "containerd"}};
  for (const Mark& mark : kMarks) {
    if (Contains(groups, mark.path)) return mark.engine;
  }
  // A virtual machine may have been made of a container's files. Inside a container process 2 is
  // none of the kernel's.
  if (ReadLine(host, "/proc/2/comm") == "kthreadd") return "";
  if (host.Read("/.dockerenv")) return "docker";
  if (host.Read("/run/.containerenv")) return "podman";
  // Of systemd where it is process 1; it counts WSL as a container too.
  const std::string told = ReadLine(host, "/run/systemd/container");
  return told == "wsl" ? "" : Clean(told, 32);
}

// ---------------------------------------------------------------- what it is

void ProbeDmi(Host& host, Report& report) {
  Finding finding("dmi");
  const auto dmi = [&host](const char* name) {
    return Meaningful(ReadLine(host, absl::StrCat("/sys/class/dmi/id/", name)));
  };
  Machine& machine = report.machine;
  machine.vendor = dmi("sys_vendor");
  machine.product = dmi("product_name");
  std::string version = dmi("product_version");
  if (machine.vendor.empty() && machine.product.empty()) {
    std::string why;
    const auto fields = FirstUnderstood(
        host, kDmidecode,
        [](const Output& output) -> std::optional<Fields> {
          Fields parsed = ParseFields(output.text, ':');
          if (Field(parsed, "Product Name").empty()) return std::nullopt;
          return parsed;
        },
        finding, why);
    if (fields) {
      machine.vendor = Meaningful(Clean(Field(*fields, "Manufacturer")));
      machine.product = Meaningful(Clean(Field(*fields, "Product Name")));
      version = Meaningful(Clean(Field(*fields, "Version")));
    }
  }
  if (machine.vendor.empty() && machine.product.empty()) {
    // Machines that start from a device tree.
    const std::optional<std::string> model = host.Read("/proc/device-tree/model");
    if (model) machine.product = Clean(std::string_view(*model).substr(0, model->find('\0')));
  }
  // Lenovo puts the name that people know into the version and its own number into the name.
  if (ContainsWord(machine.vendor, "lenovo") && !version.empty()) {
    machine.model_identifier = machine.product;
    machine.product = version;
  }
  if (!machine.vendor.empty() || !machine.product.empty()) finding.Found();
  if (machine.product.empty()) {
    finding.Missing();
    finding.Unknown("the maker's name of the machine is",
                    "/sys/class/dmi/id does not state it (a virtual machine has none)");
  }
  report.probes.push_back(finding.Finish());
}

// True when the vendor's release file says that this is a DGX Spark or a sibling.
bool ProbeSystem(Host& host, Report& report) {
  Finding finding("system");
  std::string why;
  const auto kernel = FirstUnderstood(
      host, kUname, [](const Output& output) { return ParseUname(output.text); }, finding, why);
  // A capture may hold `uname -r` and `uname -m` apart.
  for (const Output& output : host.Run(kUname)) {
    if (output.how != Output::How::kRan || Words(output.text).size() != 1) continue;
    const std::string word = Clean(output.text, 64);
    if (word[0] >= '0' && word[0] <= '9') report.os.build = word;
    if (word == "x86_64" || word == "aarch64") report.processor.architecture = word;
  }
  if (kernel) {
    if (!kernel->release.empty()) report.os.build = kernel->release;
    if (!kernel->architecture.empty()) report.processor.architecture = kernel->architecture;
    report.hostname = kernel->hostname;
  }
  if (report.os.build.empty()) {
    report.os.build = ReadLine(host, "/proc/sys/kernel/osrelease");
    if (report.os.build.empty()) finding.Unknown("the kernel's release is", why);
  }
  const std::string hostname = ReadLine(host, "/proc/sys/kernel/hostname");
  if (!hostname.empty()) report.hostname = hostname;

  std::optional<std::string> release = host.Read("/etc/os-release");
  if (!release) release = host.Read("/usr/lib/os-release");
  if (release) {
    finding.Found();
    const Fields fields = ParseRelease(*release);
    report.os.name = Clean(Field(fields, "NAME"));
    report.os.version = Clean(Field(fields, "VERSION_ID"), 32);
  } else {
    finding.Unknown("the distribution is", "/etc/os-release is not there");
  }
  bool spark = false;
  if (const auto dgx = host.Read("/etc/dgx-release")) {
    finding.Found();
    const Fields fields = ParseRelease(*dgx);
    spark = ContainsWord(Field(fields, "DGX_NAME"), "spark");
    // Updates are appended; the last one counts.
    std::string version = Field(fields, "DGX_OTA_VERSION");
    if (version.empty()) version = Field(fields, "DGX_SWBUILD_VERSION");
    if (!version.empty()) report.os.vendor_release = Clean(absl::StrCat("DGX OS ", version), 64);
    const std::string platform = Clean(Field(fields, "DGX_PLATFORM"));
    // "DGX Server for KVM" names no machine.
    if (report.machine.product.empty() && !platform.empty() && !Contains(platform, " for ")) {
      report.machine.product = platform;
    }
  }
  if (const auto fastos = host.Read("/etc/fastos-release");
      fastos && report.os.vendor_release.empty()) {
    const Fields fields = ParseRelease(*fastos);
    spark = spark || ContainsWord(Field(fields, "NAME"), "spark");
    report.os.vendor_release =
        Clean(absl::StrCat(Field(fields, "NAME"), " ", Field(fields, "VERSION")), 64);
  }
  report.probes.push_back(finding.Finish());
  return spark;
}

// Adds what /proc/cpuinfo says and lscpu does not, or no longer where it was `cut` off.
void Complete(const agent::Processor& cpuinfo, bool cut,
              std::optional<agent::Processor>& processor) {
  if (!processor) {
    processor = cpuinfo;
    return;
  }
  if (!cpuinfo.name.empty() && (processor->name.empty() || cut)) {
    processor->name = cpuinfo.name;
    processor->groups = cpuinfo.groups;
  }
  if (processor->logical_cores == 0) processor->logical_cores = cpuinfo.logical_cores;
}

std::string WhyLscpuDoesNotTell(Host& host, bool has_cpuinfo) {
  const std::vector<Output> outputs = host.Run(kLscpuJson);
  const bool translated = std::any_of(outputs.begin(), outputs.end(), [](const Output& output) {
    return output.how == Output::How::kRan && LabelsAreTranslated(output.text);
  });
  if (!translated) return "neither lscpu nor /proc/cpuinfo states it";
  return absl::StrCat(
      "lscpu printed its labels in another language (LC_ALL=C lscpu does not), and /proc/cpuinfo ",
      has_cpuinfo ? "does not state it" : "is not there");
}

void ProbeProcessor(Host& host, Report& report) {
  Finding finding("processor");
  std::string why;
  bool cut = false;
  auto processor = FirstUnderstood(
      host, kLscpuJson,
      [&cut](const Output& output) {
        auto parsed = ParseLscpu(output.text);
        if (parsed) cut = output.truncated || IsCutJson(output.text);
        return parsed;
      },
      finding, why);
  const std::optional<std::string> cpuinfo = host.Read("/proc/cpuinfo");
  const bool whole = processor && !processor->name.empty() && processor->logical_cores > 0 && !cut;
  if (!whole && cpuinfo) {
    if (auto parsed = ParseCpuinfo(*cpuinfo)) {
      finding.Found();
      Complete(*parsed, cut, processor);
    }
  }
  if (!processor) {
    finding.Unknown("the processor is", absl::StrCat(why, " and /proc/cpuinfo is not there"));
    report.probes.push_back(finding.Finish());
    return;
  }
  const std::string architecture = report.processor.architecture;
  report.processor = *processor;
  if (report.processor.architecture.empty()) report.processor.architecture = architecture;
  const std::string why_not = WhyLscpuDoesNotTell(host, cpuinfo.has_value());
  if (processor->name.empty()) finding.Unknown("the processor's name is", why_not);
  if (processor->logical_cores == 0) {
    finding.Unknown("the number of logical cores is", why_not);
  }
  if (cut && !cpuinfo) {
    finding.Unknown("what lscpu says after its first lines is", "its output is cut off");
  }
  report.probes.push_back(finding.Finish());
}

// "15.6 GiB".
std::string Gibibytes(std::uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f GiB", static_cast<double>(bytes) / 1073741824.0);
  return text;
}

void ProbeMemory(Host& host, Report& report) {
  Finding finding("memory");
  const std::optional<std::string> text = host.Read("/proc/meminfo");
  if (!text) {
    finding.Missing();
    finding.Unknown("memory is", "/proc/meminfo is not there");
    report.probes.push_back(finding.Finish());
    return;
  }
  const auto values = ParseMeminfo(*text);
  const auto value = [&](std::string_view key,
                         std::string_view what) -> std::optional<std::uint64_t> {
    const auto found = values.find(key);
    if (found != values.end()) {
      finding.Found();
      return found->second;
    }
    finding.Unknown(what, absl::StrCat("/proc/meminfo shows no ", std::string(key)));
    return std::nullopt;
  };
  report.memory.visible_bytes = value("MemTotal", "the memory that the system counts is");
  report.memory.available_bytes = value("MemAvailable", "available memory is");
  std::optional<std::uint64_t>& available = report.memory.available_bytes;
  if (const auto limit = TightestMemoryLimit(host);
      limit && available && limit->left < *available) {
    finding.Absent(absl::StrCat("programs here can have ", Gibibytes(limit->left), " of the ",
                                Gibibytes(*available), " that the machine has available: ",
                                limit->file, " limits them to ", Gibibytes(limit->bytes)));
    available = limit->left;
  }
  report.probes.push_back(finding.Finish());
}

}  // namespace

void ProbeLinux(Host& host, const Options& /*options*/, Report& report) {
  report.machine.kind = Machine::Kind::kLinux;
  report.os.name = "Linux";
  report.container = FindContainer(host);
  ProbeDmi(host, report);
  const bool spark = ProbeSystem(host, report);
  ProbeProcessor(host, report);
  ProbeMemory(host, report);
  ProbeCards(host, spark, report);
  ProbeNetwork(host, report);
}

}  // namespace capacity::probe
