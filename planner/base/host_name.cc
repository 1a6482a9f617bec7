#include "planner/base/host_name.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstddef>
#include <cstring>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"

namespace capacity {
namespace {

// The bytes of an IPv4 (4) or IPv6 (16) address, without its zone; empty when it is a name:
// "127.0.0.1.example.com", and "10.ae" and "fd.cafe" too.
std::vector<unsigned char> AddressIn(const std::string& host) {
  std::vector<unsigned char> bytes(4);
  if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(16);
  if (inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), bytes.data()) == 1) return bytes;
  return {};
}

}  // namespace

std::string HostOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  std::string_view rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('/'));
  if (!rest.empty() && rest.front() == '[') {
    return std::string(rest.substr(
        1, rest.find(']') == std::string_view::npos ? std::string_view::npos : rest.find(']') - 1));
  }
  return absl::AsciiStrToLower(std::string(rest.substr(0, rest.find(':'))));
}

bool IsLoopback(const std::string& host) {
  const std::vector<unsigned char> address = AddressIn(host);
  if (address.size() == 4) return address[0] == 127;
  if (address.empty()) return host == "localhost";
  return std::memcmp(address.data(), &in6addr_loopback, address.size()) == 0;
}

bool IsPrivate(const std::string& host) {
  if (IsLoopback(host) || absl::EndsWith(host, ".local")) return true;
  if (host.find('.') == std::string::npos && host.find(':') == std::string::npos) return true;
  const std::vector<unsigned char> a = AddressIn(host);
  if (a.empty()) return false;
  if (a.size() == 4) {  // RFC 1918, and self-assigned
    return a[0] == 10 || (a[0] == 192 && a[1] == 168) || (a[0] == 169 && a[1] == 254) ||
           (a[0] == 172 && a[1] >= 16 && a[1] < 32);
  }
  return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);  // fc00::/7, fe80::/10
}

}  // namespace capacity
