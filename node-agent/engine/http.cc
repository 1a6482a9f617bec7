#include "node-agent/engine/http.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "node-agent/engine/curl_library.h"
#include "node-agent/engine/json_fields.h"
#include "node-agent/probe/text.h"

namespace capacity::engine {
namespace {

constexpr std::size_t kLongestKey = 4096;       // bytes
constexpr std::size_t kShortestSecret = 8;      // bytes
constexpr std::size_t kLongestComplaint = 200;  // bytes shown of what a server says of an error
constexpr std::size_t kLongestErrorBody = 64 << 10;  // bytes kept of it
constexpr long kOk = 200;
constexpr char kAnswered[] = "capacity/http-answered";  // in a status: an HTTP server answered

struct Transfer {
  CURL* curl = nullptr;
  const Endpoint& endpoint;
  const std::function<absl::Status(std::string_view)>& take;
  std::size_t received = 0;
  std::string error_body;
  absl::Status ended;  // why we ended it
};

long StatusOf(CURL* curl) {
  long status = 0;
  Curl()->easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  return status;
}

std::size_t TakeBody(char* data, std::size_t size, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::string_view piece(data, size * count);
  if (StatusOf(transfer.curl) != kOk) {
    const std::size_t room = kLongestErrorBody - transfer.error_body.size();
    transfer.error_body += piece.substr(0, room);
    return piece.size() <= room ? piece.size() : 0;
  }
  transfer.received += piece.size();
  if (transfer.received > transfer.endpoint.limits.bytes) {
    transfer.ended = absl::ResourceExhaustedError(absl::StrCat(
        "the answer is longer than ", transfer.endpoint.limits.bytes, " bytes; refused"));
  } else {
    transfer.ended = transfer.take(piece);
  }
  return transfer.ended.ok() ? piece.size() : 0;  // anything but the size ends the transfer
}

int LookAtStop(void* context, curl_off_t /*down_total*/, curl_off_t /*down*/,
               curl_off_t /*up_total*/, curl_off_t /*up*/) {
  const auto& transfer = *static_cast<Transfer*>(context);
  return transfer.endpoint.stop != nullptr && *transfer.endpoint.stop ? 1 : 0;
}

// What stands in {"error": {"message": ...}}, {"error": "..."}, {"detail": "..."} or plain.
std::string TextOfComplaint(const std::string& body) {
  const absl::StatusOr<nlohmann::json> whole = ParseWholeJson(body, "");
  if (!whole.ok()) return body;
  absl::Status ignored;
  const Fields fields(*whole, "", ignored);
  for (const std::string& text :
       {fields.Inner("error").Text("message", kLongestErrorBody),
        fields.Text("error", kLongestErrorBody), fields.Text("message", kLongestErrorBody),
        fields.Text("detail", kLongestErrorBody)}) {
    if (!text.empty()) return text;
  }
  return body;
}

// Struck out before it is cut: half a key tells too.
std::string ComplaintOf(const std::string& body, const ApiKey& key) {
  const std::string text = TextOfComplaint(key.StruckFromAnswer(body));
  return key.StruckFrom(probe::Clean(key.StruckFromAnswer(text), kLongestComplaint));
}

absl::Status Answered(absl::Status status) {
  status.SetPayload(kAnswered, absl::Cord());
  return status;
}

absl::Status FromHttp(long status, const Transfer& transfer, const std::string& url) {
  // Of a refusal the text is not shown at all: servers like to quote the key.
  if (status == 401 || status == 403) {
    return Answered(absl::PermissionDeniedError(absl::StrCat(
        url, ": refused (HTTP ", status, "); ",
        transfer.endpoint.key.empty() ? "it wants an API key: --api-key-env or --api-key-file"
                                      : "the API key is not taken")));
  }
  const std::string complaint = ComplaintOf(transfer.error_body, transfer.endpoint.key);
  const std::string message =
      absl::StrCat(url, ": HTTP ", status, complaint.empty() ? "" : ": ", complaint);
  if (status == 404) return Answered(absl::NotFoundError(message));
  if (status >= 500) return Answered(absl::UnavailableError(message));
  if (status >= 300 && status < 400) {
    return Answered(
        absl::FailedPreconditionError(message + " (a redirect, which is not followed)"));
  }
  return Answered(absl::FailedPreconditionError(message));
}

absl::Status FromCurl(CURLcode code, const Transfer& transfer, const char* detail,
                      const std::string& url) {
  if (!transfer.ended.ok()) {
    return {transfer.ended.code(), absl::StrCat(url, ": ", std::string(transfer.ended.message()))};
  }
  const std::string why = *detail != '\0' ? detail : Curl()->easy_strerror(code);
  switch (code) {
    case CURLE_ABORTED_BY_CALLBACK:
      return absl::CancelledError("interrupted");
    case CURLE_WRITE_ERROR:
      return FromHttp(StatusOf(transfer.curl), transfer, url);
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError(absl::StrCat(url, ": no answer in time: ", why));
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
    case CURLE_RECV_ERROR:
      return absl::DataLossError(
          absl::StrCat(url, ": the server went away in the middle of its answer (", why, ")"));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return absl::InvalidArgumentError(absl::StrCat(url, ": not an http or https URL"));
    default:
      return absl::UnavailableError(absl::StrCat(url, ": ", why));
  }
}

struct EasyCloser {
  void operator()(CURL* handle) const { Curl()->easy_cleanup(handle); }
};
struct ListCloser {
  void operator()(curl_slist* list) const { Curl()->slist_free_all(list); }
};
using Headers = std::unique_ptr<curl_slist, ListCloser>;

void AddHeader(Headers& headers, const std::string& line) {
  curl_slist* longer = Curl()->slist_append(headers.get(), line.c_str());
  if (longer == nullptr) return;
  headers.release();
  headers.reset(longer);
}

// "127.0.0.1" of "http://127.0.0.1:8080/v1"; without the brackets of an IPv6 address.
std::string HostOf(std::string_view url) {
  const std::size_t scheme = url.find("://");
  std::string_view rest = scheme == std::string_view::npos ? url : url.substr(scheme + 3);
  rest = rest.substr(0, rest.find('/'));
  if (!rest.empty() && rest.front() == '[') {
    return std::string(rest.substr(
        1, rest.find(']') == std::string_view::npos ? std::string_view::npos : rest.find(']') - 1));
  }
  return probe::Lower(rest.substr(0, rest.find(':')));
}

// Whether `digits` starts with `count` hexadecimal digits that make the number `wanted`.
bool IsHex(std::string_view digits, std::size_t count, unsigned char wanted) {
  unsigned number = 0;
  if (digits.size() < count) return false;
  const char* const end = digits.data() + count;
  const auto [read, error] = std::from_chars(digits.data(), end, number, 16);
  return error == std::errc() && read == end && number == wanted;
}

// How many bytes at the beginning of `text` are one way to write `wanted`: as it is, "\/", "\u002f"
// (with more backslashes where JSON stands in JSON), "%2F". 0: none.
std::size_t SpelledAt(std::string_view text, char wanted) {
  const auto byte = static_cast<unsigned char>(wanted);
  const std::size_t slashes = std::min(text.find_first_not_of('\\'), text.size());
  if (wanted == '\\') return std::min<std::size_t>(slashes, 2);
  const std::string_view rest = text.substr(slashes);
  if (!rest.empty() && rest.front() == wanted) return slashes + 1;
  if (slashes > 0 && !rest.empty() && rest.front() == 'u' && IsHex(rest.substr(1), 4, byte)) {
    return slashes + 5;
  }
  return slashes == 0 && !rest.empty() && rest.front() == '%' && IsHex(rest.substr(1), 2, byte) ? 3
                                                                                                : 0;
}

// The same of a whole word; 0: `text` does not begin with it, or it is empty.
std::size_t SpelledAt(std::string_view text, const std::string& wanted) {
  std::size_t length = 0;
  for (const char c : wanted) {
    const std::size_t part = SpelledAt(text.substr(length), c);
    if (part == 0) return 0;
    length += part;
  }
  return length;
}

// The bytes of an IPv4 (4) or IPv6 (16) address, without its zone; empty when it is a name:
// "127.0.0.1.example.com", and "10.ae" and "fd.cafe" too.
std::vector<unsigned char> AddressIn(const std::string& host) {
  std::vector<unsigned char> bytes(4);
  if (inet_pton(AF_INET, host.c_str(), bytes.data()) == 1) return bytes;
  bytes.resize(16);
  if (inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), bytes.data()) == 1) return bytes;
  return {};
}

