#pragma once
// Compressed sounds to what a convolution adapter reads: one channel at the model's rate,
// normalised. WAV, RF64, W64, AIFF, FLAC, Ogg (Vorbis, Opus, FLAC) and MP3; what a sound is is read
// from its bytes, never from a name.

#include <cstddef>
#include <span>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::io {

/// A decoded sound.
struct Sound {
  Index channels = 0;
  Index rate = 0;              ///< samples per second and channel
  std::vector<float> samples;  ///< interleaved, as libsndfile scales them: integers to [-1, 1)
};

/// What a header promises.
struct SoundShape {
  Index channels = 0;
  Index rate = 0;
  Index frames = 0;  ///< samples per channel
};

/// What a sound may cost. Checked against its header, before anything of its size is allocated, and
/// again while decoding.
struct SoundLimits {
  Index max_channels = 16;
  Index min_rate = 1000, max_rate = 384000;
  Index max_seconds = 600;
  Index max_samples = 64 << 20;  ///< frames * channels
};

/// The whole sound, however its writer left the marks of its length (io/media/sound_stream.hpp): a
/// size that says "until the end" or nothing, no count of frames, no mark of the last page, tags
/// and other bytes before and behind. The links of a chained Ogg follow one another. Thread-safe.
/// \throws DataError saying what was found: another format, which limit the header exceeds, no
/// samples, samples that are not finite, truncated or damaged data (an MP3 that does not say how
/// long it is and an Ogg without mark of its end may end between two frames or pages). The caller
/// adds the name of the sample.
Sound decode_sound(std::span<std::byte const> bytes, SoundLimits const& limits = {});

/// Shape from the header and the container's structure alone; the same limits and errors, but
/// damage to the samples is not seen.
SoundShape sound_shape(std::span<std::byte const> bytes, SoundLimits const& limits = {});

/// How a sound becomes the input of the model (docs/model.md 3.4).
struct WaveformSpec {
  Index rate = 16000;       ///< samples per second of the result
  double min_seconds = 1;   ///< shorter ones are repeated up to here
  double max_seconds = 15;  ///< longer ones end here
};

/// Mean of the channels, resampled where the rate differs, (x - mean) / sqrt(variance + 1e-5) over
/// the whole (in double), then cut or repeated. Never empty for a sound that is not.
std::vector<float> waveform(Sound const& sound, WaveformSpec const& spec);

}  // namespace accord::io
