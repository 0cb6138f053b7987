#include "parallel/comm/mpi_communicator.hpp"

#include <mpi.h>

#include <exception>
#include <limits>
#include <utility>
#include <vector>

#include "parallel/comm/mpi_check.hpp"

namespace accord::parallel {
namespace {

// `bytes` consecutive bytes as MPI counts them: beyond the 2^31 of an int as one element of a type
// of that size, so that collectives place it like any other element.
class Extent {
 public:
  explicit Extent(std::size_t bytes) {
    if (bytes <= static_cast<std::size_t>(std::numeric_limits<int>::max())) {
      count_ = static_cast<int>(bytes);
      return;
    }
    constexpr std::size_t block_bytes = std::size_t{1} << 30;
    MPI_Datatype block = MPI_DATATYPE_NULL;
    ACCORD_MPI(MPI_Type_contiguous(static_cast<int>(block_bytes), MPI_BYTE, &block));
    int const blocks = static_cast<int>(bytes / block_bytes);
    int lengths[] = {blocks, static_cast<int>(bytes % block_bytes)};
    MPI_Aint offsets[] = {0, static_cast<MPI_Aint>(block_bytes) * blocks};
    MPI_Datatype types[] = {block, MPI_BYTE};
    ACCORD_MPI(MPI_Type_create_struct(2, lengths, offsets, types, &type_));
    ACCORD_MPI(MPI_Type_free(&block));
    ACCORD_MPI(MPI_Type_commit(&type_));
    count_ = 1;
  }
  Extent(Extent const&) = delete;
  Extent& operator=(Extent const&) = delete;
  ~Extent() {  // transfers under way keep the type alive
    if (type_ != MPI_BYTE) MPI_Type_free(&type_);
  }
  int count() const { return count_; }
  MPI_Datatype type() const { return type_; }

 private:
  int count_ = 0;
  MPI_Datatype type_ = MPI_BYTE;
};

}  // namespace

struct MpiCommunicator::Handle {
  MPI_Comm comm = MPI_COMM_NULL;
};

class MpiCommunicator::MpiTransfers final : public Transfers {
 public:
  MpiTransfers(MPI_Comm comm, int tag, std::span<Outgoing const> outgoing,
               std::span<Incoming const> incoming) {
    requests_.reserve(outgoing.size() + incoming.size());
    for (Incoming const& in : incoming) {
      Extent const extent(in.bytes);
      ACCORD_MPI(
          MPI_Irecv(in.data, extent.count(), extent.type(), in.from, tag, comm, add_request()));
    }
    for (Outgoing const& out : outgoing) {
      Extent const extent(out.bytes);
      ACCORD_MPI(
          MPI_Isend(out.data, extent.count(), extent.type(), out.to, tag, comm, add_request()));
    }
  }
  ~MpiTransfers() override {
    if (std::uncaught_exceptions() == 0)
      MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE);
  }
  void wait() override {
    ACCORD_MPI(
        MPI_Waitall(static_cast<int>(requests_.size()), requests_.data(), MPI_STATUSES_IGNORE));
  }
  bool done() override {
    int done = 0;
    ACCORD_MPI(MPI_Testall(static_cast<int>(requests_.size()), requests_.data(), &done,
                           MPI_STATUSES_IGNORE));
    return done != 0;
  }

 private:
  MPI_Request* add_request() { return &requests_.emplace_back(MPI_REQUEST_NULL); }

  std::vector<MPI_Request> requests_;
};

MpiCommunicator::MpiCommunicator(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {
  ACCORD_MPI(MPI_Comm_set_errhandler(handle_->comm, MPI_ERRORS_RETURN));
  ACCORD_MPI(MPI_Comm_rank(handle_->comm, &rank_));
  ACCORD_MPI(MPI_Comm_size(handle_->comm, &size_));
}

MpiCommunicator::~MpiCommunicator() {
  // Freeing is collective: a rank that unwinds must not start it.
  if (std::uncaught_exceptions() == 0) MPI_Comm_free(&handle_->comm);
}

std::unique_ptr<MpiCommunicator> MpiCommunicator::world() {
  auto handle = std::make_unique<Handle>();
  ACCORD_MPI(MPI_Comm_dup(MPI_COMM_WORLD, &handle->comm));
  return std::unique_ptr<MpiCommunicator>(new MpiCommunicator(std::move(handle)));
}

std::unique_ptr<GroupCommunicator> MpiCommunicator::split(int color, int key) {
  ACCORD_CHECK(color >= 0, "split: color {} is negative", color);
  auto handle = std::make_unique<Handle>();
  ACCORD_MPI(MPI_Comm_split(handle_->comm, color, key, &handle->comm));
  return std::unique_ptr<GroupCommunicator>(new MpiCommunicator(std::move(handle)));
}

void MpiCommunicator::all_gather(Queue& queue, ConstView send, View gathered) {
  ACCORD_CHECK(send.contiguous() && gathered.contiguous() && send.dtype() == gathered.dtype() &&
                   send.size() * size_ == gathered.size(),
               "all_gather over {} ranks: send {} {}, gathered {} {}", size_, name_of(send.dtype()),
               to_string(send.shape()), name_of(gathered.dtype()), to_string(gathered.shape()));
  queue.wait();
  Extent const extent(send.bytes());
  auto const* const mine = static_cast<std::byte const*>(gathered.data()) +
                           static_cast<std::size_t>(rank_) * send.bytes();
  ACCORD_MPI(MPI_Allgather(mine == send.data() ? MPI_IN_PLACE : send.data(), extent.count(),
                           extent.type(), gathered.data(), extent.count(), extent.type(),
                           handle_->comm));
}

void MpiCommunicator::broadcast(Queue& queue, View x, int root) {
  ACCORD_CHECK(x.contiguous(), "broadcast needs a contiguous view");
  queue.wait();
  Extent const extent(x.bytes());
  ACCORD_MPI(MPI_Bcast(x.data(), extent.count(), extent.type(), root, handle_->comm));
}

void MpiCommunicator::barrier(Queue& queue) {
  queue.wait();
  ACCORD_MPI(MPI_Barrier(handle_->comm));
}

// MPI matches messages by communicator, sender and tag, and its collectives apart from all
// messages: with a tag of its own a lane meets nothing else.
std::unique_ptr<OrderedCommunicator::Transfers> MpiCommunicator::start_transfers(
    Lane lane, std::span<Outgoing const> outgoing, std::span<Incoming const> incoming) {
  return std::make_unique<MpiTransfers>(handle_->comm, static_cast<int>(lane), outgoing, incoming);
}

}  // namespace accord::parallel
