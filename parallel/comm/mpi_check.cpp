#include "parallel/comm/mpi_check.hpp"

#include <fmt/format.h>
#include <mpi.h>

#include <filesystem>

#include "core/base/error.hpp"

namespace accord::parallel {

void throw_mpi_error(char const* call, int code, char const* file, int line) {
  int rank = -1, length = 0;
  char reason[MPI_MAX_ERROR_STRING] = "";
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Error_string(code, reason, &length);
  throw Error(fmt::format("[rank {}] {} failed: {} ({}:{})", rank, call,
                          std::string(reason, static_cast<std::size_t>(length)),
                          std::filesystem::path(file).filename().string(), line));
}

}  // namespace accord::parallel
