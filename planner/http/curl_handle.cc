#include "planner/http/curl_handle.h"

#include <curl/curl.h>

#include <cstdlib>

namespace capacity::http {
namespace {

// libcurl wants this once, before anything else.
bool InitialiseOnce() {
  static const bool ready = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK;
  return ready;
}

}  // namespace

void EasyCloser::operator()(void* handle) const { curl_easy_cleanup(handle); }

void ListCloser::operator()(curl_slist* list) const { curl_slist_free_all(list); }

EasyHandle NewHandle() {
  EasyHandle handle(InitialiseOnce() ? curl_easy_init() : nullptr);
  if (handle == nullptr) return handle;
  curl_easy_setopt(handle.get(), CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(handle.get(), CURLOPT_USERAGENT, "capacity-planner");
  if (const char* roots = std::getenv("CURL_CA_BUNDLE"); roots != nullptr && *roots != '\0') {
    curl_easy_setopt(handle.get(), CURLOPT_CAINFO, roots);
  }
  return handle;
}

void AddHeader(Headers& headers, const std::string& line) {
  curl_slist* longer = curl_slist_append(headers.get(), line.c_str());
  if (longer == nullptr) return;
  headers.release();
  headers.reset(longer);
}

}  // namespace capacity::http
