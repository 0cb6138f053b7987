#pragma once

#include "core/model/modality/adapter.hpp"

namespace accord {

/// Frames sampled over time and cut into patches, by the shape that the configuration gives a
/// frame:
///   frame = [channels]                  a series (accelerometer, ECG); a patch is `patch_frames`
///                                       consecutive frames
///   frame = [height, width, channels]   a video (or depth, or a scan); a patch is `patch` x
///   `patch`
///                                       pixels of `patch_frames` consecutive frames
/// u = [cls; W patch + b] + pos_embed, a patch flattened frame by frame, row by row, channel last.
/// Items are float32, frame by frame, and may differ in length: the last patch is filled up with
/// zeros. Patches are in the order of time, row, column. W runs once per item, whatever the number
/// of passes. Relative-position bias: of a series logarithmic in distance, of a video a table of
/// the offsets in (time, row, column).
/// Not in ONE-PEACE; after its patch and token families (docs/model.md 1.2, 1.3).
extern AdapterFamily const patch_sequence_family;

}  // namespace accord
