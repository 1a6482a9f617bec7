#include "node-agent/engine/http.h"

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "nlohmann/json.hpp"
#include "node-agent/engine/curl_library.h"
#include "node-agent/engine/json_fields.h"
#include "node-agent/probe/text.h"
#include "planner/base/host_name.h"

namespace capacity::engine {
namespace {

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
  if (const absl::Status allowed = MayCarryKey(endpoint.url, endpoint.key); !allowed.ok())
    return allowed;
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
