#include "app/train/decision.hpp"

#include "core/base/trace.hpp"

namespace accord::app {

Decision agreed(Queue& queue, Communicator& world, Decision const& mine) {
  TraceSpan const span(queue, Activity::communication, "stop");
  std::int32_t flags[2] = {static_cast<std::int32_t>(mine.stop), mine.save};
  world.all_reduce(queue, View(flags, DType::int32, Shape{2}), Reduce::max);
  auto const stop = static_cast<Stop>(flags[0]);
  return {stop, flags[1] != 0 || stop != Stop::no};
}

}  // namespace accord::app
