#include "app/cli/launch.hpp"

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

#include "core/base/as_error.hpp"
#include "core/base/printable.hpp"

namespace accord::app {
namespace {

void share_cores(int local_ranks) {
  if (std::getenv("OMP_NUM_THREADS")) return;
  int const of_node = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  omp_set_num_threads(std::clamp(of_node / local_ranks, 1, omp_get_num_procs()));
}

std::string host_name() {
  char name[256] = "";
  return gethostname(name, sizeof name - 1) == 0 ? name : "an unknown host";
}

/// Ends the job. A rank on its own returns its exit code, to spare the user MPI's words.
int end_all(parallel::MpiEnvironment const& mpi, Error const& error) {
  report_error(mpi.size() == 1 ? -1 : mpi.rank(), error.what());
  if (mpi.size() == 1) return static_cast<int>(error.exit_code());
  parallel::MpiEnvironment::abort(error.exit_code());
}

}  // namespace

int launch(std::function<int(parallel::MpiEnvironment const&)> const& body) {
  int argc = 0;
  char** argv = nullptr;
  parallel::MpiEnvironment const mpi(argc, argv);
  share_cores(mpi.local_size());
  try {
    return body(mpi);
  } catch (std::exception const&) {
    return end_all(mpi, as_error(std::current_exception()));
  }
}

int launched_rank() {
  for (char const* name : {"OMPI_COMM_WORLD_RANK", "PMIX_RANK", "PMI_RANK", "SLURM_PROCID"})
    if (char const* rank = std::getenv(name)) return std::atoi(rank);
  return -1;
}

void report_error(int rank, std::string const& message) {
  if (rank > 0) std::this_thread::sleep_for(std::chrono::milliseconds(500));
  if (rank >= 0) std::cerr << "[rank " << rank << " on " << host_name() << "] ";
  std::cerr << "error: " << printable_lines(message) << std::endl;
}

int threads_per_rank() { return omp_get_max_threads(); }

int loader_threads(std::int64_t data_threads) {
  return data_threads > 0 ? static_cast<int>(data_threads) : std::max(1, threads_per_rank() / 4);
}

}  // namespace accord::app
