#pragma once
// Asking a program to stop, and signals that are to be errors instead of deaths.

namespace accord::app {

/// SIGPIPE and SIGXFSZ end no program of ours: the write that they belong to fails instead, and is
/// reported as any other that fails.
void turn_write_signals_into_errors();

/// From here on SIGINT, SIGTERM, SIGUSR1 (what a batch system sends before its time limit),
/// SIGUSR2, SIGXCPU, SIGQUIT and SIGHUP (unless it is ignored, as `nohup` wants it) only leave a
/// mark, so that a run ends with a checkpoint. Called first of all, and again once MPI is up, which
/// has handlers of its own.
void catch_stop_signals();

/// Whether one has come to this rank. The ranks of a job must agree before they act on it.
bool stop_signalled();

}  // namespace accord::app
