#pragma once

#include <string>

#include "core/base/error.hpp"

namespace accord::parallel {

/// MPI from construction to destruction; one per process, made at the start of main. All MPI calls
/// come from the thread that made it (MPI_THREAD_FUNNELED). A program started without mpirun or
/// srun is a world of one rank.
class MpiEnvironment {
 public:
  /// \throws Error if MPI cannot give the thread level.
  MpiEnvironment(int& argc, char**& argv);
  MpiEnvironment(MpiEnvironment const&) = delete;
  MpiEnvironment& operator=(MpiEnvironment const&) = delete;
  /// Collective: finalizes MPI. While an exception unwinds it ends all ranks instead, because a
  /// rank that finalizes alone leaves its peers waiting for ever.
  ~MpiEnvironment();

  int rank() const { return rank_; }
  int size() const { return size_; }
  int local_rank() const { return local_rank_; }  ///< among the ranks of this node
  int local_size() const { return local_size_; }
  std::string const& node() const { return node_; }

  /// Ends all ranks of the job at once, with this exit code. Not collective.
  [[noreturn]] static void abort(ExitCode code);

 private:
  int rank_ = 0, size_ = 1, local_rank_ = 0, local_size_ = 1;
  std::string node_;
};

}  // namespace accord::parallel
