#include <iostream>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "planner/base/parse.h"
#include "planner/cli/commands.h"
#include "planner/cli/state.h"
#include "planner/pki/files.h"
#include "planner/pki/token.h"
#include "planner/report/service.h"
#include "planner/service/state_directory.h"

namespace capacity::cli {
namespace {

struct TokenArguments {
  std::string state;
  std::string ttl = "15m";
  std::string node;
};

struct CredentialArguments {
  std::string state;
  std::string role = "reader";
  std::string name;
  std::string out;
  int days = 365;
};

// "15m", "24h", "90s".
absl::StatusOr<std::int64_t> ParseTtlMs(const std::string& text) {
  absl::Duration duration;
  if (!absl::ParseDuration(text, &duration) || duration < absl::Seconds(1) ||
      duration > absl::Hours(24 * 7)) {
    return absl::InvalidArgumentError(
        absl::StrCat("\"", text, "\" is not a time between 1s and 168h; write for example 15m"));
  }
  return absl::ToInt64Milliseconds(duration);
}

int RunTokenCreate(const TokenArguments& arguments) {
  const auto ttl = ParseTtlMs(arguments.ttl);
  if (!ttl.ok()) return BadArgument("--ttl", std::string(ttl.status().message()));
  if (!arguments.node.empty()) {
    const absl::Status valid = store::ValidateNodeName(arguments.node);
    if (!valid.ok()) return BadArgument("--node", std::string(valid.message()));
  }
  const auto ca = pki::ReadFile(service::PkiPath(arguments.state, "ca.pem"));
  if (!ca.ok()) {
    std::cerr << "planner: token create: " << arguments.state
              << " has no authority; run `planner init` first\n";
    return kBadInput;
  }
  const auto fingerprint = pki::AuthorityFingerprint(*ca);
  if (!fingerprint.ok()) return PrintFailure("token create", fingerprint.status());
  const auto token = pki::CreateJoinToken(*fingerprint);
  if (!token.ok()) return PrintFailure("token create", token.status());
  store::Options options;
  options.directory = arguments.state;
  const auto store = store::Store::OpenBeside(std::move(options));
  if (!store.ok()) return PrintFailure("token create", store.status());
  store::TokenRecord record;
  record.hash = pki::HashForStore(*token);
  record.node_name = arguments.node;
  record.expires_at_unix_ms = store::SystemClock() + *ttl;
  if (absl::Status s = (*store)->AddToken(record); !s.ok()) return PrintFailure("token create", s);
  // The token alone on stdout, for `TOKEN=$(planner token create)`.
  std::cerr << "planner: for one node" << (arguments.node.empty() ? "" : " called ")
            << arguments.node << ", within " << arguments.ttl << "\n";
  return Print(absl::StrCat(pki::Format(*token), "\n"));
}

int RunCredentialCreate(const CredentialArguments& arguments) {
  const auto authority = service::LoadAuthority(arguments.state);
  if (!authority.ok()) return PrintFailure("credential create", authority.status());
  const pki::Role role = arguments.role == "admin" ? pki::Role::kAdmin : pki::Role::kReader;
  const auto credential =
      pki::CreateClientCredential(authority->authority, role, arguments.name, store::SystemClock(),
                                  arguments.days * pki::kDayMs);
  if (!credential.ok()) return PrintFailure("credential create", credential.status());
  const auto identity = pki::ParseCertificate(credential->certificate_pem);
  if (!identity.ok()) return PrintFailure("credential create", identity.status());
  store::Options options;
  options.directory = arguments.state;
  const auto store = store::Store::OpenBeside(std::move(options));
  if (!store.ok()) return PrintFailure("credential create", store.status());
  if (absl::Status s = (*store)->AddCertificate(service::RecordOf(*identity)); !s.ok()) {
    return PrintFailure("credential create", s);
  }
  for (const auto& [file, text] :
       {std::pair<std::string, const std::string&>{arguments.role + ".key", credential->key_pem},
        {arguments.role + ".pem", credential->certificate_pem},
        {"ca.pem", authority->authority.certificate_pem}}) {
    const absl::Status written = pki::WriteNewFile(service::PkiPath(arguments.out, file), text);
    if (!written.ok()) return PrintFailure("credential create", written);
  }
  return Print(
      absl::StrCat("In ", arguments.out, "/pki; use it with --credentials ", arguments.out, "\n"));
}

int RunCredentialList(const Common& common, const std::string& state) {
  store::Options options;
  options.directory = state;
  const auto store = store::Store::OpenBeside(std::move(options));
  if (!store.ok()) return PrintFailure("credential list", store.status());
  const auto certificates = (*store)->ListCertificates();
  if (!certificates.ok()) return PrintFailure("credential list", certificates.status());
  const std::int64_t now = store::SystemClock();
  std::vector<report::CredentialRow> rows;
  for (const store::CertificateRecord& certificate : *certificates) {
    if (certificate.role != "reader" && certificate.role != "admin") continue;
    const char* standing = certificate.revoked_at_unix_ms        ? "revoked"
                           : certificate.not_after_unix_ms < now ? "expired"
                                                                 : "good";
    rows.push_back({certificate.subject, certificate.role, certificate.serial, standing,
                    certificate.issued_at_unix_ms, certificate.not_after_unix_ms});
  }
  return Print(common.json() ? report::CredentialsJson(rows)
                             : report::CredentialsText(rows, common.style));
}

int RunCredentialRevoke(const Common& common, const std::string& state, const std::string& name) {
  store::Options options;
  options.directory = state;
  const auto store = store::Store::OpenBeside(std::move(options));
  if (!store.ok()) return PrintFailure("credential revoke", store.status());
  const auto certificates = (*store)->ListCertificates();
  if (!certificates.ok()) return PrintFailure("credential revoke", certificates.status());
  std::vector<std::string> known;
  int revoked = 0;
  for (const store::CertificateRecord& certificate : *certificates) {
    if (certificate.role != "reader" && certificate.role != "admin") continue;
    known.push_back(certificate.subject);
    if (certificate.revoked_at_unix_ms) continue;
    if (certificate.subject != name && certificate.serial != name) continue;
    if (absl::Status s = (*store)->RevokeCertificate(certificate.serial); !s.ok()) {
      return PrintFailure("credential revoke", s);
    }
    ++revoked;
  }
  if (revoked == 0) {
    return BadArgument(
        "NAME", absl::StrCat("no credential in force is called \"", name, "\"; ",
                             DidYouMean(name, known), " `planner credential list` lists them"));
  }
  if (common.json()) {
    return Print(
        report::DoneJson("revoked", {{"name", name}, {"certificates", absl::StrCat(revoked)}}));
  }
  return Print(absl::StrCat(revoked, revoked == 1 ? " certificate of " : " certificates of ", name,
                            " will be refused from now on.\n"));
}

}  // namespace

void AddToken(CLI::App& app, Common& common, Action& action) {
  CLI::App* command = app.add_subcommand("token", "Join tokens for node-agents");
  command->require_subcommand(1);
  auto arguments = std::make_shared<TokenArguments>();
  CLI::App* create = command->add_subcommand("create", "A token that lets one node join once");
  create->footer("Example:\n  planner token create --ttl 15m --node studio");
  AddStateOption(*create, arguments->state);
  create->add_option("--ttl", arguments->ttl, "How long it is good: 90s, 15m, 24h")
      ->type_name("TIME")
      ->capture_default_str();
  create->add_option("--node", arguments->node, "The only name that may use it")->type_name("NAME");
  create->callback(
      [arguments, &action] { action = [arguments] { return RunTokenCreate(*arguments); }; });

  CLI::App* credential = app.add_subcommand("credential", "Certificates for people and programs");
  credential->require_subcommand(1);
  auto wanted = std::make_shared<CredentialArguments>();
  CLI::App* make = credential->add_subcommand("create", "A certificate to ask this planner with");
  make->footer("Example:\n  planner credential create --name alice --out alice-credentials");
  AddStateOption(*make, wanted->state);
  make->add_option("--role", wanted->role, "reader asks; admin also forgets and renames")
      ->check(CLI::IsMember({"reader", "admin"}))
      ->type_name("ROLE")
      ->capture_default_str();
  make->add_option("--name", wanted->name, "Whose it is")->required()->type_name("NAME");
  make->add_option("--out", wanted->out, "Directory to make")->required()->type_name("DIR");
  make->add_option("--days", wanted->days, "How long it is good")
      ->check(CLI::Range(1, 825))
      ->type_name("DAYS")
      ->capture_default_str();
  make->callback([wanted, &action] { action = [wanted] { return RunCredentialCreate(*wanted); }; });

  CLI::App* list = credential->add_subcommand("list", "Who may ask this planner, and until when");
  list->footer("Example:\n  planner credential list");
  AddStateOption(*list, wanted->state);
  AddCatalogOptions(*list, common);
  list->callback([wanted, &common, &action] {
    action = [wanted, &common] { return RunCredentialList(common, wanted->state); };
  });

  CLI::App* revoke = credential->add_subcommand(
      "revoke", "Refuses somebody's credential from now on, also while serving");
  revoke->footer("Example:\n  planner credential revoke alice");
  AddStateOption(*revoke, wanted->state);
  AddCatalogOptions(*revoke, common);
  revoke->add_option("NAME", wanted->name, "Whose, or the serial of one")->required();
  revoke->callback([wanted, &common, &action] {
    action = [wanted, &common] { return RunCredentialRevoke(common, wanted->state, wanted->name); };
  });
}

}  // namespace capacity::cli
