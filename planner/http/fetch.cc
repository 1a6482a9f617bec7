#include "planner/http/fetch.h"

#include <curl/curl.h>

#include <cctype>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "planner/http/curl_handle.h"

namespace capacity::http {
namespace {

struct Transfer {
  std::size_t limit = 0;
  bool too_large = false;
  Fetched result;
};

std::size_t TakeBody(char* data, std::size_t size, std::size_t count, void* context) {
  auto& transfer = *static_cast<Transfer*>(context);
  const std::size_t bytes = size * count;
  if (transfer.result.body.size() + bytes > transfer.limit) {
    transfer.too_large = true;
    return 0;  // anything but `bytes` ends the transfer
  }
  transfer.result.body.append(data, bytes);
  return bytes;
}

std::string Trimmed(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) {
    text.remove_prefix(1);
  }
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) {
    text.remove_suffix(1);
  }
  return std::string(text);
}

std::size_t TakeHeader(char* data, std::size_t size, std::size_t count, void* context) {
  auto& validators = static_cast<Transfer*>(context)->result.validators;
  const std::string_view line(data, size * count);
  const std::string name = std::string(line.substr(0, line.find(':')));
  if (absl::StartsWith(name, "HTTP/")) {
    validators = {};  // of a redirect before
  } else if (line.size() > name.size()) {
    const std::string value = Trimmed(line.substr(name.size() + 1));
    if (absl::EqualsIgnoreCase(name, "etag")) validators.etag = value;
    if (absl::EqualsIgnoreCase(name, "last-modified")) validators.last_modified = value;
  }
  return size * count;
}

absl::Status FromHttp(long status, const std::string& url) {
  const std::string message = absl::StrCat(url, ": HTTP ", status);
  if (status == 404 || status == 410) return absl::NotFoundError(message + " (not found)");
  if (status == 401 || status == 403) return absl::PermissionDeniedError(message + " (refused)");
  return absl::UnavailableError(message);
}

absl::Status FromCurl(CURLcode code, const Transfer& transfer, const char* detail,
                      const std::string& url) {
  const std::string why = *detail != '\0' ? detail : curl_easy_strerror(code);
  const std::string message = absl::StrCat(url, ": ", why);
  if (transfer.too_large || code == CURLE_FILESIZE_EXCEEDED) {
    return absl::OutOfRangeError(
        absl::StrCat(url, ": more than ", transfer.limit, " bytes; refused"));
  }
  switch (code) {
    case CURLE_OPERATION_TIMEDOUT:
      return absl::DeadlineExceededError(absl::StrCat(url, ": no answer in time: ", why));
    case CURLE_PARTIAL_FILE:
    case CURLE_GOT_NOTHING:
      return absl::DataLossError(absl::StrCat(url, ": the answer broke off: ", why));
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
      return absl::InvalidArgumentError(
          absl::StrCat(url, ": not an http or https URL, or it leads away from https"));
    default:
      return absl::UnavailableError(message);
  }
}

Headers ConditionsOf(const Validators& known) {
  Headers headers;
  if (!known.etag.empty()) AddHeader(headers, "If-None-Match: " + known.etag);
  if (!known.last_modified.empty()) AddHeader(headers, "If-Modified-Since: " + known.last_modified);
  return headers;
}

}  // namespace

absl::StatusOr<Fetched> Fetch(const std::string& url, const Validators& known,
                              const FetchLimits& limits) {
  const EasyHandle handle = NewHandle();
  if (handle == nullptr) return absl::UnavailableError("libcurl does not start");
  Transfer transfer;
  transfer.limit = limits.bytes;
  char detail[CURL_ERROR_SIZE] = "";
  const Headers headers = ConditionsOf(known);
  CURL* curl = handle.get();
  curl_easy_setopt(curl, CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR,
                   absl::StartsWithIgnoreCase(url, "https:") ? "https" : "http,https");
  curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(curl, CURLOPT_MAXREDIRS, static_cast<long>(limits.redirects));
  curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, static_cast<long>(limits.connect.count()));
  curl_easy_setopt(curl, CURLOPT_TIMEOUT, static_cast<long>(limits.total.count()));
  curl_easy_setopt(curl, CURLOPT_MAXFILESIZE_LARGE, static_cast<curl_off_t>(limits.bytes));
  curl_easy_setopt(curl, CURLOPT_ACCEPT_ENCODING, "");  // whatever this libcurl can decompress
  curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers.get());
  curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, detail);
  curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, &TakeBody);
  curl_easy_setopt(curl, CURLOPT_WRITEDATA, &transfer);
  curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, &TakeHeader);
  curl_easy_setopt(curl, CURLOPT_HEADERDATA, &transfer);
  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) return FromCurl(code, transfer, detail, url);
  long status = 0;
  curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
  constexpr long kOk = 200;
  constexpr long kNotModified = 304;
  if (status == kNotModified) {
    transfer.result.not_modified = true;
    transfer.result.body.clear();
  } else if (status != kOk) {
    return FromHttp(status, url);
  }
  return std::move(transfer.result);
}

}  // namespace capacity::http
