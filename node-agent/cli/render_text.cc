#include <algorithm>
#include <cmath>
#include <cstdio>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "node-agent/cli/render.h"

namespace capacity::agent_cli {
namespace {

using agent::Machine;
using agent::MemoryBandwidth;
using agent::Port;
using agent::ProbeResult;
using agent::Rdma;
using agent::Report;

constexpr int kLabel = 14;  // columns of the first column

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, value >= 100 ? "%.0f" : "%.3g", value);
  return text;
}

std::string GiB(std::uint64_t bytes) {
  if (bytes < (std::uint64_t{1} << 30)) return absl::StrCat(bytes >> 20, " MiB");
  return Number(static_cast<double>(bytes) / 1073741824.0) + " GiB";
}
std::string Gigabits(double bits) { return Number(bits / 1e9) + " Gb/s"; }
std::string GigabytesPerSecond(double bytes) { return Number(bytes / 1e9) + " GB/s"; }

class Page {
 public:
  explicit Page(const Style& style) : style_(style) {}
  void Heading(const std::string& text) {
    absl::StrAppend(&out_, out_.empty() ? "" : "\n", Bold(style_, Wrap(text, style_.width, 0)),
                    "\n");
  }
  // "  Memory        128 GiB ..."; nothing for an empty value.
  void Line(const std::string& label, const std::string& value) {
    if (value.empty()) return;
    std::string padded = label;
    padded.resize(std::max<std::size_t>(padded.size() + 1, kLabel), ' ');
    absl::StrAppend(&out_, "  ", padded, Wrap(value, style_.width, kLabel + 2), "\n");
  }
  void Item(const std::string& value) {
    absl::StrAppend(&out_, "  - ", Wrap(value, style_.width, 4), "\n");
  }
  void Verbatim(const std::string& lines) { out_ += lines; }
  std::string Take() { return std::move(out_); }

 private:
  const Style& style_;
  std::string out_;
};

std::string Joined(const std::vector<std::string>& parts) {
  std::vector<std::string> kept;
  std::copy_if(parts.begin(), parts.end(), std::back_inserter(kept),
               [](const std::string& part) { return !part.empty(); });
  return absl::StrJoin(kept, ", ");
}

std::string Title(const Report& report) {
  const Machine& machine = report.machine;
  // Some products begin with their maker: "Apple Virtual Machine 1", "HP ZGX Nano".
  const bool named = absl::StartsWithIgnoreCase(machine.product + " ", machine.vendor + " ");
  std::string title = named || machine.vendor.empty() || machine.product.empty()
                          ? machine.product
                          : absl::StrCat(machine.vendor, " ", machine.product);
  if (title.empty() && machine.kind == Machine::Kind::kMac) title = "A Mac";
  if (title.empty()) title = machine.kind == Machine::Kind::kGb10 ? "A GB10 machine" : "A machine";
  if (!machine.model_identifier.empty())
    absl::StrAppend(&title, " (", machine.model_identifier, ")");
  if (!report.hostname.empty()) absl::StrAppend(&title, ", ", report.hostname);
  return title;
}

std::string IdentityLine(const Report& report) {
  if (!report.identity) return "no catalogue was found (--data DIR names one)";
  const agent::Identity& identity = *report.identity;
  std::vector<std::string> parts;
  if (!identity.machine.empty()) parts.push_back(identity.machine);
  if (!identity.chip.empty()) {
    parts.push_back(identity.chips > 1 ? absl::StrCat(identity.chips, " × ", identity.chip)
                                       : absl::StrCat("chip ", identity.chip));
  }
  if (!identity.why.empty()) parts.push_back(absl::StrCat("unknown: ", identity.why));
  return absl::StrJoin(parts, ", ");
}

std::string ProcessorLine(const agent::Processor& processor) {
  std::vector<std::string> groups;
  for (const agent::CoreGroup& group : processor.groups) {
    groups.push_back(absl::StrCat(group.cores, " ", group.name));
  }
  return Joined({processor.name, processor.architecture,
                 processor.logical_cores > 0
                     ? absl::StrCat(processor.logical_cores, " logical cores")
                     : std::string(),
                 absl::StrJoin(groups, " + ")});
}

std::string MemoryLine(const agent::Memory& memory) {
  std::vector<std::string> parts;
  const auto add = [&parts](const std::optional<std::uint64_t>& bytes, const char* what) {
    if (bytes) parts.push_back(absl::StrCat(GiB(*bytes), " ", what));
  };
  add(memory.installed_bytes, "installed");
  if (memory.visible_bytes != memory.installed_bytes) add(memory.visible_bytes, "visible");
  add(memory.firmware_gpu_bytes, "kept by firmware for the GPU");
  add(memory.available_bytes, "available");
  add(memory.wired_bytes, "wired");
  add(memory.wired_limit_bytes, "may be wired for the GPU");
  if (memory.pressure_free_share) {
    parts.push_back(
        absl::StrCat(std::lround(*memory.pressure_free_share * 100), " % free by pressure"));
  }
  if (memory.unified) parts.emplace_back("shared with the GPU");
  return absl::StrJoin(parts, ", ");
}

