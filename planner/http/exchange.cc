#include "planner/http/exchange.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "planner/http/curl_handle.h"

namespace capacity::http {
namespace {

constexpr std::size_t kLongestKey = 4096;  // bytes

struct Transfer {
  const Endpoint& endpoint;
  Answer answer;
  bool too_long = false;
};

std::size_t TakeBody(char* data, std::size_t size, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::size_t bytes = size * count;
  if (transfer.answer.body.size() + bytes > transfer.endpoint.limits.bytes) {
    transfer.too_long = true;
    return 0;  // anything but `bytes` ends the transfer
  }
  transfer.answer.body.append(data, bytes);
  return bytes;
}

int LookAtStop(void* context, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  const auto& transfer = *static_cast<Transfer*>(context);
  return transfer.endpoint.stop != nullptr && *transfer.endpoint.stop ? 1 : 0;
}

absl::Status FromCurl(CURLcode code, const Transfer& transfer, const char* detail,
                      const std::string& url) {
  if (transfer.too_long) {
    return absl::ResourceExhaustedError(absl::StrCat(
        url, ": an answer of more than ", transfer.endpoint.limits.bytes, " bytes; refused"));
  }
  const std::string why = *detail != '\0' ? detail : curl_easy_strerror(code);
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
      return absl::CancelledError("interrupted");
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError(absl::StrCat(url, ": no answer in time: ", why));
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
      return absl::DataLossError(absl::StrCat(url, ": the answer broke off: ", why));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return absl::InvalidArgumentError(absl::StrCat(url, ": not an http or https URL"));
    default:
      return absl::UnavailableError(absl::StrCat(url, ": ", why));
  }
}

// "10.0.0.2" of "http://10.0.0.2:8080"; without the brackets of an IPv6 address.
std::string HostOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  std::string_view rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('/'));
  if (!rest.empty() && rest.front() == '[') {
    const std::size_t end = rest.find(']');
    return std::string(rest.substr(1, end == std::string_view::npos ? end : end - 1));
  }
  return absl::AsciiStrToLower(std::string(rest.substr(0, rest.find(':'))));
}

// The bytes of an IPv4 (4) or IPv6 (16) address; empty when it is a name.
std::vector<unsigned char> AddressIn(const std::string& host) {
  std::vector<unsigned char> bytes(4);
  if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(16);
  if (inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), bytes.data()) == 1) return bytes;
  return {};
}

// This machine, or a network that is nobody else's.
bool IsPrivate(const std::string& host) {
  if (host == "localhost" || host == "::1" || absl::EndsWith(host, ".local")) return true;
  const std::vector<unsigned char> a = AddressIn(host);
  if (a.size() == 4) {  // RFC 1918, loopback and self-assigned
    return a[0] == 127 || a[0] == 10 || (a[0] == 192 && a[1] == 168) ||
           (a[0] == 169 && a[1] == 254) || (a[0] == 172 && a[1] >= 16 && a[1] < 32);
  }
  if (a.size() == 16) {
    return (a[0] & 0xfe) == 0xfc || (a[0] == 0xfe && (a[1] & 0xc0) == 0x80);  // fc00::/7, fe80::/10
  }
  return host.find('.') == std::string::npos;
}

absl::Status MayCarryKey(const Endpoint& endpoint) {
  if (endpoint.key.empty() || absl::StartsWithIgnoreCase(endpoint.url, "https:") ||
      IsPrivate(HostOf(endpoint.url))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      endpoint.url, ": an API key is not sent without TLS beyond a private network; use https"));
}

}  // namespace

absl::StatusOr<ApiKey> ApiKey::Checked(std::string value, const std::string& origin) {
  const bool printable =
      std::all_of(value.begin(), value.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
  if (value.empty() || value.size() > kLongestKey || !printable) {
    return absl::InvalidArgumentError(
        absl::StrCat(origin, " holds no API key: one word of printable ASCII is one"));
  }
  ApiKey key;
  key.value_ = std::move(value);
  return key;
}

absl::StatusOr<ApiKey> ApiKey::FromEnvironment(const std::string& variable) {
  const char* const value = std::getenv(variable.c_str());
  if (value == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("the environment has no variable ", variable));
  }
  return Checked(value, absl::StrCat("the environment variable ", variable));
}

absl::StatusOr<ApiKey> ApiKey::FromFile(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) {
    return absl::NotFoundError(absl::StrCat(path, ": no such file, or nothing in it"));
  }
  return Checked(std::string(absl::StripAsciiWhitespace(line)), path);
}

std::string ApiKey::Header() const { return "Authorization: Bearer " + value_; }

std::string ApiKey::StruckFrom(std::string text) const {
  for (std::size_t at = 0; !value_.empty() && (at = text.find(value_, at)) != std::string::npos;) {
    text.replace(at, value_.size(), "***");
  }
  return text;
}

absl::StatusOr<Answer> Exchange(const Endpoint& endpoint, const std::string& method,
                                std::string_view path, const std::string& body) {
  if (const absl::Status allowed = MayCarryKey(endpoint); !allowed.ok()) return allowed;
  const EasyHandle handle = NewHandle();
  if (handle == nullptr) return absl::UnavailableError("libcurl does not start");
  CURL* curl = handle.get();
  const std::string url = absl::StrCat(endpoint.url, std::string(path));
  Transfer transfer = {.endpoint = endpoint};
  char detail[CURL_ERROR_SIZE] = "";
  Headers headers;
  if (!endpoint.key.empty()) AddHeader(headers, endpoint.key.Header());
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS,
                   static_cast<long>(endpoint.limits.connect.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, static_cast<long>(endpoint.limits.total.count()));
  if (method == "POST") {
    AddHeader(headers, "Content-Type: application/json");
    AddHeader(headers, "Expect:");
    curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body.size()));
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.c_str());
  } else if (method != "GET") {
    curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, method.c_str());
  }
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &LookAtStop);
  curl_easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) return FromCurl(code, transfer, detail, url);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  transfer.answer.status = static_cast<int>(status);
  transfer.answer.body = endpoint.key.StruckFrom(std::move(transfer.answer.body));
  return std::move(transfer.answer);
}

}  // namespace capacity::http
