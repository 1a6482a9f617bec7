#include "tests/e2e/llama_cpp.h"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include "tests/e2e/support.h"

namespace capacity::e2e {
namespace {

namespace fs = std::filesystem;

std::string Environment(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

}  // namespace

const char kLlamaCppScripts[] = CAPACITY_SOURCE_DIR "/tests/e2e/llama_cpp/";

std::string LlamaCppDirectory() {
  if (const std::string stated = Environment("CAPACITY_LLAMA_CPP_DIR"); !stated.empty()) {
    return stated;
  }
  std::string cache = Environment("XDG_CACHE_HOME");
  const std::string home = Environment("HOME");
  if (cache.empty()) cache = (home.empty() ? "/root" : home) + "/.cache";
  return cache + "/capacity-planner/llama.cpp";
}

LlamaCpp FindLlamaCpp() {
  if (geteuid() != 0) return {Presence::kAbsent, "only root can run what is in a chroot"};
  const std::string directory = LlamaCppDirectory();
  if (!fs::exists(directory + "/sid/etc/capacity-packages")) {
    if (Environment("CAPACITY_LLAMA_CPP") != "1") {
      return {Presence::kAbsent,
              "no llama.cpp in " + directory +
                  ": tests/e2e/llama_cpp/make_chroot.sh makes one (root, about a minute, 250 MB of "
                  "downloads); with CAPACITY_LLAMA_CPP=1 the tests do"};
    }
    constexpr int kCannot = 77;  // as make_chroot.sh has it
    const Ran made = Run(std::string(kLlamaCppScripts) + "make_chroot.sh " + directory);
    if (made.exit_code == kCannot) return {Presence::kAbsent, made.err};
    if (made.exit_code != 0) return {Presence::kBroken, made.err};
  }
  if (!Shell(Inside("true"))) return {Presence::kAbsent, "no file systems can be mounted here"};
  return {Presence::kThere, ""};
}

std::string Inside(const std::string& command) {
  return std::string(kLlamaCppScripts) + "in_chroot.sh " + command;
}

std::string RpcServerInside() {
  for (const auto& place : fs::directory_iterator(LlamaCppDirectory() + "/sid/usr/libexec")) {
    const std::string under = "/llama/bin/ggml-rpc-server";
    if (fs::exists(place.path().string() + under)) {
      return "/usr/libexec/" + place.path().filename().string() + under;
    }
  }
  return "";
}

}  // namespace capacity::e2e
