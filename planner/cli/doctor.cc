#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <filesystem>
#include <memory>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "planner/cli/commands.h"
#include "planner/cli/remote.h"
#include "planner/cli/state.h"
#include "planner/pki/certificate.h"
#include "planner/pki/files.h"
#include "planner/report/service.h"
#include "planner/service/state_directory.h"
#include "planner/store/maintenance.h"
#include "planner/store/store.h"

namespace capacity::cli {
namespace {

using report::Finding;
using Grade = Finding::Grade;

struct DoctorArguments {
  std::string state;
  RemoteArguments remote;
};

Finding LookAtDirectory(const std::string& state) {
  struct stat info{};
  if (stat(state.c_str(), &info) != 0) {
    return {Grade::kBad, "directory", absl::StrCat(state, " does not exist"),
            "`planner init` or `planner serve` makes it"};
  }
  if ((info.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return {Grade::kBad, "directory", absl::StrCat("others can look into ", state),
            absl::StrCat("chmod 700 ", state)};
  }
  if (info.st_uid != geteuid()) {
    return {Grade::kCaution, "directory", absl::StrCat(state, " belongs to another user"),
            "run the planner, and this, as its owner"};
  }
  return {Grade::kGood, "directory", absl::StrCat(state, " is ours alone"), ""};
}

Finding LookAtSpace(const std::string& state) {
  std::error_code error;
  const auto space = std::filesystem::space(state, error);
  if (error) return {Grade::kCaution, "disk", "its free space is unknown", ""};
  constexpr std::uintmax_t kLittle = std::uintmax_t{256} << 20;
  const std::string free = absl::StrCat(space.available >> 20, " MiB are free");
  if (space.available < kLittle) {
    return {Grade::kBad, "disk", free, "make room: without it reports are refused"};
  }
  return {Grade::kGood, "disk", free, ""};
}

Finding LookAtStore(const std::string& state) {
  const auto found = store::Check(state);
  if (absl::IsNotFound(found.status())) {
    return {Grade::kCaution, "store", "there is none yet", "`planner serve` makes it"};
  }
  if (!found.ok()) return {Grade::kBad, "store", std::string(found.status().message()), ""};
  if (!found->findings.empty()) {
    return {Grade::kBad, "store", found->findings.front(), "restore a backup (docs/service.md)"};
  }
  return {Grade::kGood, "store",
          absl::StrCat(Counted(found->nodes, "node"), ", ", Counted(found->reports, "report"),
                       ", sound"),
          ""};
}

Finding LookAtCertificate(const std::string& state, const std::string& name,
                          std::int64_t now_unix_ms) {
  const std::string about = absl::StrCat("certificate ", name);
  const auto pem = pki::ReadFile(service::PkiPath(state, name + ".pem"));
  if (!pem.ok()) {
    return {Grade::kCaution, about, "there is none: only this machine can be served",
            "`planner init` makes it"};
  }
  const auto key = pki::ReadSecretFile(service::PkiPath(state, name + ".key"));
  if (!key.ok()) return {Grade::kBad, about, std::string(key.status().message()), ""};
  const auto identity = pki::ParseCertificate(*pem);
  if (!identity.ok()) return {Grade::kBad, about, std::string(identity.status().message()), ""};
  const absl::Status fits = pki::CheckKeyMatches({*pem, *key});
  if (!fits.ok()) return {Grade::kBad, about, std::string(fits.message()), ""};
  const std::int64_t days = (identity->not_after_unix_ms - now_unix_ms) / pki::kDayMs;
  constexpr std::int64_t kSoonDays = 30;
  if (days < 0) {
    return {Grade::kBad, about, "has expired", "run `planner init`, then restart `planner serve`"};
  }
  if (now_unix_ms < identity->not_before_unix_ms) {
    return {Grade::kBad, about, "is not valid yet", "set this machine's clock"};
  }
  return {days < kSoonDays ? Grade::kCaution : Grade::kGood, about,
          absl::StrCat("is good for ", days, " days"), ""};
}

// A clock before this program was written is wrong.
Finding LookAtClock(std::int64_t now_unix_ms) {
  constexpr std::int64_t kWrittenUnixMs = 1'763'769'600'000;  // 2025-11-22
  if (now_unix_ms < kWrittenUnixMs) {
    return {Grade::kBad, "clock", "it is years behind", "set it: certificates depend on it"};
  }
  const std::time_t seconds = static_cast<std::time_t>(now_unix_ms / 1000);
  char text[32] = "";
  std::tm utc{};
  std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S UTC", gmtime_r(&seconds, &utc));
  return {Grade::kGood, "clock", text, ""};
}

Finding LookAtPort(const RemoteArguments& remote) {
  const auto channel = ConnectOrPrint(remote);
  const std::string about = absl::StrCat("port ", remote.planner);
  if (channel == nullptr) return {Grade::kBad, about, "cannot be asked", ""};
  grpc::ClientContext context;
  constexpr int kPatienceSeconds = 5;
  SetDeadline(context, kPatienceSeconds);
  v1::ListNodesResponse response;
  const grpc::Status status =
      v1::Planner::NewStub(channel)->ListNodes(&context, v1::ListNodesRequest(), &response);
  if (status.ok()) return {Grade::kGood, about, "a planner answers", ""};
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
    if (absl::StrContains(status.error_message(), "refused")) {
      return {Grade::kCaution, about, "nobody listens there", "start it: planner serve"};
    }
    return {Grade::kCaution, about, absl::StrCat("does not answer us: ", status.error_message()),
            "a planner with --require-tls wants --credentials DIR (its state directory will do)"};
  }
  return {Grade::kCaution, about, status.error_message(), ""};
}

int RunDoctor(const Common& common, const DoctorArguments& arguments) {
  const std::int64_t now = store::SystemClock();
  std::vector<Finding> findings = {LookAtDirectory(arguments.state)};
  if (findings[0].grade != Grade::kBad || std::filesystem::exists(arguments.state)) {
    findings.push_back(LookAtSpace(arguments.state));
    findings.push_back(LookAtStore(arguments.state));
    for (const char* name : {"server", "admin"}) {
      findings.push_back(LookAtCertificate(arguments.state, name, now));
    }
  }
  findings.push_back(LookAtClock(now));
  RemoteArguments remote = arguments.remote;
  if (remote.planner.empty()) remote.planner = "127.0.0.1:7443";
  findings.push_back(LookAtPort(remote));
  bool bad = false;
  for (const Finding& finding : findings) bad = bad || finding.grade == Grade::kBad;
  const int printed = Print(common.json() ? report::DoctorJson(findings)
                                          : report::DoctorText(findings, common.style));
  return printed == kOk && bad ? kWorldFailed : printed;
}

}  // namespace

void AddDoctor(CLI::App& app, Common& common, Action& action) {
  auto arguments = std::make_shared<DoctorArguments>();
  CLI::App* command =
      app.add_subcommand("doctor", "What is wrong with the planner on this machine, in words");
  command->footer("Example:\n  planner doctor --state /var/lib/capacity-planner");
  AddStateOption(*command, arguments->state);
  AddRemoteOptions(*command, arguments->remote);
  AddCatalogOptions(*command, common);
  command->callback([arguments, &common, &action] {
    action = [arguments, &common] { return RunDoctor(common, *arguments); };
  });
}

}  // namespace capacity::cli
