// Whether a llama.cpp RPC server is there, and which protocol it speaks.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "planner/launch/launch.h"
#include "planner/operate/progress.h"

namespace capacity::operate {

struct RpcVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;

  friend bool operator==(const RpcVersion&, const RpcVersion&) = default;
};
std::string ToString(const RpcVersion& version);  // "8.0.0"

// Connects, says hello and leaves. Unavailable when nobody listens, DeadlineExceeded when nobody
// answers (an RPC server has one client at a time), DataLoss for another protocol, Cancelled.
absl::StatusOr<RpcVersion> SayHello(const launch::Address& at, const Control& control);

// Whether somebody accepts TCP connections there.
bool Listens(const launch::Address& at, const Control& control);

}  // namespace capacity::operate
