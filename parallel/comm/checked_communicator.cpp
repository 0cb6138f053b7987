#include "parallel/comm/checked_communicator.hpp"

#include <utility>

#include "core/base/check.hpp"

namespace accord::parallel {
namespace {

// A split is no call of a Communicator, but all ranks of the group must make it all the same.
constexpr auto split_kind = static_cast<std::int64_t>(call_kinds);

std::int64_t number_of(DType dtype) { return static_cast<std::int64_t>(dtype); }

std::string elements(std::int64_t count, std::int64_t dtype) {
  return fmt::format("{} {}", count, name_of(static_cast<DType>(dtype)));
}

std::array<std::int64_t, 4> facts_of(Call const& call) {
  std::int64_t const detail = call.kind == CallKind::all_reduce ? static_cast<std::int64_t>(call.op)
                              : call.kind == CallKind::broadcast ? call.from
                                                                 : 0;
  return {static_cast<std::int64_t>(call.kind), number_of(call.data().dtype()), call.data().size(),
          detail};
}

std::string describe(std::array<std::int64_t, 4> const& facts) {
  if (facts[0] == split_kind) return "split";
  auto const kind = static_cast<CallKind>(facts[0]);
  std::string text = name_of(kind);
  if (kind == CallKind::barrier) return text;
  text += " of " + elements(facts[2], facts[1]);
  if (kind == CallKind::all_reduce)
    text += static_cast<Reduce>(facts[3]) == Reduce::sum ? " (sum)" : " (max)";
  if (kind == CallKind::broadcast) text += fmt::format(" from rank {}", facts[3]);
  return text;
}

}  // namespace

// A transfer behind a header that says what it is. What does not fit its header must not be waited
// for: it may never come, or be too long for where it goes.
class CheckedCommunicator::CheckedRequest : public Request {
 public:
  void wait(Queue& queue) override {
    verify(queue);
    transfer_->wait(queue);
  }
  bool done(Queue& queue) override {
    if (header_ && !header_->done(queue)) return false;
    verify(queue);
    return transfer_->done(queue);
  }

 protected:
  void follow(std::unique_ptr<Request> header, std::unique_ptr<Request> transfer) {
    header_ = std::move(header);
    transfer_ = std::move(transfer);
  }
  /// Destruction waits for both. To be called while what they write to still exists.
  void end() {
    header_.reset();
    transfer_.reset();
  }

 private:
  /// The header has come. \throws Error if it is not the expected one.
  virtual void compare() const = 0;
  void verify(Queue& queue) {
    auto const header = std::move(header_);
    if (!header) return;
    header->wait(queue);
    compare();
  }

  std::unique_ptr<Request> header_, transfer_;
};

class CheckedCommunicator::CheckedMessage final : public CheckedRequest {
 public:
  CheckedMessage(CheckedCommunicator& checked, Queue& queue, Call const& call)
      : name_(checked.name_),
        from_(call.from),
        sent_(header_of(call.send)),
        expected_(header_of(call.receive)) {
    auto header = checked.group().start_send_receive(queue, view_of(sent_), call.to,
                                                     view_of(arrived_), from_);
    follow(std::move(header), start(checked.group(), queue, call));
  }
  ~CheckedMessage() override { end(); }

 private:
  using Header = std::array<std::int64_t, 2>;  // type, elements
  static Header header_of(ConstView message) {
    return {number_of(message.dtype()), message.size()};
  }
  static View view_of(Header& header) { return {header.data(), DType::int64, Shape{2}}; }
  void compare() const override {
    if (from_ >= 0 && arrived_ != expected_)
      throw Error(fmt::format(
          "a message of the {} group: rank {} sends {}, the receiver expects {}", name_, from_,
          elements(arrived_[1], arrived_[0]), elements(expected_[1], expected_[0])));
  }

  std::string const& name_;
  int from_;
  Header sent_, expected_, arrived_{};
};

// Its header is an all_reduce that is started too, since ranks may be far apart here: each adds its
// row to a table of zeros, and all get what all are about to do.
class CheckedCommunicator::CheckedReduction final : public CheckedRequest {
 public:
  CheckedReduction(CheckedCommunicator& checked, Queue& queue, Call const& call)
      : checked_(checked),
        number_(++checked.started_),
        table_(static_cast<std::size_t>(checked.size())) {
    table_[static_cast<std::size_t>(checked.rank())] = facts_of(call);
    Shape const shape{checked.size(), static_cast<Index>(table_[0].size())};
    auto header = checked.group().start_all_reduce(queue, View(table_.data(), DType::int64, shape));
    follow(std::move(header), start(checked.group(), queue, call));
  }
  ~CheckedReduction() override { end(); }

 private:
  void compare() const override {
    checked_.require_same(fmt::format("started all_reduce {}", number_), table_);
  }

  CheckedCommunicator const& checked_;
  std::int64_t number_;
  std::vector<Facts> table_;
};

CheckedCommunicator::CheckedCommunicator(std::unique_ptr<GroupCommunicator> group, std::string name)
    : ForwardingCommunicator(std::move(group)), name_(std::move(name)) {}

void CheckedCommunicator::compare(Queue& queue, Facts const& mine) {
  Index const width = static_cast<Index>(mine.size());
  std::vector<Facts> all(static_cast<std::size_t>(size()));
  group().all_gather(queue, ConstView(mine.data(), DType::int64, Shape{width}),
                     View(all.data(), DType::int64, Shape{size(), width}));
  require_same(fmt::format("collective call {}", ++calls_), all);
}

void CheckedCommunicator::require_same(std::string const& call,
                                       std::vector<Facts> const& of_ranks) const {
  for (std::size_t rank = 1; rank < of_ranks.size(); ++rank)
    if (of_ranks[rank] != of_ranks[0])
      throw Error(fmt::format("{} of the {} group: rank 0 makes {}, rank {} {}", call, name_,
                              describe(of_ranks[0]), rank, describe(of_ranks[rank])));
}

void CheckedCommunicator::run(Queue& queue, Call const& call) {
  compare(queue, facts_of(call));
  carry_out(group(), queue, call);
}

std::unique_ptr<Request> CheckedCommunicator::start_call(Queue& queue, Call const& call) {
  if (call.kind == CallKind::send_receive)
    return std::make_unique<CheckedMessage>(*this, queue, call);
  if (call.kind == CallKind::all_reduce)
    return std::make_unique<CheckedReduction>(*this, queue, call);
  compare(queue, facts_of(call));
  return start(group(), queue, call);
}

std::unique_ptr<GroupCommunicator> CheckedCommunicator::split(int color, int key) {
  compare(host_, {split_kind, 0, 0, 0});
  return group().split(color, key);
}

}  // namespace accord::parallel
