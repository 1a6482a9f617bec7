#include "node-agent/reporter/said.h"

#include <utility>

namespace capacity::reporter {
namespace {

bool IsDigit(char c) { return c >= '0' && c <= '9'; }

}  // namespace

bool Said::IsFirst(std::string_view text) {
  std::string kind(text);
  std::erase_if(kind, IsDigit);
  if (kinds_.size() >= kMostKinds) return false;
  return kinds_.insert(std::move(kind)).second;
}

}  // namespace capacity::reporter
