#include "node-agent/probe/macos.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "node-agent/probe/apple.h"
#include "node-agent/probe/finding.h"
#include "node-agent/probe/linux_text.h"
#include "node-agent/probe/macos_commands.h"
#include "node-agent/probe/macos_ports.h"
#include "node-agent/probe/macos_rdma.h"
#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

using agent::Report;
using host::Command;
using host::Host;
using host::Output;

// ---------------------------------------------------------------- what it is

// The largest limit of memory for the GPU that can be meant, in MiB.
std::uint64_t MostWired(const Report& report) {
  constexpr std::uint64_t kMostMebibytes = std::uint64_t{1} << 30;
  return report.memory.installed_bytes ? *report.memory.installed_bytes >> 20 : kMostMebibytes;
}

// A process that Rosetta translates is shown "VirtualApple @ 2.50GHz processor" in the place of the
// chip's name, and x86_64 as what the machine is.
bool IsTranslated(std::string_view brand) { return StartsWith(brand, "VirtualApple"); }

constexpr const char* kBrand = "machdep.cpu.brand_string";
constexpr const char* kInstalled = "hw.memsize";

// The finding is finished with what the other probes have found out.
Fields ProbeSysctl(Host& host, Finding& finding, Report& report) {
  Fields all;
  const std::vector<Output> outputs = host.Run(kSysctl);
  for (const Output& output : outputs) {
    // Ends with 1 when one of the names is unknown to this version; the others are printed.
    if (output.how == Output::How::kRan) all.merge(ParseSysctl(output.arguments, output.text));
  }
  if (all.empty()) {
    if (outputs[0].how == Output::How::kAbsent) finding.Missing();
    const std::string why = host::WhyNot(outputs[0], kSysctl);
    finding.Unknown("memory, chip and core counts from sysctl are",
                    why.empty() ? "what sysctl printed is not understood" : why);
    return all;
  }
  finding.Found();
  const std::string brand = Clean(Field(all, kBrand));
  if (!IsTranslated(brand)) report.processor.name = brand;
  report.machine.model_identifier = Clean(Field(all, "hw.model"));
  report.memory.installed_bytes = ParseWhole(Field(all, kInstalled));
  report.memory.visible_bytes = ParseWhole(Field(all, "hw.memsize_usable"));
  if (!report.memory.visible_bytes) report.memory.visible_bytes = report.memory.installed_bytes;
  std::string cores = Field(all, "hw.logicalcpu");
  if (cores.empty()) cores = Field(all, "hw.ncpu");
  if (const auto count = ParseWhole(cores); count && *count <= 4096) {
    report.processor.logical_cores = static_cast<std::uint32_t>(*count);
  }
  report.processor.groups = CoreGroups(all);
  const std::string limit = Field(all, "iogpu.wired_limit_mb");
  if (limit.empty()) {
    finding.Unknown("the limit of memory for the GPU is", "sysctl shows no iogpu.wired_limit_mb");
  } else if (const auto mebibytes = ParseWhole(limit);
             !mebibytes || *mebibytes > MostWired(report)) {
    finding.Unknown("the limit of memory for the GPU is",
                    absl::StrCat("sysctl shows iogpu.wired_limit_mb ", Clean(limit, 32),
                                 mebibytes ? ", more than is installed" : ""));
  } else if (*mebibytes > 0) {
    report.memory.wired_limit_bytes = *mebibytes << 20;  // 0: the system's default
  }
  report.os.version = Clean(Field(all, "kern.osproductversion"), 32);
  report.os.build = Clean(Field(all, "kern.osversion"), 32);
  report.hostname = Clean(Field(all, "kern.hostname"));
  return all;
}

