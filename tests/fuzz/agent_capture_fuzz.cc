// A whole capture of bytes: files and outputs of commands, cut from the input at form feeds.
// Whatever they hold, a report comes of it whose every probe says how it went, also after
// redaction, and the doctor has an answer.
//
// A piece is a command file ("$ lscpu\nexit 0\n...") or, when it starts with "/", a path, a line
// end and the file.
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "node-agent/doctor/doctor.h"
#include "node-agent/host/capture.h"
#include "node-agent/host/redact.h"
#include "node-agent/probe/probe.h"
#include "node-agent/probe/text.h"

namespace {

namespace host = capacity::host;
namespace probe = capacity::probe;
using capacity::agent::Report;

void Require(bool holds) {
  if (!holds) std::abort();
}

host::Capture CaptureOf(std::string_view text) {
  host::Capture capture;
  for (const std::string_view piece : probe::Split(text, '\f')) {
    if (!piece.empty() && piece[0] == '/') {
      const std::size_t end = piece.find('\n');
      capture.files[std::string(piece.substr(0, end))] =
          end == std::string_view::npos ? "" : std::string(piece.substr(end + 1));
    } else if (auto output = host::ParseCommandFile(piece)) {
      capture.commands.push_back(*std::move(output));
    }
  }
  return capture;
}

void RequireWhole(const Report& report) {
  Require(report.machine.kind != capacity::agent::Machine::Kind::kUnknown);
  Require(report.probes.size() >= 6);
  for (const auto& one : report.probes) {
    Require(one.outcome != capacity::agent::ProbeResult::Outcome::kUnknown);
    if (one.outcome == capacity::agent::ProbeResult::Outcome::kFailed)
      Require(!one.unknowns.empty());
  }
  for (const auto& port : report.ports) {
    if (port.negotiated_bits_per_second) Require(std::isfinite(*port.negotiated_bits_per_second));
    if (port.state == capacity::agent::Port::State::kDown) {
      Require(!port.negotiated_bits_per_second.has_value());
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const host::Capture capture =
      CaptureOf(std::string_view(reinterpret_cast<const char*>(data), size));
  const Report report = probe::TakeReport(*host::Replay(capture), {});
  RequireWhole(report);
  static const host::Redactor* const kRedactor = new host::Redactor("salt", {});
  const Report redacted = probe::TakeReport(*host::Replay(host::Redact(capture, *kRedactor)), {});
  RequireWhole(redacted);
  capacity::doctor::Diagnose({{"a", report}, {"b", redacted}});
  return 0;
}
