#include "planner/discovery/dns_sd.h"

#include <utility>

#include "absl/strings/str_cat.h"

#ifdef CAPACITY_HAVE_DNS_SD
#include <arpa/inet.h>
#include <dns_sd.h>
#include <poll.h>
#include <stdlib.h>

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>
#endif

namespace capacity::discovery {

#ifndef CAPACITY_HAVE_DNS_SD

namespace {
absl::Status NotBuilt() {
  return absl::UnavailableError(
      "this build cannot announce or find services: it was made without dns_sd.h "
      "(libavahi-compat-libdnssd-dev)");
}
}  // namespace

absl::StatusOr<std::unique_ptr<Announcement>> Announcement::Start(const std::string&, int,
                                                                  const Facts&) {
  return NotBuilt();
}

absl::StatusOr<std::vector<Found>> Browse(std::chrono::milliseconds) { return NotBuilt(); }

#else

namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kGlance{50};  // how often somebody who waits looks up

absl::Status FromError(DNSServiceErrorType error) {
  return absl::UnavailableError(
      absl::StrCat("the system's responder for multicast DNS does not answer, error ", error,
                   ": is avahi-daemon running?"));
}

// Avahi's stand-in for Apple's library otherwise tells the user that it is one.
void KeepQuiet() { setenv("AVAHI_COMPAT_NOWARN", "1", 0); }

// One question or announcement that is under way.
class Operation {
 public:
  Operation() = default;
  explicit Operation(DNSServiceRef ref) : ref_(ref) {}
  ~Operation() {
    if (ref_ != nullptr) DNSServiceRefDeallocate(ref_);
  }
  Operation(Operation&& other) noexcept : ref_(std::exchange(other.ref_, nullptr)) {}
  Operation& operator=(Operation&& other) noexcept {
    std::swap(ref_, other.ref_);
    return *this;
  }

  // Lets callbacks happen for at most `wait`; false when the responder is gone.
  bool Process(milliseconds wait) {
    pollfd ready{DNSServiceRefSockFD(ref_), POLLIN, 0};
    if (poll(&ready, 1, static_cast<int>(wait.count())) <= 0) return true;
    return DNSServiceProcessResult(ref_) == kDNSServiceErr_NoError;
  }

 private:
  DNSServiceRef ref_ = nullptr;
};

milliseconds Left(Clock::time_point until) {
  return std::clamp(std::chrono::ceil<milliseconds>(until - Clock::now()), milliseconds{0},
                    kGlance);
}

// ---------------------------------------------------------------- announcing

class Registered : public Announcement {
 public:
  Registered(Operation operation) : operation_(std::move(operation)) {
    thread_ = std::thread([this] {
      while (!stopping_ && operation_.Process(kGlance)) {
      }
    });
  }
  ~Registered() override {
    stopping_ = true;
    thread_.join();
  }

