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

/// Ends the job. A rank on its own returns its exit code, to spare the user MPI's words.
int end_all(parallel::MpiEnvironment const& mpi, Error const& error) {
  if (mpi.size() == 1) {
    std::cerr << "error: " << printable_lines(error.what()) << std::endl;
    return static_cast<int>(error.exit_code());
  }
  // Most errors (a key, a file, a checkpoint) hit all ranks at once. The others give rank 0 a
  // moment to say it for all; its abort ends them before they speak. A rank that is alone with its
  // error is only a little late.
  if (mpi.rank() != 0) std::this_thread::sleep_for(std::chrono::milliseconds(500));
  std::cerr << "[rank " << mpi.rank() << "] error: " << printable_lines(error.what()) << std::endl;
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

int threads_per_rank() { return omp_get_max_threads(); }

int loader_threads(std::int64_t data_threads) {
  return data_threads > 0 ? static_cast<int>(data_threads) : std::max(1, threads_per_rank() / 4);
}

}  // namespace accord::app
