#include "planner/base/diagnostics.h"

#include "absl/strings/str_cat.h"

namespace capacity {

std::string ToString(const Diagnostic& diagnostic) {
  std::string out = diagnostic.file;
  if (diagnostic.line > 0) {
    absl::StrAppend(&out, ":", diagnostic.line, ":", diagnostic.column);
  }
  absl::StrAppend(&out, ": ", diagnostic.problem);
  if (!diagnostic.remedy.empty()) absl::StrAppend(&out, "; ", diagnostic.remedy);
  return out;
}

}  // namespace capacity
