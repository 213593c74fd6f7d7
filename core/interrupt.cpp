#include "core/interrupt.h"

#include <unistd.h>

#include <csignal>

#include "core/error.h"

namespace totum {

namespace {

// The one mutable static of the project: a signal handler can reach nothing else.
volatile std::sig_atomic_t requested = 0;

extern "C" void on_signal(int signal) {
  if (requested != 0 && signal == SIGINT) ::_exit(130);
  requested = 1;
}

}  // namespace

void install_interrupt_handler() {
  struct sigaction action {};
  action.sa_handler = on_signal;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_RESTART;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupt_requested() noexcept { return requested != 0; }

void stop_if_interrupted(const std::string& how_to_continue) {
  if (interrupt_requested()) throw Interrupted("stopped as asked; " + how_to_continue);
}

}  // namespace totum
