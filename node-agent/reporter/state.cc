#include "node-agent/reporter/state.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "planner/pki/certificate.h"
#include "planner/pki/files.h"

namespace capacity::reporter {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kHeading =
    "# Who this node is to its planner. Written by node-agent; remove it to enrol anew.\n";
constexpr std::string_view kNodeId = "node-id: ";
constexpr std::string_view kPlannerId = "planner-id: ";
constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";

absl::Status Failed(const std::string& path, std::string_view what) {
  return absl::UnavailableError(absl::StrCat(path, " cannot be ", std::string(what), ": ",
                                             std::generic_category().message(errno)));
}

// What follows `key` on its line; "" when there is no such line.
std::string LineOf(std::string_view text, std::string_view key) {
  std::size_t at = text.find(absl::StrCat("\n", std::string(key)));
  if (at == std::string_view::npos) return "";
  at += 1 + key.size();
  return std::string(text.substr(at, text.find('\n', at) - at));
}

absl::Status MakeDirectory(const std::string& directory) {
  std::error_code error;
  if (fs::is_directory(directory, error)) return absl::OkStatus();
  fs::create_directories(fs::path(directory).parent_path(), error);
  if (mkdir(directory.c_str(), 0700) != 0 && errno != EEXIST) return Failed(directory, "made");
  return absl::OkStatus();
}

}  // namespace

std::string Format(const Membership& membership) {
  return absl::StrCat(std::string(kHeading), std::string(kNodeId), membership.node_id, "\n",
                      std::string(kPlannerId), membership.planner_id, "\n",
                      membership.certificate_pem, membership.authority_pem);
}

absl::StatusOr<Membership> ParseMembership(std::string_view text) {
  Membership membership;
  const std::size_t first = text.find(kBegin);
  membership.node_id = LineOf(text.substr(0, first), kNodeId);
  membership.planner_id = LineOf(text.substr(0, first), kPlannerId);
  if (membership.node_id.empty()) return absl::InvalidArgumentError("there is no node id");
  if (first == std::string_view::npos) return membership;
  const std::size_t end = text.find(kEnd, first);
  const std::size_t second = text.find(kBegin, end == std::string_view::npos ? first + 1 : end);
  if (second == std::string_view::npos) {
    return absl::InvalidArgumentError("there is a certificate but no authority");
  }
  membership.certificate_pem = text.substr(first, second - first);
  membership.authority_pem = text.substr(second);
  return membership;
}

absl::Status CheckIssued(const Membership& membership, const std::string& key) {
  const auto identity = pki::ParseCertificate(membership.certificate_pem);
  if (!identity.ok()) return absl::InternalError(std::string(identity.status().message()));
  if (identity->role != pki::Role::kNode || identity->id != membership.node_id) {
    return absl::InternalError("the planner issued a certificate for somebody else");
  }
  return pki::CheckKeyMatches({membership.certificate_pem, key});
}

State::State(std::string directory, int lock) : directory_(std::move(directory)), lock_(lock) {}

State::~State() { close(lock_); }

absl::StatusOr<std::unique_ptr<State>> State::Open(std::string directory) {
  if (absl::Status made = MakeDirectory(directory); !made.ok()) return made;
  const std::string path = (fs::path(directory) / "agent.lock").string();
  const int lock = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0) return Failed(path, "opened");
  if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
    const bool taken = errno == EWOULDBLOCK;
    const absl::Status failed = Failed(path, "locked");
    close(lock);
    if (!taken) return failed;
    return absl::FailedPreconditionError(absl::StrCat("another node-agent runs from ", directory,
                                                      ": stop it, or give another --state-dir"));
  }
  return std::unique_ptr<State>(new State(std::move(directory), lock));
}

absl::StatusOr<std::string> State::KeptKey() const {
  return pki::ReadSecretFile(PathOf("node.key"));
}

