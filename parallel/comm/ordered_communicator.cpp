#include "parallel/comm/ordered_communicator.hpp"

#include <algorithm>
#include <vector>

#include "core/tensor/tensor.hpp"
#include "parallel/comm/ordered_fold.hpp"

namespace accord::parallel {
namespace {

// Up to this many gathered bytes one all_gather, which needs few messages, beats
// reduce_scatter + all_gather, which move less.
constexpr std::size_t small_bytes = 256 * 1024;

template <class ViewType>
ViewType flat(ViewType const& view) {
  return view.reshaped(Shape{view.size()});
}

}  // namespace

class OrderedCommunicator::TransferRequest final : public Request {
 public:
  explicit TransferRequest(std::unique_ptr<Transfers> transfers)
      : transfers_(std::move(transfers)) {}
  void wait(Queue&) override {
    if (auto const transfers = std::move(transfers_)) transfers->wait();
  }
  bool done(Queue&) override { return !transfers_ || transfers_->done(); }

 private:
  std::unique_ptr<Transfers> transfers_;
};

// Every rank has what it gives to each, and adds up in rank order what it was given.
class OrderedCommunicator::Reduction final : public Request {
 public:
  /// \param shares  [rank] what that rank gets of this one; of the result's size
  Reduction(OrderedCommunicator& group, Queue& queue, Lane lane,
            std::vector<ConstView> const& shares, View result, Reduce op)
      : result_(result),
        op_(op),
        received_(queue, result.dtype(), Shape{group.size() - 1, result.size()}) {
    std::vector<Outgoing> outgoing;
    std::vector<Incoming> incoming;
    for (int peer = 0; peer < group.size(); ++peer) {
      ConstView const theirs = shares[static_cast<std::size_t>(peer)];
      if (peer == group.rank()) {
        sources_.push_back(theirs.data());
        continue;
      }
      View const from_peer = received_.view().rows(peer - (peer > group.rank() ? 1 : 0), 1);
      outgoing.push_back({peer, theirs.data(), theirs.bytes()});
      incoming.push_back({peer, from_peer.data(), from_peer.bytes()});
      sources_.push_back(from_peer.data());
    }
    transfers_ = group.start_transfers(lane, outgoing, incoming);
  }

  // The sum is made here and not in done(): the result may be what is still being sent, and a
  // caller that only asks must find its buffers untouched.
  void wait(Queue&) override {
    auto const transfers = std::move(transfers_);
    if (!transfers) return;
    transfers->wait();
    ordered_fold(result_.dtype(), op_, sources_, result_.data(), result_.size());
    received_ = Tensor();
  }
  bool done(Queue&) override { return !transfers_ || transfers_->done(); }

 private:
  View result_;
  Reduce op_;
  Tensor received_;  ///< [size - 1, n]: the other ranks' shares
  std::vector<void const*> sources_;
  std::unique_ptr<Transfers> transfers_;  ///< destroyed first: it may still write received_
};

std::unique_ptr<Request> OrderedCommunicator::start_reduction(Queue& queue, ConstView send,
                                                              View part, Reduce op) {
  ACCORD_CHECK(send.dtype() == part.dtype() && send.size() == size() * part.size(),
               "reduce_scatter over {} ranks: send {} {}, part {} {}", size(),
               name_of(send.dtype()), to_string(send.shape()), name_of(part.dtype()),
               to_string(part.shape()));
  ConstView const all = flat(send);
  std::vector<ConstView> shares;
  for (Index peer = 0; peer < size(); ++peer)
    shares.push_back(all.rows(peer * part.size(), part.size()));
  return std::make_unique<Reduction>(*this, room(queue), Lane::calls, shares, flat(part), op);
}

std::unique_ptr<Request> OrderedCommunicator::start_all_reduce(Queue& queue, View x, Reduce op) {
  View const all = flat(x);
  std::vector<ConstView> const shares(static_cast<std::size_t>(size()), all);
  return std::make_unique<Reduction>(*this, room(queue), Lane::started_all_reduces, shares, all,
                                     op);
}

std::unique_ptr<Request> OrderedCommunicator::start_reduce_scatter(Queue& queue, ConstView send,
                                                                   View part) {
  return start_reduction(queue, send, part, Reduce::sum);
}

void OrderedCommunicator::reduce_scatter(Queue& queue, ConstView send, View part) {
  start_reduce_scatter(queue, send, part)->wait(queue);
}

void OrderedCommunicator::all_reduce(Queue& queue, View x, Reduce op) {
  View const all = flat(x);
  Index const n = all.size(), ranks = size();
  if (ranks == 1 || n == 0) return;
  // What divides by the ranks goes by parts; the rest, or all of a small x, is gathered whole.
  Index const cut =
      all.bytes() * static_cast<std::size_t>(ranks) > small_bytes ? n / ranks * ranks : 0;
  if (cut > 0) {
    View const body = all.rows(0, cut), part = body.rows(rank() * (cut / ranks), cut / ranks);
    start_reduction(queue, body, part, op)->wait(queue);
    all_gather(queue, part, body);
  }
  if (Index const rest = n - cut; rest > 0) {
    View const tail = all.rows(cut, rest);
    Tensor gathered(room(queue), x.dtype(), Shape{ranks, rest});
    all_gather(queue, tail, gathered);
    std::vector<void const*> sources;
    for (Index peer = 0; peer < ranks; ++peer)
      sources.push_back(gathered.view().rows(peer, 1).data());
    ordered_fold(x.dtype(), op, sources, tail.data(), rest);
  }
}

std::unique_ptr<Request> OrderedCommunicator::start_send_receive(Queue&, ConstView send, int to,
                                                                 View receive, int from) {
  ACCORD_CHECK(to < size() && from < size(), "send to rank {} and receive from {} in a group of {}",
               to, from, size());
  ACCORD_CHECK((to == rank()) == (from == rank()), "rank {} sends to {} and receives from {}",
               rank(), to, from);
  if (to == rank()) {  // a ring of one
    ACCORD_CHECK(send.bytes() == receive.bytes(), "{} bytes sent to oneself, {} received",
                 send.bytes(), receive.bytes());
    std::copy_n(static_cast<std::byte const*>(flat(send).data()), send.bytes(),
                static_cast<std::byte*>(flat(receive).data()));
    return std::make_unique<TransferRequest>(nullptr);
  }
  std::vector<Outgoing> outgoing;
  std::vector<Incoming> incoming;
  if (to >= 0) outgoing.push_back({to, flat(send).data(), send.bytes()});
  if (from >= 0) incoming.push_back({from, flat(receive).data(), receive.bytes()});
  return std::make_unique<TransferRequest>(start_transfers(Lane::calls, outgoing, incoming));
}

}  // namespace accord::parallel
