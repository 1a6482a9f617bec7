#include "tests/support/program.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"

namespace capacity::testing {
namespace {

std::string ReadAndRemove(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  unlink(file.c_str());
  return text.str();
}

std::string FreshPath(const std::string& extension) {
  static std::atomic<int> counter{0};
  return ::testing::TempDir() + "capacity-" + std::to_string(getpid()) + "-" +
         std::to_string(counter++) + extension;
}

std::vector<char*> Pointers(std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (std::string& text : strings) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

}  // namespace

Ran Planner(const std::vector<std::string>& arguments,
            const std::vector<std::string>& environment) {
  std::vector<std::string> argv = {CAPACITY_PLANNER};
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  std::vector<std::string> env = environment;
  for (const char* kept : {"ASAN_OPTIONS", "UBSAN_OPTIONS"}) {
    if (const char* value = std::getenv(kept)) env.push_back(std::string(kept) + "=" + value);
  }
  const std::string out = FreshPath(".out");
  const std::string err = FreshPath(".err");
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0600);
  pid_t child = 0;
  const int spawned = posix_spawn(&child, CAPACITY_PLANNER, &actions, nullptr,
                                  Pointers(argv).data(), Pointers(env).data());
  posix_spawn_file_actions_destroy(&actions);
  Ran ran;
  if (spawned != 0) return ran;
  int status = 0;
  waitpid(child, &status, 0);
  ran.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  ran.out = ReadAndRemove(out);
  ran.err = ReadAndRemove(err);
  return ran;
}

std::string TempFile(const std::string& text, const std::string& extension) {
  const std::string path = FreshPath(extension);
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

}  // namespace capacity::testing
