#include "node-agent/probe/probe.h"

#include "node-agent/probe/linux.h"
#include "node-agent/probe/linux_text.h"
#include "node-agent/probe/macos.h"

namespace capacity::probe {
namespace {

bool IsMacos(host::Host& host) {
  for (const host::Output& output : host.Run({{"uname", "-a"}})) {
    if (output.how != host::Output::How::kRan) continue;
    if (const auto kernel = ParseUname(output.text)) return kernel->system == "Darwin";
  }
  // A capture without uname.
  if (host.Read("/proc/meminfo") || host.Read("/proc/cpuinfo")) return false;
  return LooksLikeMacos(host);
}

}  // namespace

agent::Report TakeReport(host::Host& host, const Options& options) {
  agent::Report report;
  report.agent_version = options.agent_version;
  report.taken_at_unix_ms = options.taken_at_unix_ms;
  if (IsMacos(host)) {
    ProbeMacos(host, options, report);
  } else {
    ProbeLinux(host, options, report);
  }
  return report;
}

}  // namespace capacity::probe
