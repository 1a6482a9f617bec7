#include "node-agent/engine/curl_library.h"

#include <dlfcn.h>

#include <initializer_list>

namespace capacity::engine {
namespace {

// The version of the interface that every libcurl since 2006 has.
void* Open() {
  for (const char* name :
       {"libcurl.so.4", "libcurl-gnutls.so.4", "libcurl.4.dylib", "/usr/lib/libcurl.4.dylib"}) {
    if (void* library = dlopen(name, RTLD_NOW | RTLD_LOCAL)) return library;
  }
  return nullptr;
}

template <class Function>
bool Find(void* library, const char* name, Function& function) {
  function = reinterpret_cast<Function>(dlsym(library, name));
  return function != nullptr;
}

// Never unloaded: it keeps threads and state of its own.
const CurlLibrary* Load() {
  void* const library = Open();
  if (library == nullptr) return nullptr;
  auto* const curl = new CurlLibrary();
  const bool whole = Find(library, "curl_global_init", curl->global_init) &&
                     Find(library, "curl_easy_init", curl->easy_init) &&
                     Find(library, "curl_easy_cleanup", curl->easy_cleanup) &&
                     Find(library, "curl_easy_setopt", curl->easy_setopt) &&
                     Find(library, "curl_easy_getinfo", curl->easy_getinfo) &&
                     Find(library, "curl_easy_perform", curl->easy_perform) &&
                     Find(library, "curl_easy_strerror", curl->easy_strerror) &&
                     Find(library, "curl_slist_append", curl->slist_append) &&
                     Find(library, "curl_slist_free_all", curl->slist_free_all);
  // libcurl wants this once, before anything else.
  if (whole && curl->global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK) return curl;
  delete curl;
  return nullptr;
}

}  // namespace

const CurlLibrary* Curl() {
  static const CurlLibrary* const kCurl = Load();
  return kCurl;
}

}  // namespace capacity::engine
