#include "parallel/pipeline/schedule.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <tuple>

#include "core/base/error.hpp"

namespace accord::parallel {
namespace {

struct Pipeline {
  int stages, micro_batches, chunks;
  std::vector<StageSchedule> schedules;  ///< by stage
};

Pipeline make_pipeline(ScheduleKind kind, int stages, int micro_batches, int chunks = 1) {
  Pipeline pipeline{stages, micro_batches, chunks, {}};
  for (int stage = 0; stage < stages; ++stage)
    pipeline.schedules.push_back(make_schedule(kind, stage, stages, micro_batches, chunks));
  return pipeline;
}

void expect_every_step_once(Pipeline const& pipeline) {
  for (StageSchedule const& schedule : pipeline.schedules) {
    std::set<std::tuple<Direction, int, int>> seen;
    for (StageStep const& step : schedule) {
      EXPECT_TRUE(step.micro_batch >= 0 && step.micro_batch < pipeline.micro_batches);
      EXPECT_TRUE(step.chunk >= 0 && step.chunk < pipeline.chunks);
      EXPECT_TRUE(seen.insert({step.direction, step.micro_batch, step.chunk}).second);
      if (step.direction == Direction::backward) {
        EXPECT_TRUE(seen.count({Direction::forward, step.micro_batch, step.chunk}))
            << "a backward before its forward";
      }
    }
    EXPECT_EQ(static_cast<int>(seen.size()), 2 * pipeline.micro_batches * pipeline.chunks);
  }
}

// Runs all stages at once; a step starts when what it needs has arrived. A forward takes 1 and a
// backward 2 units of time. Returns the time at which the last stage ends, or -1 if none can go on.
int simulate(Pipeline const& pipeline) {
  int const parts = pipeline.stages * pipeline.chunks;
  std::map<std::tuple<Direction, int, int>, int> finished;  // direction, micro-batch, part -> time
  std::vector<std::size_t> next(static_cast<std::size_t>(pipeline.stages), 0);
  std::vector<int> clock(next.size(), 0);
  for (bool moved = true; moved;) {
    moved = false;
    for (std::size_t stage = 0; stage < next.size(); ++stage) {
      while (next[stage] < pipeline.schedules[stage].size()) {
        StageStep const step = pipeline.schedules[stage][next[stage]];
        int const part = step.chunk * pipeline.stages + static_cast<int>(stage);
        bool const forward = step.direction == Direction::forward;
        int const before = forward ? part - 1 : part + 1;
        int start = clock[stage];
        if (before >= 0 && before < parts) {
          auto const needed = finished.find({step.direction, step.micro_batch, before});
          if (needed == finished.end()) break;
          start = std::max(start, needed->second);
        }
        clock[stage] = start + (forward ? 1 : 2);
        finished[{step.direction, step.micro_batch, part}] = clock[stage];
        ++next[stage];
        moved = true;
      }
    }
  }
  for (std::size_t stage = 0; stage < next.size(); ++stage)
    if (next[stage] < pipeline.schedules[stage].size()) return -1;
  return *std::max_element(clock.begin(), clock.end());
}

// Whether all stages come to an end where a message leaves only into the hands of its receiver, and
// each group of a rank does one thing after another, none before the stage's own steps issued
// before it: as NCCL's streams. `group` tells by direction and sender in whose turn a message
// waits.
using GroupOf = int (*)(Direction direction, int from, int stages);
bool ends_by_rendezvous(Pipeline const& pipeline, GroupOf group) {
  struct Message {
    Direction direction;
    int micro_batch, part;  // the part it goes to
    auto operator<=>(Message const&) const = default;
  };
  struct Transfer {
    Message message;
    bool sends;
    std::size_t after;  // so many steps of the stage
  };
  struct Stage {
    std::size_t done = 0;
    std::map<int, std::deque<Transfer>> streams;  // by group
  };
  int const stages = pipeline.stages, parts = stages * pipeline.chunks;
  auto const needs = [&](StageStep const& step, int stage) {
    return Message{step.direction, step.micro_batch, step.chunk * stages + stage};
  };
  auto const before_first = [&](Message const& m) {
    return m.direction == Direction::forward ? m.part == 0 : m.part == parts - 1;
  };
  std::vector<Stage> all(static_cast<std::size_t>(stages));
  for (int s = 0; s < stages; ++s) {
    Stage& stage = all[static_cast<std::size_t>(s)];
    StageSchedule const& schedule = pipeline.schedules[static_cast<std::size_t>(s)];
    for (std::size_t i = 0; i < schedule.size(); ++i) {
      Direction const direction = schedule[i].direction;
      int const forward = direction == Direction::forward ? 1 : -1;
      Message const in = needs(schedule[i], s);
      int const from = (s - forward + stages) % stages;
      if (!before_first(in))
        stage.streams[group(direction, from, stages)].push_back({in, false, i});
      Message const out{direction, schedule[i].micro_batch, in.part + forward};
      if (out.part >= 0 && out.part < parts)
        stage.streams[group(direction, s, stages)].push_back({out, true, i + 1});
    }
  }
  std::set<Message> arrived;
  for (bool moved = true; moved;) {
    moved = false;
    for (int s = 0; s < stages; ++s) {
      Stage& stage = all[static_cast<std::size_t>(s)];
      StageSchedule const& schedule = pipeline.schedules[static_cast<std::size_t>(s)];
      while (stage.done < schedule.size()) {
        Message const in = needs(schedule[stage.done], s);
        if (!before_first(in) && !arrived.contains(in)) break;
        ++stage.done;
        moved = true;
      }
      for (auto& [turn, sender] : stage.streams) {
        if (sender.empty() || !sender.front().sends || sender.front().after > stage.done) continue;
        Message const message = sender.front().message;
        Stage& to = all[static_cast<std::size_t>(message.part % stages)];
        auto& receiver = to.streams[turn];
        if (receiver.empty() || receiver.front().sends || receiver.front().message != message ||
            receiver.front().after > to.done)
          continue;
        arrived.insert(message);
        sender.pop_front();
        receiver.pop_front();
        moved = true;
      }
    }
  }
  for (std::size_t s = 0; s < all.size(); ++s)
    if (all[s].done < pipeline.schedules[s].size()) return false;
  return true;
}

int group_of_link(Direction direction, int from, int stages) {
  return (direction == Direction::forward ? 0 : 2) + (goes_round(direction, from, stages) ? 1 : 0);
}

TEST(Schedule, OfEveryKindEndsWithoutMessagesInBetween) {
  for (int stages : {2, 3, 4, 8})
    for (int micro_batches : {1, 2, 3, 4, 8, 16})
      for (ScheduleKind kind :
           {ScheduleKind::gpipe, ScheduleKind::one_forward_one_backward, ScheduleKind::interleaved})
        for (int chunks : {1, 2, 3}) {
          if (kind != ScheduleKind::interleaved && chunks > 1) continue;
          if (kind == ScheduleKind::interleaved && micro_batches % stages != 0) continue;
          SCOPED_TRACE(::testing::Message()
                       << "kind " << static_cast<int>(kind) << ", " << stages << " stages, "
                       << micro_batches << " micro-batches, " << chunks << " chunks");
          Pipeline pipeline = make_pipeline(kind, stages, micro_batches, chunks);
          EXPECT_TRUE(ends_by_rendezvous(pipeline, group_of_link));
          for (StageSchedule& schedule : pipeline.schedules)  // the first of two passes
            std::erase_if(schedule, [](StageStep const& step) {
              return step.direction == Direction::backward;
            });
          EXPECT_TRUE(ends_by_rendezvous(pipeline, group_of_link));
          std::vector<StageSchedule> const evaluation(static_cast<std::size_t>(stages),
                                                      forwards(micro_batches, chunks));
          EXPECT_TRUE(
              ends_by_rendezvous({stages, micro_batches, chunks, evaluation}, group_of_link));
        }
}

TEST(Schedule, OfSeveralChunksBlocksWhereOneGroupServesAllOfADirection) {
  EXPECT_FALSE(ends_by_rendezvous(
      make_pipeline(ScheduleKind::interleaved, 2, 2, 2),
      [](Direction direction, int, int) { return static_cast<int>(direction); }));
}

TEST(Schedule, OfEveryKindDoesEveryStepOnceAndNeverBlocks) {
  for (int stages : {1, 2, 3, 4, 8})
    for (int micro_batches : {1, 2, 3, 4, 8, 13, 16})
      for (ScheduleKind kind :
           {ScheduleKind::gpipe, ScheduleKind::one_forward_one_backward, ScheduleKind::interleaved})
        for (int chunks : {1, 2, 3}) {
          if (kind != ScheduleKind::interleaved && chunks > 1) continue;
          if (kind == ScheduleKind::interleaved && micro_batches % stages != 0) continue;
          SCOPED_TRACE(::testing::Message()
                       << "kind " << static_cast<int>(kind) << ", " << stages << " stages, "
                       << micro_batches << " micro-batches, " << chunks << " chunks");
          Pipeline const pipeline = make_pipeline(kind, stages, micro_batches, chunks);
          expect_every_step_once(pipeline);
          EXPECT_GT(simulate(pipeline), 0);
        }
}

TEST(Schedule, OfForwardsDoesEachOnceAndNeverBlocks) {
  for (int stages : {1, 2, 4})
    for (int micro_batches : {1, 2, 3, 8})
      for (int chunks : {1, 2, 3}) {
        StageSchedule const schedule = forwards(micro_batches, chunks);
        Pipeline const pipeline{
            stages, micro_batches, chunks,
            std::vector<StageSchedule>(static_cast<std::size_t>(stages), schedule)};
        std::set<std::pair<int, int>> seen;
        for (StageStep const& step : schedule) {
          EXPECT_EQ(step.direction, Direction::forward);
          EXPECT_TRUE(seen.insert({step.chunk, step.micro_batch}).second);
        }
        EXPECT_EQ(static_cast<int>(seen.size()), chunks * micro_batches);
        // Without a bubble but filling and draining, given a micro-batch for each stage.
        if (micro_batches >= stages)
          EXPECT_EQ(simulate(pipeline), chunks * micro_batches + stages - 1);
        else
          EXPECT_GT(simulate(pipeline), 0);
      }
}

TEST(Schedule, SimulationSeesADeadlock) {
  Pipeline pipeline = make_pipeline(ScheduleKind::one_forward_one_backward, 2, 2);
  // Stage 0 wants a gradient before it has sent the second micro-batch that stage 1 waits for.
  pipeline.schedules[1] = {{Direction::forward, 0, 0},
                           {Direction::forward, 1, 0},
                           {Direction::backward, 0, 0},
                           {Direction::backward, 1, 0}};
  pipeline.schedules[0] = {{Direction::forward, 0, 0},
                           {Direction::backward, 0, 0},
                           {Direction::forward, 1, 0},
                           {Direction::backward, 1, 0}};
  EXPECT_EQ(simulate(pipeline), -1);
}

TEST(Schedule, GpipeRunsBackwardInReverse) {
  EXPECT_EQ(gpipe(2), (StageSchedule{{Direction::forward, 0, 0},
                                     {Direction::forward, 1, 0},
                                     {Direction::backward, 1, 0},
                                     {Direction::backward, 0, 0}}));
}

// What a stage holds at its peak, exactly: one more would be memory for nothing, one less a stage
// that waits. Each kind's closed form is its warm-up, and the forward that the first backward
// follows:
//   gpipe        all (GPipe)
//   1f1b         stages - stage - 1 (PipeDream-Flush)
//   interleaved  2 (stages - stage - 1) + (chunks - 1) stages (Megatron-LM's
//                num_warmup_microbatches)
// where there is work for so many.
TEST(Schedule, HoldsAsManyActivationsAsItsWarmUpAndOneMore) {
  for (int stages = 1; stages <= 8; ++stages)
    for (int stage = 0; stage < stages; ++stage)
      for (int micro_batches = 1; micro_batches <= 24; ++micro_batches) {
        SCOPED_TRACE(::testing::Message() << "stage " << stage << " of " << stages << ", "
                                          << micro_batches << " micro-batches");
        EXPECT_EQ(peak_activations(gpipe(micro_batches)), micro_batches);
        EXPECT_EQ(peak_activations(one_forward_one_backward(stage, stages, micro_batches)),
                  std::min(stages - stage, micro_batches));
        if (micro_batches % stages != 0) continue;
        for (int chunks = 1; chunks <= 4; ++chunks) {
          int const warm_up = 2 * (stages - stage - 1) + (chunks - 1) * stages;
          EXPECT_EQ(peak_activations(interleaved(stage, stages, micro_batches, chunks)),
                    std::min(warm_up + 1, micro_batches * chunks))
              << chunks << " chunks";
        }
      }
}

// The first backward comes right behind the peak, and from there on forwards and backwards take
// turns, so the peak is not exceeded by a little now and then but reached and held.
TEST(Schedule, TakesTurnsBehindItsWarmUp) {
  for (int chunks : {1, 2, 3}) {
    StageSchedule const schedule = interleaved(1, 4, 8, chunks);
    auto const first = std::find_if(schedule.begin(), schedule.end(), [](StageStep const& step) {
      return step.direction == Direction::backward;
    });
    EXPECT_EQ(first - schedule.begin(), 2 * (4 - 1 - 1) + (chunks - 1) * 4 + 1);
    int forwards_left = 8 * chunks - static_cast<int>(first - schedule.begin());
    for (auto step = first; step != schedule.end(); ++step) {
      bool const backward_turn = (step - first) % 2 == 0 || forwards_left == 0;
      EXPECT_EQ(step->direction, backward_turn ? Direction::backward : Direction::forward);
      forwards_left -= step->direction == Direction::forward;
    }
  }
}

// Of 3 units of work per micro-batch, (stages - 1) * 3 are idle; interleaving divides that.
TEST(Schedule, HasTheBubbleOfItsKind) {
  for (int stages : {2, 4, 8}) {
    int const micro_batches = 2 * stages, work = 3 * micro_batches, bubble = 3 * (stages - 1);
    EXPECT_EQ(simulate(make_pipeline(ScheduleKind::gpipe, stages, micro_batches)), work + bubble);
    EXPECT_EQ(
        simulate(make_pipeline(ScheduleKind::one_forward_one_backward, stages, micro_batches)),
        work + bubble);
    for (int chunks : {2, 4})  // a step of a chunk is a chunk-th of the work
      EXPECT_EQ(simulate(make_pipeline(ScheduleKind::interleaved, stages, micro_batches, chunks)),
                work * chunks + bubble);
  }
}

TEST(Schedule, RefusesWhatDoesNotDivide) {
  EXPECT_THROW(interleaved(0, 4, 6, 2), UsageError);
  EXPECT_THROW(make_schedule(ScheduleKind::gpipe, 0, 2, 4, 2), UsageError);
  EXPECT_THROW(make_schedule(ScheduleKind::gpipe, 2, 2, 4, 1), Error);
}

}  // namespace
}  // namespace accord::parallel
