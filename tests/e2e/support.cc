#include "tests/e2e/support.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <iterator>
#include <thread>

extern char** environ;

namespace capacity::e2e {
namespace {

pid_t Spawn(const std::string& line) {
  std::string text = line;
  std::string shell = "/bin/sh";
  std::string flag = "-c";
  char* argv[] = {shell.data(), flag.data(), text.data(), nullptr};
  pid_t id = 0;
  EXPECT_EQ(posix_spawn(&id, "/bin/sh", nullptr, nullptr, argv, environ), 0);
  return id;
}

int CodeOf(int status) {
  return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

std::string TakeFile(const std::string& path) {
  std::string text = ReadFile(path);
  unlink(path.c_str());
  return text;
}

}  // namespace

bool Shell(const std::string& command) {
  return std::system((command + " 2>/dev/null").c_str()) == 0;
}

Program::Program(const std::string& command, const std::string& log)
    : log_(log), id_(Spawn("exec " + command + " >" + log + " 2>&1")) {}

Program::~Program() { End(SIGTERM); }

void Program::Signal(int signal) const {
  if (id_ > 0) kill(id_, signal);
}

int Program::End(int signal) {
  if (id_ <= 0) return -1;
  kill(id_, signal);
  return Wait();
}

int Program::Wait() {
  if (id_ <= 0) return -1;
  int status = 0;
  waitpid(id_, &status, 0);
  id_ = 0;
  return CodeOf(status);
}

bool Program::Says(const std::string& text, int seconds) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(seconds);
  while (std::chrono::steady_clock::now() < end) {
    if (ReadFile(log_).find(text) != std::string::npos) return true;
    siginfo_t state = {};
    if (id_ <= 0 ||
        waitid(P_PID, static_cast<id_t>(id_), &state, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        state.si_pid != 0) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return false;
}

Ran Run(const std::string& command) {
  std::string file = ::testing::TempDir() + "capacity-ran-XXXXXX";
  close(mkstemp(file.data()));
  int status = 0;
  waitpid(Spawn("{ " + command + "; } >" + file + " 2>" + file + ".err"), &status, 0);
  return {CodeOf(status), TakeFile(file), TakeFile(file + ".err")};
}

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

int FreePort() {
  const int socket_number = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(bind(socket_number, reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(getsockname(socket_number, reinterpret_cast<sockaddr*>(&address), &size), 0);
  close(socket_number);
  return ntohs(address.sin_port);
}

}  // namespace capacity::e2e
