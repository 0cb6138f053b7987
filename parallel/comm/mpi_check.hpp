#pragma once

#include <string>

namespace accord::parallel {

/// Throws Error "[rank 3] MPI_Bcast(...) failed: MPI_ERR_ROOT: invalid root (x.cpp:14)".
[[noreturn]] void throw_mpi_error(char const* call, int code, char const* file, int line);

}  // namespace accord::parallel

/// For calls that return an MPI error code (their communicator has MPI_ERRORS_RETURN).
#define ACCORD_MPI(call)                                                             \
  do {                                                                               \
    if (int const mpi_code_ = (call); mpi_code_ != 0) [[unlikely]] /* MPI_SUCCESS */ \
      ::accord::parallel::throw_mpi_error(#call, mpi_code_, __FILE__, __LINE__);     \
  } while (0)
