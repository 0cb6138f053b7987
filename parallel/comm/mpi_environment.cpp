#include "parallel/comm/mpi_environment.hpp"

#include <mpi.h>

#include <cstdlib>
#include <exception>

#include "parallel/comm/mpi_check.hpp"

namespace accord::parallel {

MpiEnvironment::MpiEnvironment(int& argc, char**& argv) {
  int provided = MPI_THREAD_SINGLE;
  ACCORD_MPI(MPI_Init_thread(&argc, &argv, MPI_THREAD_FUNNELED, &provided));
  ACCORD_MPI(MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN));
  if (provided < MPI_THREAD_FUNNELED)
    throw Error("this MPI library does not support threads beside the one that calls it");
  ACCORD_MPI(MPI_Comm_rank(MPI_COMM_WORLD, &rank_));
  ACCORD_MPI(MPI_Comm_size(MPI_COMM_WORLD, &size_));

  MPI_Comm node = MPI_COMM_NULL;
  ACCORD_MPI(
      MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank_, MPI_INFO_NULL, &node));
  ACCORD_MPI(MPI_Comm_rank(node, &local_rank_));
  ACCORD_MPI(MPI_Comm_size(node, &local_size_));
  ACCORD_MPI(MPI_Comm_free(&node));

  char name[MPI_MAX_PROCESSOR_NAME] = "";
  int length = 0;
  ACCORD_MPI(MPI_Get_processor_name(name, &length));
  node_.assign(name, static_cast<std::size_t>(length));
}

MpiEnvironment::~MpiEnvironment() {
  if (std::uncaught_exceptions() > 0) abort(ExitCode::internal);
  MPI_Finalize();
}

void MpiEnvironment::abort(ExitCode code) {
  MPI_Abort(MPI_COMM_WORLD, static_cast<int>(code));
  std::_Exit(static_cast<int>(code));
}

}  // namespace accord::parallel
