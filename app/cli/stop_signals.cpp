#include "app/cli/stop_signals.hpp"

#include <csignal>
#include <initializer_list>

namespace accord::app {
namespace {

std::sig_atomic_t volatile signalled = 0;

extern "C" void leave_mark(int) { signalled = 1; }

bool is_ignored(int signal) {
  struct sigaction now = {};
  return sigaction(signal, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

}  // namespace

void turn_write_signals_into_errors() {
  for (int const signal : {SIGPIPE, SIGXFSZ}) std::signal(signal, SIG_IGN);
}

void catch_stop_signals() {
  struct sigaction action = {};
  action.sa_handler = leave_mark;
  action.sa_flags = SA_RESTART;  // file operations under way go on
  for (int const signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGXCPU, SIGQUIT})
    sigaction(signal, &action, nullptr);
  if (!is_ignored(SIGHUP)) sigaction(SIGHUP, &action, nullptr);
}

bool stop_signalled() { return signalled != 0; }

}  // namespace accord::app