std::string InWords(agent::Accelerator::Fault fault) {
  using Fault = agent::Accelerator::Fault;
  switch (fault) {
    case Fault::kNone:
    case Fault::kUnknown:  // below, with what is not known
      return "";
    case Fault::kNoDriver:
      return "no driver";
    case Fault::kNeedsReboot:
      return "the driver wants a reboot";
    case Fault::kLost:
      return "lost";
    case Fault::kHidden:
      return "not handed out";
    case Fault::kNoTool:
      return "no nvidia-smi";
    case Fault::kNoInstance:
      return "MIG without an instance";
  }
  return "";
}

std::string AcceleratorLine(const agent::Accelerator& accelerator) {
  return Joined(
      {accelerator.name.empty() ? "a card without a name" : accelerator.name,
       InWords(accelerator.fault),
       accelerator.slice.empty() ? "" : absl::StrCat("slice ", accelerator.slice),
       accelerator.gpu_cores ? absl::StrCat(*accelerator.gpu_cores, " GPU cores") : "",
       accelerator.memory_bytes ? GiB(*accelerator.memory_bytes) : "",
       accelerator.memory_used_bytes ? absl::StrCat(GiB(*accelerator.memory_used_bytes), " used")
                                     : "",
       accelerator.power_limit_watts
           ? absl::StrCat("at most ", Number(*accelerator.power_limit_watts), " W")
           : "",
       accelerator.driver_version.empty() ? ""
                                          : absl::StrCat("driver ", accelerator.driver_version)});
}

const char* Words(Port::Kind kind) {
  switch (kind) {
    case Port::Kind::kUnknown:
      return "port";
    case Port::Kind::kThunderbolt:
      return "Thunderbolt";
    case Port::Kind::kConnectx:
      return "ConnectX";
    case Port::Kind::kEthernet:
      return "Ethernet";
    case Port::Kind::kWifi:
      return "Wi-Fi";
  }
  return "port";
}

const char* Words(Port::State state) {
  switch (state) {
    case Port::State::kUnknown:
      return "state not known";
    case Port::State::kUp:
      return "up";
    case Port::State::kDown:
      return "down";
    case Port::State::kEmpty:
      return "nothing plugged in";
  }
  return "";
}

// "to Mac Studio (which offers no RDMA)"; "" where no computer is at the other end.
std::string PeerText(const Port& port) {
  if (port.peer_name.empty() && port.peer_domain.empty()) return "";
  // Where the port is active, the other end takes part, whatever it was heard to offer.
  const bool offers_none = port.peer_offers_rdma == false && port.rdma_active != true;
  return absl::StrCat("to ",
                      port.peer_name.empty() ? "a computer that gives no name" : port.peer_name,
                      offers_none ? " (which offers no RDMA)" : "");
}

std::string PortLine(const Port& port) {
  std::vector<std::string> parts = {Words(port.kind), Words(port.state)};
  if (port.negotiated_bits_per_second) parts.push_back(Gigabits(*port.negotiated_bits_per_second));
  if (port.capable_bits_per_second) {
    parts.push_back(absl::StrCat("up to ", Gigabits(*port.capable_bits_per_second)));
  }
  const std::string interfaces = absl::StrJoin(port.interfaces, " + ");
  if (interfaces != port.name) parts.push_back(interfaces);
  std::string rdma = port.rdma_device;
  if (!port.rdma_twin.empty()) absl::StrAppend(&rdma, " + ", port.rdma_twin);
  if (port.rdma_active) {
    absl::StrAppend(&rdma, rdma.empty() ? "RDMA" : "",
                    *port.rdma_active ? " active" : " not active");
  }
  parts.push_back(rdma);
  if (port.rdma_capable == false && port.kind == Port::Kind::kThunderbolt) {
    parts.emplace_back("cannot do RDMA");
  }
  parts.push_back(PeerText(port));
  parts.push_back(absl::StrJoin(port.addresses, " "));
  if (port.management) parts.emplace_back("for management");
  return Joined(parts);
}

const char* Words(Rdma::State state) {
  switch (state) {
    case Rdma::State::kUnknown:
      return "not known";
    case Rdma::State::kEnabled:
      return "enabled";
    case Rdma::State::kDisabled:
      return "disabled";
    case Rdma::State::kUnsupported:
      return "not supported";
  }
  return "";
}

