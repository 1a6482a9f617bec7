// A program that has not ended for its parent though it was killed, as one that hangs in the
// kernel: another traces it for eight seconds and does not ask how it ended. Prints "ready" once
// that is so. Exit code 77: this machine lets nobody trace.
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <unistd.h>

#include <cstdio>

int main() {
  int ready[2];
  int may_trace[2];
  if (pipe(ready) != 0 || pipe(may_trace) != 0) return 1;
  const pid_t traced = getpid();
  const pid_t tracer = fork();
  char answer = 0;
  if (tracer == 0) {
    setsid();  // out of reach of what kills the group
    if (read(may_trace[0], &answer, 1) != 1) _exit(1);
    answer = ptrace(PTRACE_SEIZE, traced, nullptr, nullptr) == 0 ? 'y' : 'n';
    if (write(ready[1], &answer, 1) != 1) _exit(1);
    sleep(8);
    _exit(0);
  }
  prctl(PR_SET_PTRACER, tracer, 0, 0, 0);
  if (write(may_trace[1], "y", 1) != 1 || read(ready[0], &answer, 1) != 1) return 1;
  if (answer != 'y') return 77;
  std::puts("ready");
  std::fflush(stdout);
  pause();
  return 0;
}
