#include "planner/cli/watch.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <iostream>

namespace capacity::cli {
namespace {

std::atomic<bool> interrupt_asked{false};

extern "C" void AskToStop(int signal) {
  interrupt_asked.store(true, std::memory_order_relaxed);
  std::signal(signal, SIG_DFL);  // whoever asks twice does not want to wait
}

}  // namespace

Watched::Watched() : terminal_(isatty(STDERR_FILENO) != 0) {
  interrupt_asked = false;
  std::signal(SIGINT, AskToStop);
}

Watched::~Watched() {
  if (shown_) std::cerr << "\r\033[K" << std::flush;
  std::signal(SIGINT, SIG_DFL);
}

purchase::Watch Watched::watch() {
  purchase::Watch watch;
  watch.stop = &interrupt_asked;
  watch.progress = [this](std::string_view what) { Show(what); };
  return watch;
}

bool Watched::interrupted() const { return interrupt_asked.load(std::memory_order_relaxed); }

void Watched::Show(std::string_view what) {
  constexpr auto kPatience = std::chrono::seconds(1);
  if (!terminal_ || std::chrono::steady_clock::now() - start_ < kPatience) return;
  std::cerr << "\r\033[K" << what << "... (Ctrl-C: the best so far)" << std::flush;
  shown_ = true;
}

}  // namespace capacity::cli
