// The house's rules, read from the sources: includes only go down, and each outside library is
// known to the folders that may know it.
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace capacity {
namespace {

namespace fs = std::filesystem;

const fs::path kPlanner = fs::path(CAPACITY_SOURCE_DIR) / "planner";

std::string ReadAll(const fs::path& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

std::vector<std::string> IncludesOf(const fs::path& file) {
  static const std::regex kInclude("#include [\"<]([^\">]+)[\">]");
  const std::string text = ReadAll(file);
  std::vector<std::string> includes;
  for (std::sregex_iterator it(text.begin(), text.end(), kInclude), end; it != end; ++it) {
    includes.push_back((*it)[1]);
  }
  return includes;
}

struct SourceFile {
  std::string folder;  // "fit"; "plan" for planner/plan.*
  fs::path path;
};

std::vector<SourceFile> Sources() {
  std::vector<SourceFile> sources;
  for (const auto& entry : fs::recursive_directory_iterator(kPlanner)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".h" && extension != ".cc") continue;
    const fs::path relative = fs::relative(entry.path(), kPlanner);
    sources.push_back(
        {relative.has_parent_path() ? relative.begin()->string() : "plan", entry.path()});
  }
  return sources;
}

// Folder an include leads to: "planner/fit/fit.h" -> "fit", "planner/plan.h" -> "plan", else "".
std::string TargetFolder(const std::string& include) {
  static const std::regex kInside("planner/(?:([a-z_]+)/)?[a-z0-9_]+\\.h");
  std::smatch match;
  if (!std::regex_match(include, match, kInside)) return "";
  return match[1].matched ? match[1].str() : "plan";
}

// Lower layers first. A folder may include only folders of lower layers (and itself).
const std::map<std::string, int> kLayer = {
    {"base", 0},       {"catalog", 1},   {"fleet", 2},     {"modelfile", 2}, {"fit", 3},
    {"throughput", 3}, {"economics", 3}, {"placement", 4}, {"launch", 5},    {"operate", 6},
    {"validation", 4}, {"purchase", 5},  {"prices", 5},    {"usage", 6},     {"inventory", 6},
    {"plan", 6},       {"report", 7},    {"wire", 7},      {"pki", 1},       {"http", 1},
    {"discovery", 1},  {"store", 2},     {"answer", 8},    {"service", 9},   {"cli", 10}};

TEST(Architecture, EveryFolderHasALayer) {
  for (const SourceFile& source : Sources()) {
    EXPECT_TRUE(kLayer.count(source.folder)) << source.path << ": folder without a layer";
  }
}

TEST(Architecture, IncludesOnlyGoDown) {
  for (const SourceFile& source : Sources()) {
    for (const std::string& include : IncludesOf(source.path)) {
      const std::string target = TargetFolder(include);
      if (target.empty() || target == source.folder) continue;
      ASSERT_TRUE(kLayer.count(target)) << source.path << " includes " << include;
      EXPECT_LT(kLayer.at(target), kLayer.at(source.folder))
          << source.path << " includes " << include << ": an arrow that goes up";
    }
  }
}

TEST(Architecture, InventoryReadsFactsAndKnowsNoAnswers) {
  const std::set<std::string> kMayKnow = {"base",       "catalog",   "fleet",
                                          "throughput", "economics", "inventory"};
  for (const SourceFile& source : Sources()) {
    if (source.folder != "inventory") continue;
    for (const std::string& include : IncludesOf(source.path)) {
      const std::string target = TargetFolder(include);
      EXPECT_TRUE(target.empty() || kMayKnow.count(target) > 0)
          << source.path << " includes " << include;
    }
  }
}

TEST(Architecture, PricesAreReadWithoutAnswers) {
  const std::set<std::string> kMayKnow = {"base", "catalog", "http", "prices"};
  for (const SourceFile& source : Sources()) {
    if (source.folder != "prices") continue;
    for (const std::string& include : IncludesOf(source.path)) {
      const std::string target = TargetFolder(include);
      EXPECT_TRUE(target.empty() || kMayKnow.count(target) > 0)
          << source.path << " includes " << include;
    }
  }
}

TEST(Architecture, LinkLinesSayWhatIsIncluded) {
  for (const auto& [folder, layer] : kLayer) {
    if (folder == "plan" || folder == "cli" || !fs::exists(kPlanner / folder)) continue;
    const std::string cmake = ReadAll(kPlanner / folder / "CMakeLists.txt");
    for (const SourceFile& source : Sources()) {
      if (source.folder != folder) continue;
      for (const std::string& include : IncludesOf(source.path)) {
        const std::string target = TargetFolder(include);
        if (target.empty() || target == folder || folder == "report") continue;
        EXPECT_NE(cmake.find("capacity_" + target), std::string::npos)
            << source.path << " includes " << include << " but " << folder
            << "/CMakeLists.txt does not name capacity_" << target;
      }
    }
  }
}

// header prefix -> folders that may include it
const std::map<std::string, std::set<std::string>> kKeepers = {
    {"yaml-cpp/", {"inventory"}},
    {"nlohmann/", {"report", "prices", "modelfile", "launch"}},
    {"curl/", {"http"}},
    {"CLI/", {"cli"}},
    {"ceres/", {"throughput", "validation"}},
    {"Eigen/", {"throughput", "validation"}},
    {"coin/", {"purchase"}},
    {"Highs", {"purchase"}},
    {"capacity/v1/", {"wire", "service", "cli"}},
    {"google/protobuf/", {"wire", "service", "cli"}},
    {"grpcpp/", {"service", "cli"}},
    {"prometheus/", {"service"}},
    {"sqlite3.h", {"store"}},
    {"openssl/", {"pki"}},
    {"dns_sd.h", {"discovery"}},
};

TEST(Architecture, OutsideLibrariesStayWhereTheyAreKnown) {
  for (const SourceFile& source : Sources()) {
    for (const std::string& include : IncludesOf(source.path)) {
      for (const auto& [prefix, keepers] : kKeepers) {
        if (include.rfind(prefix, 0) != 0) continue;
        EXPECT_TRUE(keepers.count(source.folder)) << source.path << " includes " << include;
      }
    }
  }
}

TEST(Architecture, DomainHeadersKnowNoHeavyLibrary) {
  const std::set<std::string> kEdges = {"cli", "wire", "service"};
  for (const SourceFile& source : Sources()) {
    if (source.path.extension() != ".h" || kEdges.count(source.folder) > 0) continue;
    for (const std::string& include : IncludesOf(source.path)) {
      if (include == "nlohmann/json_fwd.hpp") continue;  // names only
      for (const auto& [prefix, keepers] : kKeepers) {
        EXPECT_NE(include.rfind(prefix, 0), 0u)
            << source.path << " is a header and includes " << include;
      }
    }
  }
}

// ---------------------------------------------------------------- node-agent

const fs::path kAgent = fs::path(CAPACITY_SOURCE_DIR) / "node-agent";

// Folder below node-agent/, "" for the files beside them (report.h, main.cc).
std::vector<SourceFile> AgentSources() {
  std::vector<SourceFile> sources;
  for (const auto& entry : fs::recursive_directory_iterator(kAgent)) {
    const std::string extension = entry.path().extension().string();
    if (extension != ".h" && extension != ".cc") continue;
    const fs::path relative = fs::relative(entry.path(), kAgent);
    sources.push_back({relative.has_parent_path() ? relative.begin()->string() : "", entry.path()});
  }
  return sources;
}

// host <- probe <- {doctor, bench, engine, reporter} <- cli; report.h below all but host; link
// alone.
const std::map<std::string, std::set<std::string>> kAgentMayInclude = {
    {"host", {"host"}},
    {"probe", {"", "host", "probe"}},
    {"doctor", {"", "doctor"}},
    {"bench", {"", "host", "probe", "bench"}},
    {"engine", {"", "host", "probe", "engine"}},
    {"link", {"link"}},
    {"reporter", {"", "host", "probe", "bench", "link", "reporter"}},
    {"cli", {"", "host", "probe", "doctor", "bench", "engine", "reporter", "cli"}},
    {"", {"", "cli", "host"}},
};

TEST(Architecture, AgentIncludesOnlyGoDown) {
  static const std::regex kInside("node-agent/(?:([a-z_]+)/)?[a-z0-9_]+\\.h");
  for (const SourceFile& source : AgentSources()) {
    ASSERT_TRUE(kAgentMayInclude.count(source.folder)) << source.path << ": folder without a rule";
    for (const std::string& include : IncludesOf(source.path)) {
      std::smatch match;
      if (!std::regex_match(include, match, kInside)) continue;
      EXPECT_TRUE(kAgentMayInclude.at(source.folder).count(match[1]))
          << source.path << " includes " << include << ": an arrow that goes up";
    }
  }
}

// Of the planner the agent knows the basics; its command line also the catalogue, to name what it
// sees (docs/adr/0005-agent-and-catalogue.md); who speaks to a planner, its certificates.
TEST(Architecture, AgentKnowsLittleOfThePlanner) {
  const std::map<std::string, std::set<std::string>> kMayKnow = {
      {"cli", {"base", "catalog", "discovery", "inventory", "pki"}}, {"reporter", {"base", "pki"}}};
  for (const SourceFile& source : AgentSources()) {
    for (const std::string& include : IncludesOf(source.path)) {
      const std::string target = TargetFolder(include);
      if (target.empty() || target == "base") continue;
      const auto known = kMayKnow.find(source.folder);
      EXPECT_TRUE(known != kMayKnow.end() && known->second.count(target))
          << source.path << " includes " << include;
    }
  }
}

const std::map<std::string, std::set<std::string>> kAgentKeepers = {
    {"nlohmann/", {"probe", "engine", "cli"}},
    {"curl/", {"engine"}},
    {"CLI/", {"cli", ""}},
    {"openssl/", {"host", "reporter"}},
    {"google/", {"reporter"}},
    {"grpc", {"reporter"}},
    {"capacity/v1/", {"reporter"}},
    {"yaml-cpp/", {}},
    {"proto/", {"reporter"}},
};

TEST(Architecture, AgentLibrariesStayWhereTheyAreKnown) {
  for (const SourceFile& source : AgentSources()) {
    for (const std::string& include : IncludesOf(source.path)) {
      for (const auto& [prefix, keepers] : kAgentKeepers) {
        if (include.rfind(prefix, 0) != 0) continue;
        EXPECT_TRUE(keepers.count(source.folder)) << source.path << " includes " << include;
      }
    }
  }
}

}  // namespace
}  // namespace capacity