bool IsLoopback(const std::string& host) {
  const std::vector<unsigned char> address = AddressIn(host);
  return host == "localhost" || host == "::1" || (address.size() == 4 && address[0] == 127);
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

void SetLimits(CURL* curl, const Endpoint& endpoint) {
  const HttpLimits& limits = endpoint.limits;
  Curl()->easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(limits.connect.count()));
  Curl()->easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(limits.total.count()));
  Curl()->easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);  // bytes a second
  Curl()->easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, static_cast<long>(limits.idle.count()));
  Curl()->easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
}

void SetTrust(CURL* curl, const Endpoint& endpoint) {
  Curl()->easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  if (const char* roots = std::getenv("CURL_CA_BUNDLE"); roots != nullptr && *roots != '\0') {
    Curl()->easy_setopt(curl, CURLOPT_CAINFO, roots);
  }
  // A proxy of the environment does not know this machine's own ports.
  if (IsLoopback(HostOf(endpoint.url))) Curl()->easy_setopt(curl, CURLOPT_NOPROXY, "*");
}

bool LeadsElsewhere(CURL* curl) {
  const char* server = nullptr;
  const char* own = nullptr;
  Curl()->easy_getinfo(curl, CURLINFO_PRIMARY_IP, &server);
  Curl()->easy_getinfo(curl, CURLINFO_LOCAL_IP, &own);
  return server != nullptr && own != nullptr && *server != '\0' && std::string_view(server) != own;
}

