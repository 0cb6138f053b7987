#pragma once

#include "parallel/comm/ordered_communicator.hpp"

namespace accord::parallel {

/// A group of MPI processes. Owns one MPI_Comm. Messages of any length; memory is the host's. All
/// calls come from the thread that initialised MPI, while an MpiEnvironment lives.
class MpiCommunicator final : public OrderedCommunicator {
 public:
  /// Collective over all processes.
  static std::unique_ptr<MpiCommunicator> world();
  ~MpiCommunicator() override;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  /// `send` may be this rank's part of `gathered`.
  void all_gather(Queue& queue, ConstView send, View gathered) override;
  void broadcast(Queue& queue, View x, int root) override;
  void barrier(Queue& queue) override;
  std::unique_ptr<GroupCommunicator> split(int color, int key) override;

 private:
  struct Handle;  // keeps <mpi.h> out of this header
  class MpiTransfers;

  explicit MpiCommunicator(std::unique_ptr<Handle> handle);
  std::unique_ptr<Transfers> start_transfers(Lane lane, std::span<Outgoing const> outgoing,
                                             std::span<Incoming const> incoming) override;

  std::unique_ptr<Handle> handle_;
  int rank_ = 0, size_ = 1;
};

}  // namespace accord::parallel
