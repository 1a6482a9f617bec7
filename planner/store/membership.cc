// Who belongs to the fleet: nodes, join tokens, certificates.
#include <optional>

#include "absl/strings/str_cat.h"
#include "planner/store/tables.h"

namespace capacity::store {
namespace {

// Expired tokens and certificates are kept this long, for people who ask what happened; ms.
constexpr std::int64_t kKeepExpiredMs = std::int64_t{90} * 86'400'000;

struct Known {
  std::string node_id;
  std::string name;
  std::string key_fingerprint;
  bool revoked = false;
};

Known KnownOf(const Row& row) { return {row.Text(0), row.Text(1), row.Text(2), !row.IsNull(3)}; }

// Whose key this is: a node's newest, or one of a certificate of the node that is not revoked. A
// node that lost the answer to a renewal comes back with the key before.
std::optional<Known> FindByKey(Database& database, std::string_view key_fingerprint) {
  std::optional<Known> known;
  if (key_fingerprint.empty()) return known;
  database.Query(
      "SELECT node_id, name, key_fingerprint, revoked_at_unix_ms FROM node "
      "WHERE (key_fingerprint = ?1 AND key_fingerprint <> '') OR node_id IN "
      "(SELECT subject FROM certificate WHERE key_fingerprint = ?1 AND role = 'node' AND "
      "revoked_at_unix_ms IS NULL)",
      [&known](const Row& row) { known = KnownOf(row); }, key_fingerprint);
  return known;
}

std::optional<Known> FindByName(Database& database, std::string_view name) {
  std::optional<Known> known;
  database.Query(
      "SELECT node_id, name, key_fingerprint, revoked_at_unix_ms FROM node WHERE name = ?1",
      [&known](const Row& row) { known = KnownOf(row); }, name);
  return known;
}

bool NodeExists(Database& database, std::string_view node_id) {
  return database.QueryInt("SELECT count(*) FROM node WHERE node_id = ?1", node_id) > 0;
}

absl::Status NoSuchNode(std::string_view node_id) {
  return absl::NotFoundError(absl::StrCat("no node has the id ", std::string(node_id)));
}

// A token is good for its first user, and for that user's retries.
absl::Status CheckToken(Database& database, const Enrollment& enrollment,
                        const std::optional<Known>& known, std::int64_t now_unix_ms) {
  absl::Status result = absl::PermissionDeniedError("this join token is not known here");
  database.Query(
      "SELECT expires_at_unix_ms, node_name, used_at_unix_ms, used_by_node_id FROM token "
      "WHERE hash = ?1",
      [&](const Row& row) {
        const std::string bound_name = row.Text(1);
        if (row.Int(0) <= now_unix_ms) {
          result = absl::PermissionDeniedError("this join token has expired");
        } else if (!bound_name.empty() && bound_name != enrollment.name) {
          result = absl::PermissionDeniedError(
              absl::StrCat("this join token is for a node named \"", bound_name, "\" only"));
        } else if (!row.IsNull(2) && !(known && known->node_id == row.Text(3))) {
          result = absl::PermissionDeniedError("this join token was used already");
        } else {
          result = absl::OkStatus();
        }
      },
      Blob{enrollment.token_hash});
  return result;
}

void UseToken(Database& database, std::string_view hash, std::string_view node_id,
              std::int64_t now_unix_ms) {
  database.Run(
      "UPDATE token SET used_at_unix_ms = ?2, used_by_node_id = ?3 "
      "WHERE hash = ?1 AND used_at_unix_ms IS NULL",
      Blob{hash}, now_unix_ms, node_id);
}

void InsertNode(Database& database, const Enrollment& enrollment, std::int64_t now_unix_ms) {
  database.Run(
      "INSERT INTO node (node_id, name, key_fingerprint, enrolled_at_unix_ms) "
      "VALUES (?1, ?2, ?3, ?4)",
      enrollment.new_node_id, enrollment.name, enrollment.key_fingerprint, now_unix_ms);
}

// How many.
std::int64_t RevokeCertificatesOf(Database& database, std::string_view node_id,
                                  std::int64_t now_unix_ms) {
  database.Run(
      "UPDATE certificate SET revoked_at_unix_ms = ?2 "
      "WHERE subject = ?1 AND role = 'node' AND revoked_at_unix_ms IS NULL",
      node_id, now_unix_ms);
  return database.changes();
}

// A node's new certificate makes its key the node's newest.
absl::Status TakeKey(Database& database, const CertificateRecord& certificate) {
  const std::optional<Known> owner = FindByKey(database, certificate.key_fingerprint);
  if (owner && owner->node_id != certificate.subject) {
    return absl::AlreadyExistsError(
        absl::StrCat("the key belongs to the node \"", owner->name, "\""));
  }
  database.Run("UPDATE node SET key_fingerprint = ?2 WHERE node_id = ?1", certificate.subject,
               certificate.key_fingerprint);
  return database.changes() > 0 ? absl::OkStatus() : NoSuchNode(certificate.subject);
}

}  // namespace

absl::StatusOr<std::string> EnrollNode(Database& database, const Enrollment& enrollment,
                                       std::int64_t now_unix_ms) {
  // Who a node is, its key says; a key that is known keeps its node, whatever name it asks for.
  std::optional<Known> known = FindByKey(database, enrollment.key_fingerprint);
  const bool by_key = known.has_value();
  if (!by_key) known = FindByName(database, enrollment.name);
  if (!enrollment.token_hash.empty()) {
    const absl::Status token =
        CheckToken(database, enrollment, by_key ? known : std::nullopt, now_unix_ms);
    if (!token.ok()) return token;
  }
  if (known && known->revoked) {
    return absl::PermissionDeniedError(absl::StrCat("the node \"", known->name, "\" is revoked"));
  }
  if (known && !by_key && known->key_fingerprint != enrollment.key_fingerprint) {
    return absl::AlreadyExistsError(
        absl::StrCat("the name \"", enrollment.name,
                     "\" belongs to a node with another key; forget that node first (planner "
                     "forget), or choose another name"));
  }
  if (!known && NodeExists(database, enrollment.new_node_id)) {
    return absl::AlreadyExistsError(
        absl::StrCat("a node has the id ", enrollment.new_node_id, " already"));
  }
  if (!known) InsertNode(database, enrollment, now_unix_ms);
  const std::string node_id = known ? known->node_id : enrollment.new_node_id;
  if (!enrollment.token_hash.empty()) {
    UseToken(database, enrollment.token_hash, node_id, now_unix_ms);
  }
  return node_id;
}

absl::Status RenameNode(Database& database, std::string_view node_id, std::string_view name) {
  const std::optional<Known> other = FindByName(database, name);
  if (other && other->node_id != node_id) {
    return absl::AlreadyExistsError(
        absl::StrCat("another node is named \"", std::string(name), "\""));
  }
  database.Run("UPDATE node SET name = ?2 WHERE node_id = ?1", node_id, name);
  return database.changes() > 0 ? absl::OkStatus() : NoSuchNode(node_id);
}

absl::StatusOr<std::int64_t> ForgetNode(Database& database, std::string_view node_id,
                                        std::int64_t now_unix_ms) {
  database.Run("DELETE FROM node WHERE node_id = ?1", node_id);
  if (database.changes() == 0) return NoSuchNode(node_id);
  return RevokeCertificatesOf(database, node_id, now_unix_ms);
}

absl::StatusOr<std::int64_t> RevokeNode(Database& database, std::string_view node_id,
                                        std::int64_t now_unix_ms) {
  database.Run(
      "UPDATE node SET revoked_at_unix_ms = coalesce(revoked_at_unix_ms, ?2) WHERE node_id = ?1",
      node_id, now_unix_ms);
  if (database.changes() == 0) return NoSuchNode(node_id);
  return RevokeCertificatesOf(database, node_id, now_unix_ms);
}

absl::Status AddToken(Database& database, const TokenRecord& token, std::int64_t now_unix_ms) {
  database.Run("DELETE FROM token WHERE expires_at_unix_ms < ?1", now_unix_ms - kKeepExpiredMs);
  database.Run(
      "INSERT INTO token (hash, node_name, created_at_unix_ms, expires_at_unix_ms) "
      "VALUES (?1, ?2, ?3, ?4) ON CONFLICT (hash) DO NOTHING",
      Blob{token.hash}, token.node_name, now_unix_ms, token.expires_at_unix_ms);
  if (database.changes() > 0) return absl::OkStatus();
  return absl::AlreadyExistsError("this join token is there already");
}

absl::Status RemoveToken(Database& database, std::string_view hash) {
  database.Run("DELETE FROM token WHERE hash = ?1 AND used_at_unix_ms IS NULL", Blob{hash});
  if (database.changes() > 0) return absl::OkStatus();
  return absl::NotFoundError("no unused join token has this hash");
}

absl::Status AddCertificate(Database& database, const CertificateRecord& certificate,
                            std::int64_t now_unix_ms) {
  database.Run("DELETE FROM certificate WHERE not_after_unix_ms < ?1",
               now_unix_ms - kKeepExpiredMs);
  if (database.QueryInt("SELECT count(*) FROM certificate WHERE serial = ?1", certificate.serial) >
      0) {
    return absl::AlreadyExistsError(
        absl::StrCat("a certificate has the serial ", certificate.serial, " already"));
  }
  if (certificate.role == "node") {
    if (absl::Status taken = TakeKey(database, certificate); !taken.ok()) return taken;
  }
  database.Run(
      "INSERT INTO certificate (serial, role, subject, fingerprint, key_fingerprint, "
      "not_before_unix_ms, not_after_unix_ms, issued_at_unix_ms) "
      "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
      certificate.serial, certificate.role, certificate.subject, certificate.fingerprint,
      certificate.key_fingerprint, certificate.not_before_unix_ms, certificate.not_after_unix_ms,
      now_unix_ms);
  return absl::OkStatus();
}

absl::Status RevokeCertificate(Database& database, std::string_view serial,
                               std::int64_t now_unix_ms) {
  database.Run(
      "UPDATE certificate SET revoked_at_unix_ms = coalesce(revoked_at_unix_ms, ?2) "
      "WHERE serial = ?1",
      serial, now_unix_ms);
  if (database.changes() > 0) return absl::OkStatus();
  return absl::NotFoundError(
      absl::StrCat("no certificate with the serial ", std::string(serial), " was issued here"));
}

Standing ReadStanding(Database& database, std::string_view serial, std::int64_t now_unix_ms) {
  Standing standing = Standing::kUnknown;
  database.Query(
      "SELECT c.revoked_at_unix_ms, c.not_after_unix_ms, c.role = 'node', n.node_id, "
      "n.revoked_at_unix_ms FROM certificate c LEFT JOIN node n "
      "ON c.role = 'node' AND n.node_id = c.subject WHERE c.serial = ?1",
      [&](const Row& row) {
        const bool forgotten = row.Int(2) != 0 && row.IsNull(3);
        if (forgotten) {
          standing = Standing::kUnknown;
        } else if (!row.IsNull(0) || !row.IsNull(4)) {
          standing = Standing::kRevoked;
        } else {
          standing = row.Int(1) <= now_unix_ms ? Standing::kExpired : Standing::kGood;
        }
      },
      serial);
  return standing;
}

}  // namespace capacity::store
