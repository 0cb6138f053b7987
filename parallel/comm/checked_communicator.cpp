#include "parallel/comm/checked_communicator.hpp"

#include <utility>
#include <vector>

#include "core/base/check.hpp"

namespace accord::parallel {

CheckedCommunicator::CheckedCommunicator(std::unique_ptr<GroupCommunicator> group, std::string name)
    : group_(std::move(group)), name_(std::move(name)) {}

std::string CheckedCommunicator::describe(Call const& call) {
  static constexpr char const* names[] = {"all_reduce", "all_gather", "reduce_scatter",
                                          "broadcast",  "barrier",    "split"};
  auto const kind = static_cast<Kind>(call[0]);
  std::string text = names[call[0]];
  if (kind == Kind::barrier || kind == Kind::split) return text;
  text += fmt::format(" of {} {}", call[2], name_of(static_cast<DType>(call[1])));
  if (kind == Kind::all_reduce)
    text += static_cast<Reduce>(call[3]) == Reduce::sum ? " (sum)" : " (max)";
  if (kind == Kind::broadcast) text += fmt::format(" from rank {}", call[3]);
  return text;
}

void CheckedCommunicator::compare(Queue& queue, Call const& mine) {
  Index const width = static_cast<Index>(mine.size());
  std::vector<Call> all(static_cast<std::size_t>(group_->size()));
  group_->all_gather(queue, ConstView(mine.data(), DType::int64, Shape{width}),
                     View(all.data(), DType::int64, Shape{group_->size(), width}));
  ++calls_;
  for (std::size_t rank = 1; rank < all.size(); ++rank)
    if (all[rank] != all[0])
      throw Error(fmt::format("collective call {} of the {} group: rank 0 makes {}, rank {} {}",
                              calls_, name_, describe(all[0]), rank, describe(all[rank])));
}

namespace {

std::int64_t number_of(DType dtype) { return static_cast<std::int64_t>(dtype); }

}  // namespace

void CheckedCommunicator::all_reduce(Queue& queue, View x, Reduce op) {
  compare(queue, {static_cast<std::int64_t>(Kind::all_reduce), number_of(x.dtype()), x.size(),
                  static_cast<std::int64_t>(op)});
  group_->all_reduce(queue, x, op);
}

void CheckedCommunicator::all_gather(Queue& queue, ConstView send, View gathered) {
  compare(queue,
          {static_cast<std::int64_t>(Kind::all_gather), number_of(send.dtype()), send.size(), 0});
  group_->all_gather(queue, send, gathered);
}

void CheckedCommunicator::reduce_scatter(Queue& queue, ConstView send, View part) {
  compare(queue, {static_cast<std::int64_t>(Kind::reduce_scatter), number_of(send.dtype()),
                  send.size(), 0});
  group_->reduce_scatter(queue, send, part);
}

void CheckedCommunicator::broadcast(Queue& queue, View x, int root) {
  compare(queue,
          {static_cast<std::int64_t>(Kind::broadcast), number_of(x.dtype()), x.size(), root});
  group_->broadcast(queue, x, root);
}

void CheckedCommunicator::barrier(Queue& queue) {
  compare(queue, {static_cast<std::int64_t>(Kind::barrier), 0, 0, 0});
  group_->barrier(queue);
}

// A message behind a header that says what it is.
class CheckedCommunicator::CheckedTransfer final : public Request {
 public:
  CheckedTransfer(CheckedCommunicator& checked, Queue& queue, ConstView send, int to, View receive,
                  int from)
      : name_(checked.name_),
        from_(from),
        sent_(header_of(send)),
        expected_(header_of(receive)),
        header_(
            checked.group_->start_send_receive(queue, view_of(sent_), to, view_of(arrived_), from)),
        message_(checked.group_->start_send_receive(queue, send, to, receive, from)) {}

  void wait(Queue& queue) override {
    header_->wait(queue);
    if (from_ >= 0 && arrived_ != expected_)
      throw Error(
          fmt::format("a message of the {} group: rank {} sends {}, the receiver expects {}", name_,
                      from_, describe(arrived_), describe(expected_)));
    message_->wait(queue);
  }
  bool done(Queue& queue) override { return header_->done(queue) && message_->done(queue); }

 private:
  using Header = std::array<std::int64_t, 2>;  // type, elements
  static Header header_of(ConstView message) {
    return {number_of(message.dtype()), message.size()};
  }
  static View view_of(Header& header) { return {header.data(), DType::int64, Shape{2}}; }
  static std::string describe(Header const& header) {
    return fmt::format("{} {}", header[1], name_of(static_cast<DType>(header[0])));
  }

  std::string const& name_;
  int from_;
  Header sent_, expected_, arrived_{};
  std::unique_ptr<Request> header_, message_;
};

std::unique_ptr<Request> CheckedCommunicator::start_send_receive(Queue& queue, ConstView send,
                                                                 int to, View receive, int from) {
  return std::make_unique<CheckedTransfer>(*this, queue, send, to, receive, from);
}

std::unique_ptr<Request> CheckedCommunicator::start_reduce_scatter(Queue& queue, ConstView send,
                                                                   View part) {
  compare(queue, {static_cast<std::int64_t>(Kind::reduce_scatter), number_of(send.dtype()),
                  send.size(), 0});
  return group_->start_reduce_scatter(queue, send, part);
}

std::unique_ptr<GroupCommunicator> CheckedCommunicator::split(int color, int key) {
  compare(host_, {static_cast<std::int64_t>(Kind::split), 0, 0, 0});
  return group_->split(color, key);
}

}  // namespace accord::parallel