// What is asked of a transfer besides its body; each may be null.
struct Asides {
  bool* elsewhere = nullptr;  // see IsElsewhere
  std::string* content_type = nullptr;
};

void TellAsides(CURL* curl, const Asides& asides) {
  if (asides.elsewhere != nullptr) *asides.elsewhere = LeadsElsewhere(curl);
  if (asides.content_type == nullptr) return;
  const char* type = nullptr;
  Curl()->easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
  *asides.content_type = type == nullptr ? "" : type;
}

absl::Status Perform(const Endpoint& endpoint, std::string_view path,
                     const std::optional<std::string>& body,
                     const std::function<absl::Status(std::string_view)>& take,
                     const Asides& asides = {}) {
  if (const absl::Status allowed = MayCarryKey(endpoint); !allowed.ok()) return allowed;
  const std::unique_ptr<CURL, EasyCloser> handle(Curl() != nullptr ? Curl()->easy_init() : nullptr);
  if (handle == nullptr) {
    return absl::UnavailableError("libcurl is not installed (Debian: libcurl4), or does not start");
  }
  CURL* curl = handle.get();
  const std::string url = absl::StrCat(endpoint.url, std::string(path));
  Transfer transfer = {.curl = curl, .endpoint = endpoint, .take = take};
  char detail[CURL_ERROR_SIZE] = "";
  Headers headers;
  if (!endpoint.key.empty()) AddHeader(headers, endpoint.key.Header());
  Curl()->easy_setopt(curl, CURLOPT_URL, url.c_str());
  SetLimits(curl, endpoint);
  SetTrust(curl, endpoint);
  if (body) {
    AddHeader(headers, "Content-Type: application/json");
    AddHeader(headers, "Expect:");  // no waiting for "100 Continue" inside a time to first token
    Curl()->easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(body->size()));
    Curl()->easy_setopt(curl, CURLOPT_POSTFIELDS, body->c_str());
  }
  Curl()->easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L);
  Curl()->easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  Curl()->easy_setopt(curl, CURLOPT_USERAGENT, "node-agent");
  Curl()->easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
  Curl()->easy_setopt(curl, CURLOPT_WRITEFUNCTION, &TakeBody);
  Curl()->easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  Curl()->easy_setopt(curl, CURLOPT_NOPROGRESS, 0L);
  Curl()->easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, &LookAtStop);
  Curl()->easy_setopt(curl, CURLOPT_XFERINFODATA, &transfer);
  const CURLcode code = Curl()->easy_perform(curl);
  TellAsides(curl, asides);
  if (code != CURLE_OK) return FromCurl(code, transfer, detail, url);
  const long status = StatusOf(curl);
  return status == kOk ? absl::OkStatus() : FromHttp(status, transfer, url);
}

