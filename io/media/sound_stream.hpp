#pragma once
// Where the samples of a sound lie, by its container alone. Containers say how long they are, and
// writers that could not go back to say it leave a mark for "until the end", nothing, or a wrong
// number: here it is found out, and the rest of the program reads files that tell the truth. What
// is cut is refused. One function per container, for audio.cpp alone.

#include <cstddef>
#include <span>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::io {

/// Bytes that stand in place of others.
struct Patch {
  std::size_t at = 0;
  std::vector<std::byte> bytes;
};

/// A stretch of a file that libsndfile reads as one sound, with what it is told differently.
struct SoundStream {
  std::span<std::byte const> bytes;
  std::vector<Patch> patches;
  /// Counted here, where libsndfile only estimates; 0: it knows.
  Index frames = 0;
  /// Shown again and again behind the end while libsndfile opens the stream, so that its estimate
  /// is not below `frames`.
  std::vector<std::byte> more;
  /// What `bytes` are of where they are not those of the file.
  std::vector<std::byte> own;
};

// All \throw DataError saying what is missing or damaged.

/// RIFF, RF64 and BW64.
SoundStream wav_stream(std::span<std::byte const> wav);
/// Sony's Wave64.
SoundStream w64_stream(std::span<std::byte const> w64);
/// AIFF and AIFF-C.
SoundStream aiff_stream(std::span<std::byte const> aiff);
/// FLAC, tags before and behind it included.
SoundStream flac_stream(std::span<std::byte const> flac);
/// MPEG audio of all versions and layers, tags and other bytes before and behind it included.
SoundStream mpeg_stream(std::span<std::byte const> mpeg);
/// Ogg: one for each link of a chain. Bytes behind the last page are left out.
std::vector<SoundStream> ogg_streams(std::span<std::byte const> ogg);

}  // namespace accord::io