const char* Words(ProbeResult::Outcome outcome) {
  switch (outcome) {
    case ProbeResult::Outcome::kUnknown:
      return "?";
    case ProbeResult::Outcome::kOk:
      return "ok";
    case ProbeResult::Outcome::kAbsent:
      return "absent";
    case ProbeResult::Outcome::kFailed:
      return "failed";
    case ProbeResult::Outcome::kPartial:
      return "partly";
  }
  return "";
}

const char* Words(MemoryBandwidth::Kind kind) {
  switch (kind) {
    case MemoryBandwidth::Kind::kUnknown:
      return "memory";
    case MemoryBandwidth::Kind::kCpuTriad:
      return "CPU triad";
    case MemoryBandwidth::Kind::kCpuRead:
      return "CPU read";
    case MemoryBandwidth::Kind::kGpuCopy:
      return "GPU copy";
    case MemoryBandwidth::Kind::kGpuRead:
      return "GPU read";
  }
  return "";
}

std::string BandwidthLine(const MemoryBandwidth& measured) {
  const agent::Conditions& conditions = measured.conditions;
  std::vector<std::string> parts = {
      absl::StrCat("best ", GigabytesPerSecond(measured.best_bytes_per_second)),
      absl::StrCat("median ", GigabytesPerSecond(measured.median_bytes_per_second), " of ",
                   measured.repeats),
      absl::StrCat(GiB(measured.buffer_bytes), " of buffers"),
      measured.threads > 0 ? absl::StrCat(measured.threads, " threads") : std::string(),
      measured.device};
  if (conditions.load_average)
    parts.push_back(absl::StrCat("load ", Number(*conditions.load_average)));
  if (conditions.power == agent::Conditions::Power::kBattery) parts.emplace_back("on battery");
  if (conditions.power == agent::Conditions::Power::kMains) parts.emplace_back("on mains");
  parts.push_back(conditions.thermal);
  if (conditions.forced) parts.emplace_back("forced");
  return Joined(parts);
}

// ---------------------------------------------------------------- speeds of engines

std::string RateText(const std::optional<agent::Rate>& rate) {
  if (!rate) return "-";
  if (rate->low == rate->high) return Number(rate->median);
  return absl::StrCat(Number(rate->median), " (", Number(rate->low), "–", Number(rate->high), ")");
}

std::string CountText(const std::optional<std::uint32_t>& count) {
  return count ? absl::StrCat(*count) : "-";
}

std::size_t Columns(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }));
}

using Row = std::vector<std::string>;

// Cells in columns as wide as the widest, two spaces between, numbers to the right.
std::string Table(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], Columns(row[i]));
  }
  std::string table;
  for (const Row& row : rows) {
    std::string line = " ";
    for (std::size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, i == 0 ? " " : "  ", std::string(widths[i] - Columns(row[i]), ' '),
                      row[i]);
    }
    absl::StrAppend(&table, line, "\n");
  }
  return table;
}

Row SpeedRow(const agent::SpeedMeasurement& measured, std::size_t number) {
  const auto& first = measured.time_to_first_token_ms;
  return {absl::StrCat("[", number, "]"),
          absl::StrCat(measured.streams),
          CountText(measured.prompt_tokens),
          measured.depth_tokens > 0 ? absl::StrCat(measured.depth_tokens) : "-",
          CountText(measured.generated_tokens),
          RateText(measured.prefill),
          RateText(measured.decode),
          first ? Number(*first) : "-"};
}

// "llama.cpp b9010 (d05fe1d7d), gpt-oss 20B MXFP4 MoE, by llama-bench": what rows have in common.
std::string SubjectOf(const agent::SpeedMeasurement& measured) {
  std::string engine = measured.engine;
  if (!measured.engine_version.empty()) absl::StrAppend(&engine, " ", measured.engine_version);
  std::string with;
  if (!measured.peers.empty()) {
    with = absl::StrCat(measured.strategy.empty() ? "together" : measured.strategy, " with ",
                        absl::StrJoin(measured.peers, " "));
  }
  // llama.cpp's own name ends with the quantization.
  const bool named = measured.model_name.find(measured.quant_name) != std::string::npos;
  return Joined({measured.model_name, named ? "" : measured.quant_name, engine, with,
                 measured.kv_type.empty() || measured.kv_type == "f16"
                     ? ""
                     : absl::StrCat("cache ", measured.kv_type),
                 absl::StrCat(measured.passive ? "watched by " : "by ", measured.source)});
}

void AddRemarks(const agent::SpeedMeasurement& measured, std::size_t number, Page& page) {
  for (const std::string& why : measured.not_comparable) {
    page.Item(absl::StrCat("[", number, "] is not comparable: ", why));
  }
  if (measured.power_watts) {
    page.Item(absl::StrCat("[", number, "] drew ", Number(*measured.power_watts), " W"));
  }
}

