// Finding the planner on the local network by DNS service discovery over multicast (RFC 6762,
// 6763).
//
// A hint and nothing more: anyone on the network can announce anything. Trust comes from the join
// token, which pins the planner's authority.
//
// Asks the system's own responder: mDNSResponder on macOS, Avahi on Linux. Where none runs, or this
// build was made without its header, everything here is Unavailable with the reason.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace capacity::discovery {

inline constexpr char kServiceType[] = "_capacity-planner._tcp";

// Short facts about a service, as its TXT record has them. Keys and values of at most 255 bytes
// together; values may be anything that a stranger wrote.
using Facts = std::map<std::string, std::string>;

// A service that is being announced until this is destroyed.
class Announcement {
 public:
  // `instance` is for people: "planner on studio". `port` 1 to 65535. Unavailable when there is no
  // responder; InvalidArgument when a fact is too long.
  static absl::StatusOr<std::unique_ptr<Announcement>> Start(const std::string& instance, int port,
                                                             const Facts& facts);
  virtual ~Announcement() = default;
};

struct Found {
  std::string instance;
  std::string host;                    // "studio.local."
  std::vector<std::string> addresses;  // IPv4, sorted
  int port = 0;
  Facts facts;
};

// What answers within `duration`, by instance, each once. Empty: nothing did.
absl::StatusOr<std::vector<Found>> Browse(std::chrono::milliseconds duration);

// The TXT record of `facts`; InvalidArgument when one is too long or its key is empty or has '='.
absl::StatusOr<std::string> EncodeFacts(const Facts& facts);
// What of a TXT record is understood; later entries of one key do not count (RFC 6763 6.4).
Facts DecodeFacts(const std::string& record);

}  // namespace capacity::discovery
