#include "planner/inventory/catalog_entries.h"

#include <optional>
#include <string>

#include "planner/base/parse.h"
#include "planner/inventory/entry_fields.h"

namespace capacity::inventory {
namespace {

// Bounds that only a slip of the pen exceeds.
constexpr Range kGigabytesPerSecond = Above(0, 1e6);
constexpr Range kTeraflops = Above(0, 1e6);

}  // namespace

catalog::Chip ReadChip(Fields& fields, Problems& problems) {
  catalog::Chip chip;
  fields.Require({"id", "name", "vendor", "family", "memory"});
  chip.id = fields.Text("id").value_or("");
  chip.name = fields.Text("name").value_or("");
  chip.aliases = fields.Texts("aliases");
  chip.vendor = fields.OneOf("vendor", {"apple", "nvidia", "amd", "intel"}).value_or("");
  chip.family = fields.Text("family").value_or("");
  chip.generation = fields.Text("generation").value_or("");
  chip.gpu_cores = fields.Integer("gpu_cores", Between(1, 1e6));
  chip.memory_bandwidth =
      Scaled<BytesPerSecond>(fields.Number("memory_bandwidth_gbps", kGigabytesPerSecond), 1e9);
  chip.fp16_dense = Scaled<FlopsPerSecond>(fields.Number("fp16_dense_tflops", kTeraflops), 1e12);
  chip.fp8_dense = Scaled<FlopsPerSecond>(fields.Number("fp8_dense_tflops", kTeraflops), 1e12);
  chip.fp4_dense = Scaled<FlopsPerSecond>(fields.Number("fp4_dense_tflops", kTeraflops), 1e12);
  chip.fp16_accumulate_dense =
      Scaled<FlopsPerSecond>(fields.Number("fp16_accumulate_dense_tflops", kTeraflops), 1e12);
  chip.int8_dense = Scaled<FlopsPerSecond>(fields.Number("int8_dense_tops", kTeraflops), 1e12);
  chip.power_limit = fields.Power("tdp_w");
  chip.unified_memory = fields.OneOf("memory", {"unified", "discrete"}) != "discrete";
  for (const Word& option : fields.References("memory_options")) {
    const absl::StatusOr<Bytes> size = ParseBytes(option.text);
    if (size.ok()) {
      chip.memory_options.push_back(*size);
    } else {
      problems.Add(*option.at, std::string(size.status().message()));
    }
  }
  chip.reported_as = fields.Texts("reported_as");
  chip.notes = fields.Text("notes").value_or("");
  chip.provenance = ReadProvenance(fields);
  return chip;
}

namespace {

catalog::Ports ReadPorts(const Value& value, Problems& problems) {
  Fields fields(value, "ports", problems);
  catalog::Ports ports;
  if (const Value* at = fields.Find("thunderbolt")) {
    Fields thunderbolt(*at, "thunderbolt", problems);
    thunderbolt.Require({"version", "count", "rdma"});
    ports.thunderbolt = {
        .version = thunderbolt.Integer("version", Between(1, 5)).value_or(0),
        .count = thunderbolt.Integer("count", Between(0, 64)).value_or(0),
        .rdma = thunderbolt.Integer("rdma", Between(0, 64)).value_or(0),
    };
    thunderbolt.ReportUnknown();
  }
  if (const Value* at = fields.Find("connectx7")) {
    Fields connectx7(*at, "connectx7", problems);
    connectx7.Require({"cages", "gbps"});
    ports.connectx7 = {
        .cages = connectx7.Integer("cages", Between(0, 64)).value_or(0),
        .gbps = connectx7.Number("gbps", Between(0, 1e5)).value_or(0),
    };
    connectx7.ReportUnknown();
  }
  ports.ethernet_gbps = fields.Number("ethernet_gbps", Above(0, 1e5));
  fields.ReportUnknown();
  return ports;
}

}  // namespace

catalog::Machine ReadMachine(Fields& fields, Problems& problems) {
  using catalog::OperatingSystem;
  catalog::Machine machine;
  fields.Require({"id", "name", "os"});
  machine.id = fields.Text("id").value_or("");
  machine.name = fields.Text("name").value_or("");
  machine.aliases = fields.Texts("aliases");
  machine.chip = fields.Text("chip").value_or("");
  machine.other_chips = fields.Texts("other_chips");
  machine.model_identifiers = fields.Texts("model_identifiers");
  machine.reported_as = fields.Texts("reported_as");
  machine.os = fields
                   .Choice("os", {OperatingSystem::kMacos, OperatingSystem::kLinux,
                                  OperatingSystem::kWindows})
                   .value_or(OperatingSystem::kLinux);
  machine.accelerators = fields.Integer("accelerators", Between(1, 64)).value_or(1);
  const std::optional<Bytes> memory = fields.Size("memory");
  const std::optional<Bytes> system_memory = fields.Size("system_memory");
  machine.vram_per_accelerator = fields.Size("vram_per_accelerator");
  // Beside cards with memory of their own, what is installed is the host's.
  machine.memory =
      machine.vram_per_accelerator && system_memory ? *system_memory : memory.value_or(Bytes{});
  const bool owner_states_cards = machine.chip.empty();
  if (fields.valid() && !machine.vram_per_accelerator && !memory && !owner_states_cards) {
    fields.Require({"memory"});
  }
  machine.memory_visible = fields.Size("memory_visible");
  machine.memory_available = fields.Size("memory_available");
  if (const Value* value = fields.Find("ports")) machine.ports = ReadPorts(*value, problems);
  if (const Value* value = fields.Find("power")) {
    Fields power(*value, "power", problems);
    machine.idle_power = power.Power("idle_w");
    machine.load_power = power.Power("load_w");
    power.ReportUnknown();
  }
  machine.sold_new = fields.Flag("sold_new");
  machine.withdrawn = fields.Text("withdrawn").value_or("");
  machine.released = fields.Text("released").value_or("");
  machine.notes = fields.Text("notes").value_or("");
  machine.provenance = ReadProvenance(fields);
  return machine;
}

catalog::MetalLimit ReadMetalLimit(Fields& fields) {
  catalog::MetalLimit limit;
  fields.Require({"ram"});
  limit.ram = fields.Size("ram").value_or(Bytes{});
  limit.macos_min = fields.Integer("macos_min", Between(0, 1000)).value_or(0);
  limit.macos_max = fields.Integer("macos_max", Between(0, 1000)).value_or(0);
  const std::optional<double> fraction = fields.Number("fraction", Above(0, 1));
  const std::optional<double> mib = fields.Number("working_set_mib", Above(0, 1e9));
  limit.working_set = mib ? Bytes{1 << 20} * *mib : fraction ? limit.ram * *fraction : Bytes{};
  if (!mib && !fraction) fields.Require({"working_set_mib"});
  fields.Text("notes");
  limit.provenance = ReadProvenance(fields);
  return limit;
}

catalog::Link ReadLink(Fields& fields, Problems& problems) {
  using catalog::Transport;
  catalog::Link link;
  fields.Require({"id", "name", "transport", "medium"});
  link.id = fields.Text("id").value_or("");
  link.name = fields.Text("name").value_or("");
  link.aliases = fields.Texts("aliases");
  link.transport = fields
                       .Choice("transport", {Transport::kNone, Transport::kRdma, Transport::kTcp,
                                             Transport::kPcie})
                       .value_or(Transport::kTcp);
  link.medium = fields
                    .OneOf("medium", {"none", "thunderbolt5", "thunderbolt4", "thunderbolt",
                                      "connectx7", "ethernet", "wifi", "pcie"})
                    .value_or("");
  link.bandwidth = Scaled<BitsPerSecond>(fields.Number("bandwidth_gbps", Between(0, 1e6)), 1e9);
  link.direct_cable = fields.Text("direct_cable").value_or("");
  link.switches = fields.Texts("switch");
  link.ports_used = fields.Integer("ports_used", Between(0, 16)).value_or(1);
  link.engines = ReadEngines(fields, problems);
  if (const Value* value = fields.Find("requirements")) {
    Fields requirements(*value, "requirements", problems);
    link.required_os = requirements.OneOf("os", {"macos", "linux", "windows"}).value_or("");
    link.min_os_version = requirements.Text("min_os_version").value_or("");
    requirements.ReportUnknown();
  }
  link.notes = fields.Text("notes").value_or("");
  link.provenance = ReadProvenance(fields);
  return link;
}

catalog::InterconnectItem ReadItem(Fields& fields) {
  catalog::InterconnectItem item;
  fields.Require({"id", "name", "kind"});
  item.id = fields.Text("id").value_or("");
  item.name = fields.Text("name").value_or("");
  item.kind = fields.OneOf("kind", {"cable", "dac", "switch", "card"}).value_or("");
  item.ports = fields.Integer("ports", Between(1, 10000));
  item.power = fields.Power("power_w");
  fields.Text("notes");
  item.provenance = ReadProvenance(fields);
  return item;
}

}  // namespace capacity::inventory
