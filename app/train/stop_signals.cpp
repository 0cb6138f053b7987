#include "app/train/stop_signals.hpp"

#include <csignal>
#include <initializer_list>

namespace accord::app {
namespace {

std::sig_atomic_t volatile signalled = 0;

extern "C" void leave_mark(int) { signalled = 1; }

}  // namespace

void catch_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = leave_mark;
  action.sa_flags = SA_RESTART;  // file operations under way go on
  for (int const signal : {SIGINT, SIGTERM, SIGUSR1}) sigaction(signal, &action, nullptr);
}

bool stop_signalled() { return signalled != 0; }

}  // namespace accord::app
