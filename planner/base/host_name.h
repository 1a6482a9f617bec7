// How far a host is away, by what it is called.
#pragma once

#include <string>
#include <string_view>

namespace capacity {

// "127.0.0.1" of "http://127.0.0.1:8080/v1"; without the brackets of an IPv6 address.
std::string HostOf(std::string_view url);

// What never leaves this machine: 127.0.0.0/8, ::1, "localhost". No name that only begins so.
bool IsLoopback(const std::string& host);

// That, what is in a private network by its address (RFC 1918, RFC 4193, self-assigned), names
// without a dot, and names of the local network (".local").
bool IsPrivate(const std::string& host);

}  // namespace capacity
