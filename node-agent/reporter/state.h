// What an agent keeps between its runs: its key, who it is to its planner, how often it started,
// and what waits to be sent.
//
//     DIRECTORY/agent.lock       held while the agent runs
//     DIRECTORY/node.key         the private key; made here, mode 0600, never leaves
//     DIRECTORY/membership.pem   node id, certificate, authority; complete or absent
//     DIRECTORY/boot             the latest boot id
//     DIRECTORY/measured         the latest measurements of this machine
//     DIRECTORY/spool/           reports that wait
//     DIRECTORY/inbox/           measured speeds that wait (inbox.h)
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "node-agent/reporter/first_contact.h"

namespace capacity::reporter {

// Who this node is to one planner.
struct Membership {
  std::string node_id;
  std::string planner_id;       // of the planner's store
  std::string certificate_pem;  // of this node; empty: plaintext on loopback
  std::string authority_pem;    // whom to trust; may hold several; empty with the certificate

  friend bool operator==(const Membership&, const Membership&) = default;
};

// As membership.pem holds it. InvalidArgument when it is not complete.
std::string Format(const Membership& membership);
absl::StatusOr<Membership> ParseMembership(std::string_view text);

// That what a planner issued is for this node and this key; Internal, or what CheckKeyMatches says,
// where it is not.
absl::Status CheckIssued(const Membership& membership, const std::string& key);

class State {
 public:
  // Makes the directory (mode 0700) when it is absent. FailedPrecondition when another agent runs
  // from it; Unavailable when it cannot be used.
  static absl::StatusOr<std::unique_ptr<State>> Open(std::string directory);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  // The private key in PEM, made at the first call.
  absl::StatusOr<std::string> Key() const;
  // The same; NotFound when there is none.
  absl::StatusOr<std::string> KeptKey() const;

  // nullopt before the first enrolment.
  absl::StatusOr<std::optional<Membership>> LoadMembership() const;
  absl::Status SaveMembership(const Membership& membership) const;
  absl::Status RemoveMembership() const;
  // That `membership` and the key beside it can be used, since each of the two files may be lost or
  // damaged while the other is not. InvalidArgument: what to remove or to put back.
  absl::Status CheckMembership(const Membership& membership) const;

  // Larger than every one before, also when the directory was lost, as long as the clock was not
  // set back: at least the milliseconds since 1970. A disk that refuses to keep it is no reason
  // not to run.
  std::uint64_t NextBootId(std::int64_t now_unix_ms) const;

  // Where the planner answered last; nullopt: not known.
  std::optional<Address> LoadPlanner() const;
  absl::Status SavePlanner(const Address& address) const;

  // What the node asked to be called when it was enrolled; empty: not known.
  std::string LoadName() const;
  absl::Status SaveName(const std::string& name) const;

  // What was measured last, opaque; empty: nothing.
  std::string LoadMeasured() const;
  absl::Status SaveMeasured(std::string_view bytes) const;

  std::string SpoolDirectory() const;

 private:
  State(std::string directory, int lock);
  std::string PathOf(std::string_view name) const;

  const std::string directory_;
  const int lock_;
};

}  // namespace capacity::reporter
