// libcurl, loaded when a server is first asked: an agent that only reports does without its five
// megabytes of libraries. For http.cc.
#pragma once

#include <curl/curl.h>

namespace capacity::engine {

struct CurlLibrary {
  decltype(&curl_global_init) global_init = nullptr;
  decltype(&curl_easy_init) easy_init = nullptr;
  decltype(&curl_easy_cleanup) easy_cleanup = nullptr;
  decltype(&curl_easy_setopt) easy_setopt = nullptr;
  decltype(&curl_easy_getinfo) easy_getinfo = nullptr;
  decltype(&curl_easy_perform) easy_perform = nullptr;
  decltype(&curl_easy_strerror) easy_strerror = nullptr;
  decltype(&curl_slist_append) slist_append = nullptr;
  decltype(&curl_slist_free_all) slist_free_all = nullptr;
};

// Null when this system has no libcurl, or one that does not start. From any thread.
const CurlLibrary* Curl();

}  // namespace capacity::engine
