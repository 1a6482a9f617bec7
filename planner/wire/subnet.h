// Which addresses can reach each other without a router, as far as addresses tell.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace capacity::wire {

// The network of an IP address, comparable as text. "10.0.0.7/16" says how long its prefix is;
// without that 24 bits are taken for IPv4 and 64 for IPv6, the usual sizes of a home or office
// network. Nullopt for what is no address and for addresses that say nothing about who is near:
// loopback and self-assigned ones (169.254/16, fe80::/10).
std::optional<std::string> SubnetOf(std::string_view address);

// Without a prefix length or a zone: "fe80::1%en0" is "fe80::1".
std::string PlainAddress(std::string_view address);

}  // namespace capacity::wire