absl::StatusOr<std::string> Whole(const Endpoint& endpoint, std::string_view path,
                                  const std::optional<std::string>& body) {
  std::string whole;
  const absl::Status done = Perform(endpoint, path, body, [&whole](std::string_view piece) {
    whole += piece;
    return absl::OkStatus();
  });
  if (!done.ok()) return done;
  return endpoint.key.StruckFromAnswer(whole);
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
    return absl::InvalidArgumentError(
        absl::StrCat("--api-key-env: the environment has no variable ", variable));
  }
  return Checked(value, absl::StrCat("the environment variable ", variable));
}

absl::StatusOr<ApiKey> ApiKey::FromFile(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) {
    return absl::NotFoundError(absl::StrCat(path, ": no such file, or nothing in it"));
  }
  return Checked(std::string(probe::Trim(line)), path);
}

std::string ApiKey::Header() const { return "Authorization: Bearer " + value_; }

std::string ApiKey::StruckFrom(std::string_view text) const {
  std::string kept;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t length = SpelledAt(text.substr(at), value_);
    if (length > 0) {
      kept += "***";
      at += length;
    } else {
      kept += text[at++];
    }
  }
  return kept;
}

std::string ApiKey::StruckFromAnswer(std::string_view text) const {
  return value_.size() < kShortestSecret ? std::string(text) : StruckFrom(text);
}

absl::StatusOr<std::string> CheckedUrl(std::string_view url) {
  const bool http =
      absl::StartsWithIgnoreCase(absl::string_view(url.data(), url.size()), "http://");
  const bool https =
      absl::StartsWithIgnoreCase(absl::string_view(url.data(), url.size()), "https://");
  if ((!http && !https) || HostOf(url).empty()) {
    return absl::InvalidArgumentError("--url: not an http or https URL");
  }
  const std::string_view authority = url.substr(0, url.find('/', https ? 8 : 7));
  if (authority.find('@') != std::string_view::npos) {
    return absl::InvalidArgumentError(
        "--url: a name or password in it; use --api-key-env or --api-key-file");
  }
  const bool plain =
      std::all_of(url.begin(), url.end(), [](unsigned char c) { return c > 0x20 && c < 0x7F; });
  if (!plain || url.find_first_of("?#") != std::string_view::npos) {
    return absl::InvalidArgumentError(
        "--url: no query, fragment, space or control character in it");
  }
  while (url.back() == '/') url.remove_suffix(1);
  return std::string(url);
}

absl::Status MayCarryKey(const Endpoint& endpoint) {
  if (endpoint.key.empty() || absl::StartsWithIgnoreCase(endpoint.url, "https:") ||
      IsPrivate(HostOf(endpoint.url))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      endpoint.url, ": an API key is not sent without TLS beyond a private network; use https"));
}

bool IsFromServer(const absl::Status& status) { return status.GetPayload(kAnswered).has_value(); }

bool IsElsewhere(const Endpoint& endpoint) {
  bool elsewhere = false;
  (void)Perform(endpoint, "/v1/models", std::nullopt,
                [](std::string_view) { return absl::OkStatus(); }, {.elsewhere = &elsewhere});
  return elsewhere;
}

absl::StatusOr<std::string> Get(const Endpoint& endpoint, std::string_view path) {
  return Whole(endpoint, path, std::nullopt);
}

absl::StatusOr<std::string> Post(const Endpoint& endpoint, std::string_view path,
                                 const std::string& json_body) {
  return Whole(endpoint, path, json_body);
}

absl::Status PostStreaming(const Endpoint& endpoint, std::string_view path,
                           const std::string& json_body,
                           const std::function<absl::Status(std::string_view)>& take,
                           std::string& content_type) {
  return Perform(endpoint, path, json_body, take, {.content_type = &content_type});
}

}  // namespace capacity::engine