absl::StatusOr<std::string> State::Key() const {
  auto kept = KeptKey();
  if (kept.ok() || !absl::IsNotFound(kept.status())) return kept;
  auto made = pki::CreateKey();
  if (!made.ok()) return made;
  if (absl::Status written = pki::WriteNewFile(PathOf("node.key"), *made); !written.ok())
    return written;
  return made;
}

absl::StatusOr<std::optional<Membership>> State::LoadMembership() const {
  const std::string path = PathOf("membership.pem");
  const auto text = pki::ReadFile(path);
  if (absl::IsNotFound(text.status())) return std::nullopt;
  if (!text.ok()) return text.status();
  auto membership = ParseMembership(*text);
  if (!membership.ok()) {
    return absl::InvalidArgumentError(absl::StrCat(path, ": ",
                                                   std::string(membership.status().message()),
                                                   "; remove the file and enrol anew"));
  }
  return *std::move(membership);
}

absl::Status State::SaveMembership(const Membership& membership) const {
  return pki::ReplaceFile(PathOf("membership.pem"), Format(membership));
}

absl::Status State::RemoveMembership() const {
  const std::string path = PathOf("membership.pem");
  if (unlink(path.c_str()) == 0 || errno == ENOENT) return absl::OkStatus();
  return Failed(path, "removed");
}

std::uint64_t State::NextBootId(std::int64_t now_unix_ms) const {
  const std::string path = PathOf("boot");
  std::uint64_t latest = 0;
  if (const auto text = pki::ReadFile(path); text.ok()) {
    std::from_chars(text->data(), text->data() + text->size(), latest);
  }
  const auto now = static_cast<std::uint64_t>(std::max<std::int64_t>(now_unix_ms, 1));
  const std::uint64_t next = std::max(latest + 1, now);
  pki::ReplaceFile(path, std::to_string(next)).IgnoreError();
  return next;
}

std::optional<Address> State::LoadPlanner() const {
  const auto text = pki::ReadFile(PathOf("planner"));
  if (!text.ok()) return std::nullopt;
  auto address = ParseAddress(std::string(absl::StripSuffix(*text, "\n")));
  if (!address.ok()) return std::nullopt;
  return *std::move(address);
}

absl::Status State::SavePlanner(const Address& address) const {
  return pki::ReplaceFile(PathOf("planner"), Format(address) + "\n");
}

std::string State::LoadName() const {
  const std::string text = pki::ReadFile(PathOf("name")).value_or("");
  return std::string(absl::StripSuffix(text, "\n"));
}

absl::Status State::SaveName(const std::string& name) const {
  return pki::ReplaceFile(PathOf("name"), name + "\n");
}

std::string State::LoadMeasured() const { return pki::ReadFile(PathOf("measured")).value_or(""); }

absl::Status State::SaveMeasured(std::string_view bytes) const {
  return pki::ReplaceFile(PathOf("measured"), bytes);
}

std::string State::SpoolDirectory() const { return PathOf("spool"); }

std::string State::PathOf(std::string_view name) const {
  return (fs::path(directory_) / name).string();
}

absl::Status State::CheckMembership(const Membership& membership) const {
  if (membership.certificate_pem.empty()) return absl::OkStatus();
  if (!pki::ParseCertificate(membership.certificate_pem).ok() ||
      !pki::AuthorityFingerprint(membership.authority_pem).ok()) {
    return absl::InvalidArgumentError(
        absl::StrCat(directory_,
                     "/membership.pem is damaged, a certificate in it cannot be read: remove it "
                     "and give a new join token; with the key beside it this stays the same node"));
  }
  const auto key = KeptKey();
  if (!key.ok() && !absl::IsNotFound(key.status())) return key.status();
  if (key.ok() && pki::CheckKeyMatches({membership.certificate_pem, *key}).ok()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      directory_,
      key.ok() ? "/node.key is not the key of the certificate beside it: put the right one back, "
                 "or remove both files"
               : "/node.key, the key of the certificate beside it, is missing: put it back, or "
                 "remove membership.pem",
      ", have the node forgotten (planner forget) and give a new join token"));
}

}  // namespace capacity::reporter
