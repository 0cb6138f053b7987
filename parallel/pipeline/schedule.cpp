#include "parallel/pipeline/schedule.hpp"

#include <algorithm>

#include "core/base/check.hpp"

namespace accord::parallel {
namespace {

// `warmup` forwards, then forward and backward in turn, then the backwards that are left.
StageSchedule in_turn(StageSchedule const& forwards, StageSchedule const& backwards,
                      std::size_t warmup) {
  warmup = std::min(warmup, forwards.size());
  StageSchedule schedule(forwards.begin(), forwards.begin() + static_cast<std::ptrdiff_t>(warmup));
  std::size_t done = 0;
  for (std::size_t i = warmup; i < forwards.size(); ++i) {
    schedule.push_back(forwards[i]);
    schedule.push_back(backwards[done++]);
  }
  schedule.insert(schedule.end(), backwards.begin() + static_cast<std::ptrdiff_t>(done),
                  backwards.end());
  return schedule;
}

}  // namespace

bool goes_round(Direction direction, int from, int stages) {
  return from == (direction == Direction::forward ? stages - 1 : 0);
}

StageSchedule gpipe(int micro_batches) {
  StageSchedule schedule;
  for (int i = 0; i < micro_batches; ++i) schedule.push_back({Direction::forward, i, 0});
  for (int i = micro_batches - 1; i >= 0; --i) schedule.push_back({Direction::backward, i, 0});
  return schedule;
}

StageSchedule one_forward_one_backward(int stage, int stages, int micro_batches) {
  StageSchedule forwards, backwards;
  for (int i = 0; i < micro_batches; ++i) {
    forwards.push_back({Direction::forward, i, 0});
    backwards.push_back({Direction::backward, i, 0});
  }
  return in_turn(forwards, backwards, static_cast<std::size_t>(stages - stage - 1));
}

StageSchedule interleaved(int stage, int stages, int micro_batches, int chunks) {
  if (micro_batches % stages != 0)
    throw UsageError(
        fmt::format("parallel.schedule = \"interleaved\": {} micro-batches do not divide by "
                    "parallel.pipeline = {}; change train.micro_batch or use \"1f1b\"",
                    micro_batches, stages));
  // Rounds: `stages` micro-batches through chunk 0, the same through chunk 1, ...
  StageSchedule forwards, backwards;
  for (int round = 0; round < micro_batches; round += stages)
    for (int chunk = 0; chunk < chunks; ++chunk)
      for (int i = round; i < round + stages; ++i) {
        forwards.push_back({Direction::forward, i, chunk});
        backwards.push_back({Direction::backward, i, chunks - 1 - chunk});
      }
  // The first backward reaches this stage when the first round has passed all chunks but the last,
  // and then the stages after this one, there and back.
  int const warmup = (chunks - 1) * stages + 2 * (stages - stage - 1);
  return in_turn(forwards, backwards, static_cast<std::size_t>(warmup));
}

StageSchedule forwards(int micro_batches, int chunks) {
  StageSchedule schedule;
  for (int chunk = 0; chunk < chunks; ++chunk)
    for (int i = 0; i < micro_batches; ++i) schedule.push_back({Direction::forward, i, chunk});
  return schedule;
}

StageSchedule make_schedule(ScheduleKind kind, int stage, int stages, int micro_batches,
                            int chunks) {
  ACCORD_CHECK(stage >= 0 && stage < stages && micro_batches >= 1 && chunks >= 1,
               "a schedule for stage {} of {}, {} micro-batches, {} chunks", stage, stages,
               micro_batches, chunks);
  if (chunks > 1 && kind != ScheduleKind::interleaved)
    throw UsageError(fmt::format(
        "parallel.virtual_stages = {} needs parallel.schedule = \"interleaved\"", chunks));
  switch (kind) {
    case ScheduleKind::gpipe:
      return gpipe(micro_batches);
    case ScheduleKind::one_forward_one_backward:
      return one_forward_one_backward(stage, stages, micro_batches);
    case ScheduleKind::interleaved:
      break;
  }
  return interleaved(stage, stages, micro_batches, chunks);
}

int peak_activations(StageSchedule const& schedule) {
  int held = 0, peak = 0;
  for (StageStep const& step : schedule) {
    held += step.direction == Direction::forward ? 1 : -1;
    peak = std::max(peak, held);
  }
  return peak;
}

}  // namespace accord::parallel