// What sysctl was to tell and, after all that may stand in for it was asked, nobody has told.
void TellLacking(const Fields& sysctl, const Report& report, Finding& finding) {
  if (sysctl.empty()) return;  // told
  const auto lacking = [&finding](const char* what_is, const char* key) {
    finding.Unknown(what_is, absl::StrCat("sysctl shows no ", key));
  };
  if (report.processor.name.empty() && !IsTranslated(Field(sysctl, kBrand))) {
    lacking("the chip's name is", kBrand);
  }
  if (!report.memory.installed_bytes) lacking("installed memory is", kInstalled);
  if (report.processor.groups.empty()) {
    lacking("performance and efficiency cores are", "hw.perflevel0");
  }
}

void ProbeVersion(Host& host, const Fields& sysctl, Report& report) {
  Finding finding("sw_vers");
  std::string why;
  const auto version = FirstUnderstood(
      host, kSwVers,
      [](const Output& output) { return ParseSwVers(output.arguments, output.text); }, finding,
      why);
  if (version) {
    report.os.version = version->version;
    report.os.build = Prefer(version->build, report.os.build);
  } else if (report.os.version.empty()) {
    finding.Unknown("the version of macOS is", why);
  }
  const auto kernel = FirstUnderstood(
      host, kUname, [](const Output& output) { return ParseUname(output.text); }, finding, why);
  if (kernel) {
    report.processor.architecture = kernel->architecture;
    report.hostname = Prefer(report.hostname, kernel->hostname);
  } else if (Contains(report.processor.name, "Apple")) {
    report.processor.architecture = "arm64";
  }
  if (IsTranslated(Field(sysctl, "machdep.cpu.brand_string"))) {
    report.processor.architecture = "arm64";
  }
  report.probes.push_back(finding.Finish());
}

void ProbeHardware(Host& host, Report& report) {
  Finding finding("hardware");
  std::string why;
  const auto hardware = FirstUnderstood(
      host, kHardware, [](const Output& output) { return ParseHardware(output.text); }, finding,
      why);
  if (!hardware) {
    finding.Unknown("the machine's name is", why);
    report.probes.push_back(finding.Finish());
    return;
  }
  if (hardware->cut) finding.Unknown("the rest of the hardware overview is", "its end is missing");
  report.machine.product = hardware->product;
  report.machine.model_identifier =
      Prefer(report.machine.model_identifier, hardware->model_identifier);
  report.processor.name = Prefer(report.processor.name, hardware->chip);
  if (!report.memory.installed_bytes) {
    report.memory.installed_bytes = hardware->memory_bytes;
    report.memory.visible_bytes = hardware->memory_bytes;
  }
  if (report.processor.logical_cores == 0) {
    report.processor.logical_cores = hardware->total_cores.value_or(0);
  }
  if (report.processor.groups.empty()) report.processor.groups = hardware->groups;
  if (hardware->product.empty()) {
    finding.Unknown("the machine's name is", "the hardware overview does not state it");
  }
  report.probes.push_back(finding.Finish());
}

void ProbeGpu(Host& host, Report& report) {
  Finding finding("gpu");
  std::string why;
  const auto gpu = FirstUnderstood(
      host, kDisplays, [](const Output& output) { return ParseGpu(output.text); }, finding, why);
  agent::Accelerator accelerator;
  if (gpu) {
    accelerator.name = gpu->name;
    accelerator.gpu_cores = gpu->cores;
    if (report.processor.name.empty() && StartsWith(gpu->name, "Apple ")) {
      report.processor.name = gpu->name;
    }
    if (!gpu->cores)
      finding.Unknown("GPU cores are", "the overview of displays does not state them");
  } else {
    finding.Unknown("GPU cores are", why);
    // The GPU is part of the chip, whose name is known.
    if (StartsWith(report.processor.name, "Apple ")) accelerator.name = report.processor.name;
  }
  if (!accelerator.name.empty()) report.accelerators.push_back(std::move(accelerator));
  if (gpu) {
    for (const std::string& other : gpu->others) report.accelerators.push_back({.name = other});
  }
  report.memory.unified = StartsWith(report.processor.name, "Apple ");
  report.probes.push_back(finding.Finish());
}

