#include "parallel/pipeline/stage_links.hpp"

#include "core/base/check.hpp"

namespace accord::parallel {
namespace {

constexpr int nobody = -1;

Direction opposite(Direction direction) {
  return direction == Direction::forward ? Direction::backward : Direction::forward;
}

}  // namespace

StageLinks::StageLinks(Queue& queue, MeshGroups& groups) : queue_(queue), groups_(groups) {}

Communicator& StageLinks::group(Direction direction, int from) const {
  bool const round = goes_round(direction, from, groups_.pipeline->size());
  if (direction == Direction::forward) return round ? *groups_.pipeline_round : *groups_.pipeline;
  return round ? *groups_.pipeline_round_backward : *groups_.pipeline_backward;
}

int StageLinks::neighbour(Direction direction) const {
  int const stage = groups_.pipeline->rank(), stages = groups_.pipeline->size();
  ACCORD_CHECK(stages > 1, "one stage holds several chunks of the model");
  return (stage + (direction == Direction::forward ? 1 : stages - 1)) % stages;
}

Tensor StageLinks::receive(Direction direction, DType dtype, Shape shape) {
  Tensor message(queue_, dtype, shape);
  int const from = neighbour(opposite(direction));
  group(direction, from).start_send_receive(queue_, {}, nobody, message, from)->wait(queue_);
  return message;
}

void StageLinks::send(Direction direction, Tensor message) {
  std::erase_if(leaving_, [&](Leaving const& sent) { return sent.request->done(queue_); });
  Leaving& sent = leaving_.emplace_back(Leaving{std::move(message), nullptr});
  sent.request = group(direction, groups_.pipeline->rank())
                     .start_send_receive(queue_, sent.message, neighbour(direction), {}, nobody);
}

void StageLinks::finish() {
  for (Leaving const& sent : leaving_) sent.request->wait(queue_);
  leaving_.clear();
}

}  // namespace accord::parallel
