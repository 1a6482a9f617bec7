#include "planner/wire/validate.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <cstdint>
#include <limits>

#include "absl/strings/str_cat.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"

namespace capacity::wire {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

constexpr std::size_t kMostViolations = 32;  // enough for a person to see what is going on
constexpr std::size_t kSecretBytes = 64;

// Texts that may be longer than others, by field name.
std::size_t LongestText(const FieldDescriptor& field) {
  const std::string name(field.name());
  if (name == "csr_pem") return kMaxPem;
  if (name == "text") return kMaxDocument;
  return kMaxText;
}

// Documents have lines; nothing else does.
bool MayHaveLines(const FieldDescriptor& field) {
  const std::string name(field.name());
  return name == "csr_pem" || name == "text";
}

bool HasControlCharacter(const std::string& text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

// Walks a message: every number finite and not negative, every text short, every list short. No
// quantity of this protocol is below zero, clocks included.
class Walk {
 public:
  explicit Walk(FieldViolations& found) : found_(found) {}

  void Visit(const Message& message, const std::string& path) {
    const Reflection& reflection = *message.GetReflection();
    std::vector<const FieldDescriptor*> fields;
    reflection.ListFields(message, &fields);
    for (const FieldDescriptor* field : fields) {
      const std::string name =
          absl::StrCat(path, path.empty() ? "" : ".", std::string(field->name()));
      if (!field->is_repeated()) {
        VisitValue(message, *field, -1, name);
        continue;
      }
      const int size = reflection.FieldSize(message, field);
      if (size > kMaxItems) {
        Add(name, absl::StrCat("has ", size, " items; at most ", kMaxItems, " are taken"));
        continue;
      }
      for (int i = 0; i < size; ++i) {
        VisitValue(message, *field, i, absl::StrCat(name, "[", i, "]"));
      }
    }
  }

  void Add(const std::string& field, std::string description) {
    if (found_.size() < kMostViolations) found_.push_back({field, std::move(description)});
  }

 private:
  // The value of `field`, or item `index` of it.
  void VisitValue(const Message& message, const FieldDescriptor& field, int index,
                  const std::string& name) {
    const Reflection& r = *message.GetReflection();
    switch (field.cpp_type()) {
      case FieldDescriptor::CPPTYPE_MESSAGE:
        Visit(index < 0 ? r.GetMessage(message, &field)
                        : r.GetRepeatedMessage(message, &field, index),
              name);
        return;
      case FieldDescriptor::CPPTYPE_DOUBLE:
        CheckNumber(name, index < 0 ? r.GetDouble(message, &field)
                                    : r.GetRepeatedDouble(message, &field, index));
        return;
      case FieldDescriptor::CPPTYPE_INT64:
        CheckNumber(name,
                    static_cast<double>(index < 0 ? r.GetInt64(message, &field)
                                                  : r.GetRepeatedInt64(message, &field, index)));
        return;
      case FieldDescriptor::CPPTYPE_STRING:
        CheckText(
            name, field,
            index < 0 ? r.GetString(message, &field) : r.GetRepeatedString(message, &field, index));
        return;
      default:
        return;
    }
  }

  void CheckNumber(const std::string& name, double number) {
    if (!std::isfinite(number)) Add(name, "is not a finite number; leave out what is not known");
    if (number < 0) Add(name, "is negative; leave out what is not known");
  }

  void CheckText(const std::string& name, const FieldDescriptor& field, const std::string& text) {
    if (field.type() == FieldDescriptor::TYPE_BYTES) {
      if (text.size() > kSecretBytes) Add(name, "is too long");
      return;
    }
    const std::size_t longest = LongestText(field);
    if (text.size() > longest) {
      Add(name, absl::StrCat("has ", text.size(), " bytes; at most ", longest, " are taken"));
    } else if (!MayHaveLines(field) && HasControlCharacter(text)) {
      Add(name, "holds control characters");
    }
  }

  FieldViolations& found_;
};

void RequireText(const char* field, const std::string& text, Walk& walk) {
  if (text.empty()) walk.Add(field, "is missing");
}

void CheckOrigin(bool present, const v1::Origin& origin, Walk& walk) {
  constexpr auto kMost = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (!present) {
    walk.Add("origin", "is missing");
    return;
  }
  RequireText("origin.node_id", origin.node_id(), walk);
  if (origin.boot_id() == 0 || origin.boot_id() > kMost) {
    walk.Add("origin.boot_id", "counts starts of the agent, from 1 to 2^63 - 1");
  }
  if (origin.sequence() == 0 || origin.sequence() > kMost) {
    walk.Add("origin.sequence", "counts messages, from 1 to 2^63 - 1");
  }
}

void CheckFleet(const v1::FleetQuestion& fleet, Walk& walk) {
  constexpr int kMostDocuments = 16;
  constexpr std::uint32_t kNarrowest = 60;
  constexpr std::uint32_t kWidest = 100;
  if (fleet.what_if_size() > kMostDocuments) {
    walk.Add("fleet.what_if", absl::StrCat("has more than ", kMostDocuments, " documents"));
  }
  for (int i = 0; i < fleet.what_if_size(); ++i) {
    if (fleet.what_if(i).name().empty()) {
      walk.Add(absl::StrCat("fleet.what_if[", i, "].name"),
               "is missing; problems are reported by it");
    }
  }
  const std::uint32_t columns = fleet.text_columns();
  if (columns != 0 && (columns < kNarrowest || columns > kWidest)) {
    walk.Add("fleet.text_columns", "is between 60 and 100, or 0 for no text");
  }
}

void CheckLoad(const v1::Load& load, Walk& walk) {
  constexpr std::uint32_t kMostTokens = 100'000'000;  // as the command line
  constexpr std::uint32_t kMostStreams = 4096;
  if (load.context_tokens() > kMostTokens) {
    walk.Add("load.context_tokens", "is between 0 and 100 million");
  }
  if (load.has_prompt_tokens() &&
      (load.prompt_tokens() == 0 || load.prompt_tokens() > kMostTokens)) {
    walk.Add("load.prompt_tokens", "is between 1 and 100 million");
  }
  if (load.has_streams() && (load.streams() == 0 || load.streams() > kMostStreams)) {
    walk.Add("load.streams", "is between 1 and 4096");
  }
}

void CheckRate(const v1::Rate& rate, const std::string& path, Walk& walk) {
  constexpr double kFastest = 1e7;  // tokens/s; what an inventory may state
  const double median = rate.median_tokens_per_second();
  if (!(median > 0 && median <= kFastest)) {
    walk.Add(absl::StrCat(path, ".median_tokens_per_second"), "is above zero and at most 1e7");
  }
}

void CheckSpeed(const v1::SpeedMeasurement& speed, const std::string& path, Walk& walk) {
  constexpr std::size_t kIdDigits = 32;
  const bool hex = std::all_of(speed.id().begin(), speed.id().end(),
                               [](unsigned char c) { return std::isxdigit(c) != 0; });
  if (speed.id().size() != kIdDigits || !hex) {
    walk.Add(absl::StrCat(path, ".id"), "is 32 hex digits");
  }
  if (speed.engine().empty()) walk.Add(absl::StrCat(path, ".engine"), "is missing");
  if (speed.model_name().empty() && speed.model().empty()) {
    walk.Add(absl::StrCat(path, ".model_name"), "is missing, and so is model");
  }
  if (!speed.has_prefill() && !speed.has_decode()) {
    walk.Add(absl::StrCat(path, ".decode"), "is missing, and so is prefill");
  }
  if (speed.has_prefill()) CheckRate(speed.prefill(), absl::StrCat(path, ".prefill"), walk);
  if (speed.has_decode()) CheckRate(speed.decode(), absl::StrCat(path, ".decode"), walk);
}

// The generic walk, then what `specific` knows.
template <class Request, class Specific>
FieldViolations Check(const Request& request, Specific specific) {
  FieldViolations found;
  Walk walk(found);
  walk.Visit(request, "");
  specific(walk);
  return found;
}

}  // namespace

FieldViolations Violations(const v1::EnrolRequest& request) {
  return Check(request, [&](Walk& walk) { RequireText("node_name", request.node_name(), walk); });
}

FieldViolations Violations(const v1::RenewRequest& request) {
  return Check(request, [&](Walk& walk) { RequireText("csr_pem", request.csr_pem(), walk); });
}

FieldViolations Violations(const v1::SendReportRequest& request) {
  return Check(request, [&](Walk& walk) {
    CheckOrigin(request.has_origin(), request.origin(), walk);
    if (!request.has_report()) walk.Add("report", "is missing");
  });
}

FieldViolations Violations(const v1::HeartbeatRequest& request) {
  return Check(request,
               [&](Walk& walk) { CheckOrigin(request.has_origin(), request.origin(), walk); });
}

FieldViolations Violations(const v1::SendMeasurementsRequest& request) {
  return Check(request, [&](Walk& walk) {
    CheckOrigin(request.has_origin(), request.origin(), walk);
    if (request.links().empty() && request.speeds().empty()) {
      walk.Add("links", "is empty, and so is speeds");
    }
    for (int i = 0; i < request.speeds_size(); ++i) {
      CheckSpeed(request.speeds(i), absl::StrCat("speeds[", i, "]"), walk);
    }
    for (int i = 0; i < request.links_size(); ++i) {
      if (!request.links(i).peer_node_id().empty()) continue;
      walk.Add(absl::StrCat("links[", i, "].peer_node_id"), "is missing");
    }
  });
}

FieldViolations Violations(const v1::PollTaskRequest& request) {
  return Check(request, [&](Walk& walk) { RequireText("node_id", request.node_id(), walk); });
}

FieldViolations Violations(const v1::UpdateTaskRequest& request) {
  return Check(request, [&](Walk& walk) {
    RequireText("node_id", request.node_id(), walk);
    RequireText("task_id", request.task_id(), walk);
    if (request.state() == v1::TASK_STATE_UNSPECIFIED || !v1::TaskState_IsValid(request.state())) {
      walk.Add("state", "is missing");
    }
    constexpr std::uint32_t kMostPort = 65535;
    const bool listening = request.state() == v1::TASK_STATE_LISTENING;
    if (listening && (request.port() == 0 || request.port() > kMostPort)) {
      walk.Add("port", "is between 1 and 65535");
    }
  });
}

FieldViolations Violations(const v1::PlanRequest& request) {
  return Check(request, [&](Walk& walk) {
    constexpr double kMostDollars = 1e12;
    constexpr std::uint32_t kMostRungs = 1000;
    CheckFleet(request.fleet(), walk);
    if (request.budget_usd() > kMostDollars) walk.Add("budget_usd", "is more than 1e12");
    if (request.has_min_nominal_bits() &&
        (request.min_nominal_bits() < 1 || request.min_nominal_bits() > 16)) {
      walk.Add("min_nominal_bits", "is between 1 and 16");
    }
    if (request.explain_rung() > kMostRungs) walk.Add("explain_rung", "is at most 1000");
    for (int i = 0; i < request.threshold_months_size(); ++i) {
      if (request.threshold_months(i) > 0) continue;
      walk.Add(absl::StrCat("threshold_months[", i, "]"), "is above zero");
    }
  });
}

FieldViolations Violations(const v1::FitRequest& request) {
  return Check(request, [&](Walk& walk) {
    constexpr std::uint32_t kMostRows = 1000;
    CheckFleet(request.fleet(), walk);
    CheckLoad(request.load(), walk);
    if (request.top() > kMostRows) walk.Add("top", "is between 1 and 1000");
  });
}

FieldViolations Violations(const v1::PredictRequest& request) {
  return Check(request, [&](Walk& walk) {
    CheckFleet(request.fleet(), walk);
    CheckLoad(request.load(), walk);
    RequireText("model", request.model(), walk);
    RequireText("quant", request.quant(), walk);
    if (request.nodes().empty()) walk.Add("nodes", "is empty");
  });
}

FieldViolations Violations(const v1::ListNodesRequest& request) {
  constexpr std::uint32_t kMostPage = 1000;
  return Check(request, [&](Walk& walk) {
    if (request.page_size() > kMostPage) walk.Add("page_size", "is at most 1000");
  });
}

FieldViolations Violations(const v1::GetNodeRequest& request) {
  return Check(request, [&](Walk& walk) { RequireText("node", request.node(), walk); });
}

FieldViolations Violations(const v1::ExportInventoryRequest& /*request*/) { return {}; }

FieldViolations Violations(const v1::ForgetRequest& request) {
  return Check(request, [&](Walk& walk) { RequireText("node", request.node(), walk); });
}

FieldViolations Violations(const v1::RenameRequest& request) {
  return Check(request, [&](Walk& walk) {
    RequireText("node", request.node(), walk);
    RequireText("new_name", request.new_name(), walk);
  });
}

}  // namespace capacity::wire
