#pragma once
// Asking a run to stop: SIGINT, SIGTERM and SIGUSR1 (what a batch system sends before its time
// limit).

namespace accord::app {

/// From here on the three signals only leave a mark, so that a run ends between two steps with a
/// checkpoint. Call after MPI is up, which has handlers of its own.
void catch_stop_signals();

/// Whether one has come to this rank. The ranks of a job must agree before they act on it.
bool stop_signalled();

}  // namespace accord::app
