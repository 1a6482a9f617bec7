// Real programs, started and ended by a test.
#pragma once

#include <sys/types.h>

#include <string>

namespace capacity::e2e {

// Runs a command of /bin/sh; its stderr is dropped. True when it ends with 0.
bool Shell(const std::string& command);

// A command of /bin/sh that runs beside the test; ended with SIGTERM at the latest when this is
// destroyed.
class Program {
 public:
  // Everything that it says goes to the file `log`.
  Program(const std::string& command, const std::string& log);
  ~Program();
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;

  void Signal(int signal) const;
  // Sends the signal and waits for the end. Its exit code; 128 + signal when a signal ended it; -1
  // when it had ended before.
  int End(int signal);

  // Waits for its end; as End.
  int Wait();

  // True as soon as the log holds `text`; false when it ends before, or after `seconds`.
  bool Says(const std::string& text, int seconds);

 private:
  const std::string log_;
  pid_t id_ = 0;
};

// What a command said, and how it ended.
struct Ran {
  int exit_code = -1;  // 128 + signal when killed
  std::string out;
  std::string err;
};
Ran Run(const std::string& command);

std::string ReadFile(const std::string& path);  // "" when it is not there

// A TCP port of 127.0.0.1 that nobody listens on now.
int FreePort();

}  // namespace capacity::e2e
