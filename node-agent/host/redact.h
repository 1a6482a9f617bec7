// Identifiers of devices and people replaced by pseudonyms.
//
// The same value under the same salt gets the same pseudonym, in every file and in every capture,
// whatever its case. So what pairs before (the domain UUIDs of a Thunderbolt cable's two ends)
// pairs after, and who does not know the salt learns nothing.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "node-agent/host/capture.h"

namespace capacity::host {

// The first `digits` hexadecimal digits (at most 64) of HMAC-SHA-256 of lower-case `value` under
// `salt`.
std::string Pseudonym(std::string_view salt, std::string_view value, int digits);

// 32 random hexadecimal digits.
std::string RandomSalt();

struct Names {
  std::vector<std::string> hosts;  // computers, this one and those at its ports
  std::vector<std::string> users;
  std::vector<std::string> devices;  // displays and network ports, as people call them
};

class Redactor {
 public:
  Redactor(std::string salt, Names names);

  // Replaces, wherever they stand: UUIDs; MAC addresses, GUIDs and longer hardware addresses; IPv4
  // and IPv6 addresses except loopback, unspecified and masks (link-local ones stay link-local, and
  // those of IPv4 that are of one subnet stay of one);
  // values of fields called serial, UDID, UID or EDID, and what begins as an EDID does; 16-digit
  // hexadecimal words that are not small numbers, and those of 32 and 64 digits (IPv6 addresses as
  // /proc/net writes them, ids of machines and containers); the addresses of /proc/net/route;
  // interface names made of a MAC address; the given names.
  std::string Redact(std::string_view text) const;

  // All that but the names, for a text that holds none: a host may be called as a product is.
  std::string RedactNumbers(std::string_view text) const;

 private:
  std::string Redact(std::string_view text, const Names& names) const;

  std::string salt_;
  Names names_;
};

// Names of the captured machine that its own outputs tell: uname, kern.hostname,
// /proc/sys/kernel/hostname.
Names NamesIn(const Capture& capture);

// Paths, arguments and contents; lists of processes are left out.
Capture Redact(const Capture& capture, const Redactor& redactor);

}  // namespace capacity::host
