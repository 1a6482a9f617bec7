// The real llama.cpp that tests/e2e/llama_cpp/make_chroot.sh makes.
#pragma once

#include <string>

namespace capacity::e2e {

extern const char kLlamaCppScripts[];  // their directory, "/" at its end

std::string LlamaCppDirectory();  // as the scripts have it

enum class Presence { kThere, kAbsent, kBroken };
struct LlamaCpp {
  Presence presence = Presence::kAbsent;
  std::string why;  // for a person, unless it is there
};
// With CAPACITY_LLAMA_CPP=1 it is made where it is absent.
LlamaCpp FindLlamaCpp();

// A command that runs inside.
std::string Inside(const std::string& command);

// Path of ggml-rpc-server inside; "" when it is not there.
std::string RpcServerInside();

}  // namespace capacity::e2e