std::string FoundLine(const engine::Server& server) {
  std::vector<std::string> models;
  for (const engine::ServedModel& model : server.models) {
    if (model.loaded) models.push_back(model.listed.id);
  }
  constexpr std::size_t kShown = 4;
  const std::size_t more = models.size() - std::min(models.size(), kShown);
  models.resize(models.size() - more);
  return Joined({server.root, server.version,
                 models.empty() ? "no model loaded" : absl::StrJoin(models, " "),
                 more > 0 ? absl::StrCat(more, " more") : ""});
}

}  // namespace

std::string SpeedsText(const engine::Outcome& outcome, const Style& style) {
  Page page(style);
  if (!outcome.found.empty()) page.Heading("Found");
  for (const engine::Server& server : outcome.found) {
    page.Line(engine::NameOf(server.kind), FoundLine(server));
  }
  const std::vector<agent::SpeedMeasurement>& all = outcome.measured;
  for (std::size_t from = 0; from < all.size();) {
    const std::string subject = SubjectOf(all[from]);
    std::size_t to = from;
    std::vector<Row> rows = {
        {"", "streams", "prompt", "depth", "answer", "prefill tok/s", "decode tok/s", "first ms"}};
    while (to < all.size() && SubjectOf(all[to]) == subject) {
      rows.push_back(SpeedRow(all[to], to + 1));
      ++to;
    }
    page.Heading(subject);
    page.Verbatim(Table(rows));
    for (; from < to; ++from) AddRemarks(all[from], from + 1, page);
  }
  if (!outcome.passed_over.empty()) page.Heading("Not measured");
  for (const std::string& why : outcome.passed_over) page.Item(why);
  return page.Take();
}

std::string ReportText(const Report& report, const Style& style) {
  Page page(style);
  page.Heading(Title(report));
  page.Line("Catalogue", IdentityLine(report));
  std::string os = report.os.name;
  if (!report.os.version.empty()) absl::StrAppend(&os, " ", report.os.version);
  if (!report.os.build.empty()) absl::StrAppend(&os, " (", report.os.build, ")");
  page.Line("System", Joined({os, report.os.vendor_release}));
  page.Line("Processor", ProcessorLine(report.processor));
  page.Line("Memory", MemoryLine(report.memory));
  for (const agent::Accelerator& accelerator : report.accelerators) {
    page.Line("Accelerator", AcceleratorLine(accelerator));
  }
  if (report.accelerators.empty()) {
    const bool mac = report.machine.kind == agent::Machine::Kind::kMac;
    page.Line("Accelerator", mac ? "none seen" : "no NVIDIA card seen");
  }
  page.Line("RDMA", absl::StrCat(Words(report.rdma.state), report.rdma.reason.empty() ? "" : ": ",
                                 report.rdma.reason));
  for (const MemoryBandwidth& measured : report.memory_bandwidths) {
    page.Line(Words(measured.kind), BandwidthLine(measured));
  }
  if (!report.ports.empty()) page.Heading("Ports");
  for (const Port& port : report.ports) page.Line(port.name, PortLine(port));
  page.Heading("Probes");
  std::vector<std::string> outcomes;
  bool unknowns = false;
  for (const ProbeResult& probe : report.probes) {
    outcomes.push_back(absl::StrCat(probe.name, " ", Words(probe.outcome)));
    unknowns = unknowns || !probe.unknowns.empty();
  }
  page.Line("Outcome", absl::StrJoin(outcomes, ", "));
  if (unknowns) page.Heading("Not known");
  for (const ProbeResult& probe : report.probes) {
    for (const std::string& unknown : probe.unknowns) {
      page.Item(absl::StrCat(probe.name, ": ", unknown));
    }
  }
  return page.Take();
}

std::string AdviceText(const std::vector<doctor::Advice>& advice, const Style& style) {
  Page page(style);
  std::string patient = "\n";  // no name
  for (const doctor::Advice& item : advice) {
    if (item.patient != patient) {
      patient = item.patient;
      page.Heading(patient.empty() ? "Cables between them" : patient);
    }
    const char* mark = item.severity == doctor::Advice::Severity::kGood      ? "ok"
                       : item.severity == doctor::Advice::Severity::kProblem ? "PROBLEM"
                                                                             : "note";
    page.Line(mark, item.finding);
    page.Line("  to do", item.remedy);
  }
  return page.Take();
}

std::string BandwidthText(const std::vector<MemoryBandwidth>& measured,
                          const std::vector<std::string>& missing, const Style& style) {
  Page page(style);
  page.Heading("Memory bandwidth");
  for (const MemoryBandwidth& one : measured) page.Line(Words(one.kind), BandwidthLine(one));
  if (!missing.empty()) page.Heading("Not measured");
  for (const std::string& one : missing) page.Item(one);
  return page.Take();
}

}  // namespace capacity::agent_cli
