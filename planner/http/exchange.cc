#include "planner/http/exchange.h"

#include <curl/curl.h>

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "planner/http/curl_handle.h"

namespace capacity::http {
namespace {

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

}  // namespace

absl::StatusOr<Answer> Exchange(const Endpoint& endpoint, const std::string& method,
                                std::string_view path, const std::string& body) {
  if (const absl::Status allowed = MayCarryKey(endpoint.url, endpoint.key); !allowed.ok())
    return allowed;
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
  transfer.answer.body = endpoint.key.StruckFromAnswer(transfer.answer.body);
  return std::move(transfer.answer);
}

}  // namespace capacity::http