// Under Rosetta the chip's name comes from what else tells it, where that is one of Apple's.
void NameTranslated(const Fields& sysctl, Report& report) {
  if (!IsTranslated(Field(sysctl, "machdep.cpu.brand_string"))) return;
  report.memory.unified = true;
  if (StartsWith(report.processor.name, "Apple ")) return;
  const auto chip =
      std::find_if(report.accelerators.begin(), report.accelerators.end(),
                   [](const agent::Accelerator& gpu) { return StartsWith(gpu.name, "Apple "); });
  report.processor.name = chip == report.accelerators.end() ? "" : chip->name;
  if (!report.processor.name.empty()) return;
  Finding finding("chip");
  finding.Unknown("the chip's name is",
                  "sysctl was run under Rosetta, which shows another, and nothing else tells it");
  report.probes.push_back(finding.Finish());
}

void ProbeMemory(Host& host, Report& report) {
  Finding finding("memory");
  std::string why;
  const auto usage = FirstUnderstood(
      host, kVmStat, [](const Output& output) { return ParseVmStat(output.text); }, finding, why);
  if (usage) {
    report.memory.wired_bytes = usage->wired;
    const std::uint64_t apps = usage->anonymous - std::min(usage->purgeable, usage->anonymous);
    const std::uint64_t used = usage->wired + apps + usage->compressor;
    if (report.memory.installed_bytes && used <= *report.memory.installed_bytes) {
      report.memory.available_bytes = *report.memory.installed_bytes - used;
    } else {
      finding.Unknown("available memory is", report.memory.installed_bytes
                                                 ? "vm_stat counts more in use than is installed"
                                                 : "installed memory is unknown");
    }
  } else {
    finding.Unknown("available and wired memory are", why);
  }
  report.memory.pressure_free_share = FirstUnderstood(
      host, kMemoryPressure, [](const Output& output) { return ParseMemoryPressure(output.text); },
      finding, why);
  if (!report.memory.pressure_free_share) finding.Unknown("memory pressure is", why);
  report.probes.push_back(finding.Finish());
}

}  // namespace

void ProbeMacos(Host& host, const Options& options, Report& report) {
  report.machine.vendor = "Apple";
  report.machine.kind = agent::Machine::Kind::kMac;
  report.os.name = "macOS";
  Finding of_sysctl("sysctl");
  const Fields sysctl = ProbeSysctl(host, of_sysctl, report);
  ProbeVersion(host, sysctl, report);
  ProbeHardware(host, report);
  ProbeGpu(host, report);
  NameTranslated(sysctl, report);
  TellLacking(sysctl, report, of_sysctl);
  report.probes.insert(report.probes.begin(), of_sysctl.Finish());
  ProbeMemory(host, report);
  const Ports ports = ProbePorts(host, options, report);
  ProbeRdma(host, ports, report);
}

bool LooksLikeMacos(Host& host) {
  for (const Command* command : {&kSwVers, &kHardware, &kVmStat, &kHardwarePorts}) {
    for (const Output& output : host.Run(*command)) {
      if (output.how == Output::How::kRan) return true;
    }
  }
  for (const Output& output : host.Run(kSysctl)) {
    if (output.how != Output::How::kRan) continue;
    const Fields fields = ParseSysctl(output.arguments, output.text);
    // Linux has a sysctl too, with other names.
    for (const auto& [key, unused] : fields) {
      if (StartsWith(key, "hw.") || StartsWith(key, "machdep.")) return true;
    }
  }
  for (const Output& output : host.Run(kIbvDevices)) {
    if (Contains(output.text, "rdma_en")) return true;
  }
  for (const Output& output : host.Run(kIbvDevinfo)) {
    if (Contains(output.text, "rdma_en") || Contains(output.text, "Thunderbolt")) return true;
  }
  return false;
}

}  // namespace capacity::probe
