#include "app/launch.hpp"

#include <omp.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <new>
#include <thread>

namespace accord::app {
namespace {

void share_cores(int local_ranks) {
  if (std::getenv("OMP_NUM_THREADS")) return;
  int const of_node = static_cast<int>(sysconf(_SC_NPROCESSORS_ONLN));
  omp_set_num_threads(std::clamp(of_node / local_ranks, 1, omp_get_num_procs()));
}

[[noreturn]] void end_all(int rank, std::string const& message, ExitCode code) {
  // Most errors (a key, a file, a checkpoint) hit all ranks at once. The others give rank 0 a
  // moment to say it for all; its abort ends them before they speak. A rank that is alone with its
  // error is only a little late.
  if (rank != 0) std::this_thread::sleep_for(std::chrono::milliseconds(500));
  std::cerr << "[rank " << rank << "] error: " << message << std::endl;
  parallel::MpiEnvironment::abort(code);
}

}  // namespace

int launch(std::function<int(parallel::MpiEnvironment const&)> const& body) {
  int argc = 0;
  char** argv = nullptr;
  parallel::MpiEnvironment const mpi(argc, argv);
  share_cores(mpi.local_size());
  try {
    return body(mpi);
  } catch (Error const& error) {
    end_all(mpi.rank(), error.what(), error.exit_code());
  } catch (std::bad_alloc const&) {
    end_all(mpi.rank(), "out of memory", ExitCode::internal);
  } catch (std::exception const& error) {
    end_all(mpi.rank(), error.what(), ExitCode::internal);
  }
}

int threads_per_rank() { return omp_get_max_threads(); }

}  // namespace accord::app
