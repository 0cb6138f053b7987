#pragma once
// Starting and ending the ranks of a job.

#include <cstdint>
#include <functional>
#include <string>

#include "parallel/comm/mpi_environment.hpp"

namespace accord::app {

/// Runs `body` on every rank with MPI up and the threads of each rank set: the cores of the node
/// shared by its ranks, unless OMP_NUM_THREADS or the binding says less. Returns what body returns.
/// An error on any rank ends all ranks with its exit code; it is printed as by report_error(); a
/// single rank prints "error: ..." and its code is returned.
int launch(std::function<int(parallel::MpiEnvironment const&)> const& body);

/// This process's rank as mpirun or srun has told it, also before MPI is up; -1 without them.
int launched_rank();

/// Prints "[rank 3 on node7] error: ...", without the place where `rank` is negative. Most errors
/// (a key, a file, a checkpoint) hit all ranks at once: the others give rank 0 a moment to say it
/// for all, after which the launcher or its abort ends them before they speak. A rank that is alone
/// with its error is only a little late.
void report_error(int rank, std::string const& message);

/// Threads of each rank, as launch() has set them.
int threads_per_rank();

/// Threads that read and decode for a rank which also computes: what data.threads says, or if that
/// is 0 a part of the rank's, because decoding is a small part of the work.
int loader_threads(std::int64_t data_threads);

}  // namespace accord::app