 private:
  Operation operation_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

void DNSSD_API OnRegistered(DNSServiceRef, DNSServiceFlags, DNSServiceErrorType, const char*,
                            const char*, const char*, void*) {}

// ---------------------------------------------------------------- browsing

struct Instance {
  std::string name;
  std::string domain;
  std::uint32_t interface = 0;
  friend auto operator<=>(const Instance&, const Instance&) = default;
};

void DNSSD_API OnBrowsed(DNSServiceRef, DNSServiceFlags flags, std::uint32_t interface,
                         DNSServiceErrorType error, const char* name, const char*,
                         const char* domain, void* context) {
  if (error != kDNSServiceErr_NoError) return;
  auto& instances = *static_cast<std::set<Instance>*>(context);
  const Instance instance{name, domain, interface};
  if ((flags & kDNSServiceFlagsAdd) != 0) {
    instances.insert(instance);
  } else {
    instances.erase(instance);
  }
}

void DNSSD_API OnResolved(DNSServiceRef, DNSServiceFlags, std::uint32_t, DNSServiceErrorType error,
                          const char*, const char* host, std::uint16_t port, std::uint16_t size,
                          const unsigned char* record, void* context) {
  if (error != kDNSServiceErr_NoError) return;
  auto& found = *static_cast<Found*>(context);
  found.host = host;
  found.port = ntohs(port);
  found.facts = DecodeFacts(std::string(reinterpret_cast<const char*>(record), size));
}

void DNSSD_API OnAddress(DNSServiceRef, DNSServiceFlags, std::uint32_t, DNSServiceErrorType error,
                         const char*, std::uint16_t, std::uint16_t, std::uint16_t size,
                         const void* data, std::uint32_t, void* context) {
  if (error != kDNSServiceErr_NoError || size != sizeof(in_addr)) return;
  char text[INET_ADDRSTRLEN] = "";
  if (inet_ntop(AF_INET, data, text, sizeof text) == nullptr) return;
  auto& addresses = static_cast<Found*>(context)->addresses;
  if (std::find(addresses.begin(), addresses.end(), text) == addresses.end()) {
    addresses.emplace_back(text);
  }
}

// Host, port and facts, then addresses; false when that took too long.
bool Resolve(const Instance& instance, Clock::time_point until, Found& found) {
  DNSServiceRef ref = nullptr;
  if (DNSServiceResolve(&ref, 0, instance.interface, instance.name.c_str(), kServiceType,
                        instance.domain.c_str(), &OnResolved, &found) != kDNSServiceErr_NoError) {
    return false;
  }
  Operation resolving(ref);
  while (found.port == 0 && Clock::now() < until) {
    if (!resolving.Process(Left(until))) break;
  }
  if (found.port == 0) return false;
  ref = nullptr;
  if (DNSServiceQueryRecord(&ref, 0, instance.interface, found.host.c_str(), kDNSServiceType_A,
                            kDNSServiceClass_IN, &OnAddress, &found) != kDNSServiceErr_NoError) {
    return true;
  }
  Operation asking(ref);
  while (found.addresses.empty() && Clock::now() < until) {
    if (!asking.Process(Left(until))) break;
  }
  return true;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Announcement>> Announcement::Start(const std::string& instance,
                                                                  int port, const Facts& facts) {
  const absl::StatusOr<std::string> record = EncodeFacts(facts);
  if (!record.ok()) return record.status();
  KeepQuiet();
  DNSServiceRef ref = nullptr;
  const DNSServiceErrorType error = DNSServiceRegister(
      &ref, 0, 0, instance.c_str(), kServiceType, nullptr, nullptr,
      htons(static_cast<std::uint16_t>(port)), static_cast<std::uint16_t>(record->size()),
      record->data(), &OnRegistered, nullptr);
  if (error != kDNSServiceErr_NoError) return FromError(error);
  return std::make_unique<Registered>(Operation(ref));
}

absl::StatusOr<std::vector<Found>> Browse(milliseconds duration) {
  KeepQuiet();
  const Clock::time_point until = Clock::now() + duration;
  std::set<Instance> instances;
  DNSServiceRef ref = nullptr;
  const DNSServiceErrorType error =
      DNSServiceBrowse(&ref, 0, 0, kServiceType, nullptr, &OnBrowsed, &instances);
  if (error != kDNSServiceErr_NoError) return FromError(error);
  Operation browsing(ref);
  // Half of the time for names, the other half for where they are.
  const Clock::time_point names_until = Clock::now() + duration / 2;
  while (Clock::now() < names_until) {
    if (!browsing.Process(Left(names_until))) break;
  }
  std::map<std::string, Found> by_name;  // an instance is there once per interface
  for (const Instance& instance : instances) {
    Found found;
    found.instance = instance.name;
    if (!Resolve(instance, until, found)) continue;
    Found& known = by_name.try_emplace(instance.name, found).first->second;
    known.addresses.insert(known.addresses.end(), found.addresses.begin(), found.addresses.end());
  }
  std::vector<Found> all;
  for (auto& [name, found] : by_name) {
    std::sort(found.addresses.begin(), found.addresses.end());
    found.addresses.erase(std::unique(found.addresses.begin(), found.addresses.end()),
                          found.addresses.end());
    all.push_back(std::move(found));
  }
  return all;
}

#endif

}  // namespace capacity::discovery
