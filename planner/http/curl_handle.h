// What every transfer with libcurl starts from.
#pragma once

#include <memory>
#include <string>

struct curl_slist;

namespace capacity::http {

struct EasyCloser {
  void operator()(void* handle) const;
};
using EasyHandle = std::unique_ptr<void, EasyCloser>;  // a CURL

struct ListCloser {
  void operator()(curl_slist* list) const;
};
using Headers = std::unique_ptr<curl_slist, ListCloser>;

// A transfer that raises no signals and trusts the system's roots, or those of CURL_CA_BUNDLE. Null
// when libcurl does not start.
EasyHandle NewHandle();

void AddHeader(Headers& headers, const std::string& line);

}  // namespace capacity::http
