#include "node-agent/probe/cgroup.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include "absl/strings/str_cat.h"
#include "node-agent/probe/finding.h"
#include "node-agent/probe/text.h"

namespace capacity::probe {
namespace {

using host::Host;

constexpr int kDeepestGroup = 32;
// Of version 1 "no limit" is the largest number of whole pages; no machine has this much.
constexpr std::uint64_t kNoLimitBytes = std::uint64_t{1} << 60;

// Where each version keeps what (Linux, Documentation/admin-guide: cgroup-v2.rst and
// cgroup-v1/memory.rst).
struct Version {
  std::string_view root;
  std::string_view limit;
  std::string_view usage;
  std::string_view inactive_files;  // of memory.stat: the first that the kernel drops
};
constexpr Version kVersion2 = {"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"};
constexpr Version kVersion1 = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
                               "memory.usage_in_bytes", "total_inactive_file"};

// "inactive_file 4096": a line of memory.stat.
std::uint64_t StatOf(Host& host, const std::string& group, std::string_view key) {
  const std::string text = host.Read(group + "/memory.stat").value_or("");
  for (const std::string_view line : Lines(text)) {
    const std::vector<std::string_view> words = Words(line);
    if (words.size() == 2 && words[0] == key) return ParseWhole(words[1]).value_or(0);
  }
  return 0;
}

std::optional<MemoryLimit> LimitOf(Host& host, const Version& version, const std::string& group) {
  MemoryLimit limit;
  limit.file = absl::StrCat(group, "/", std::string(version.limit));
  const auto bytes = ParseWhole(ReadLine(host, limit.file));  // "max": none
  if (!bytes || *bytes >= kNoLimitBytes) return std::nullopt;
  limit.bytes = *bytes;
  limit.left = *bytes;
  const auto usage =
      ParseWhole(ReadLine(host, absl::StrCat(group, "/", std::string(version.usage))));
  if (!usage) return limit;
  const std::uint64_t held = *usage - std::min(*usage, StatOf(host, group, version.inactive_files));
  limit.left = *bytes - std::min(*bytes, held);
  return limit;
}

// The group of this process in each version: lines "0::/a/b" and "4:memory:/a/b".
std::string GroupOf(const std::string& groups, const Version& version) {
  for (const std::string_view line : Lines(groups)) {
    const std::vector<std::string_view> parts = Split(line, ':');
    if (parts.size() < 3) continue;
    const std::vector<std::string_view> controllers = Split(parts[1], ',');
    const bool memory =
        std::find(controllers.begin(), controllers.end(), "memory") != controllers.end();
    const bool second = parts[0] == "0" && Trim(parts[1]).empty();
    const std::size_t path = line.find(":/");
    if (path == std::string_view::npos || !(version.root == kVersion2.root ? second : memory)) {
      continue;
    }
    return Clean(line.substr(path + 1), 4096);
  }
  return "";
}

// "/a/b", "/a", "": the group and those that it is in, down to the root.
std::vector<std::string> Upwards(std::string group) {
  std::vector<std::string> groups;
  const bool outside = group.find("..") != std::string::npos;
  while (!outside && !group.empty() && groups.size() < kDeepestGroup) {
    if (group != "/") groups.push_back(group);
    group.resize(group.rfind('/'));
  }
  const std::string_view service = ".service";
  if (!groups.empty() && groups[0].size() > service.size() &&
      groups[0].compare(groups[0].size() - service.size(), service.size(), service) == 0) {
    groups.erase(groups.begin());
  }
  groups.emplace_back();
  return groups;
}

}  // namespace

std::optional<MemoryLimit> TightestMemoryLimit(Host& host) {
  const std::string groups = host.Read("/proc/self/cgroup").value_or("");
  std::optional<MemoryLimit> tightest;
  for (const Version& version : {kVersion2, kVersion1}) {
    for (const std::string& group : Upwards(GroupOf(groups, version))) {
      const auto limit = LimitOf(host, version, absl::StrCat(std::string(version.root), group));
      if (limit && (!tightest || limit->left < tightest->left)) tightest = limit;
    }
  }
  return tightest;
}

}  // namespace capacity::probe
