#pragma once

#include <cstdint>
#include <vector>

namespace accord::parallel {

enum class Direction : std::uint8_t { forward, backward };

/// One piece of work of a stage: a micro-batch through one of its chunks of layers.
struct StageStep {
  Direction direction = Direction::forward;
  int micro_batch = 0;
  int chunk = 0;
  friend bool operator==(StageStep const&, StageStep const&) = default;
};

/// The order in which a stage works: data, so that every order can be examined without running it.
/// Chunk c of stage s is part c * stages + s of the model; a forward needs that of the part before
/// it, a backward that of the part after it and its own forward.
using StageSchedule = std::vector<StageStep>;

/// Whether what stage `from` sends in a direction goes round, from one end of the pipeline to the
/// other, where the next chunk of layers is.
bool goes_round(Direction direction, int from, int stages);

/// For evaluation: all micro-batches through one chunk, then through the next.
StageSchedule forwards(int micro_batches, int chunks);

/// What [parallel] says: `schedule`, and `virtual_stages` for the interleaved one.
enum class ScheduleKind : std::uint8_t { gpipe, one_forward_one_backward, interleaved };

/// All forwards, then all backwards in reverse order (Huang et al., GPipe, 2019). A stage holds the
/// activations of all micro-batches.
StageSchedule gpipe(int micro_batches);

/// As few forwards as fill the pipeline, then one forward and one backward in turn (Narayanan et
/// al., PipeDream-Flush / Megatron-LM 2021): min(stages - stage, micro_batches) micro-batches are
/// held at the peak, the bubble is that of gpipe.
StageSchedule one_forward_one_backward(int stage, int stages, int micro_batches);

/// The same with each stage holding `chunks` pieces of the model, in rounds of `stages`
/// micro-batches per chunk: the bubble shrinks by `chunks`, for as many times the messages. Held at
/// the peak: min(2 (stages - stage - 1) + (chunks - 1) stages + 1, micro_batches chunks) pieces,
/// the warm-up of Megatron-LM and the forward that the first backward follows. \throws UsageError
/// unless micro_batches is a multiple of stages.
StageSchedule interleaved(int stage, int stages, int micro_batches, int chunks);

/// The schedule of one kind. chunks > 1 is for the interleaved kind alone.
StageSchedule make_schedule(ScheduleKind kind, int stage, int stages, int micro_batches,
                            int chunks);

/// Most (micro-batch, chunk) pairs whose activations the stage holds at once.
int peak_activations(StageSchedule const& schedule);

}  // namespace accord::parallel
