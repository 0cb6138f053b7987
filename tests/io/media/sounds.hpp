#pragma once
// Sounds for tests, encoded in memory by libsndfile.

#include <sndfile.h>

#include <cmath>
#include <cstring>
#include <numbers>
#include <stdexcept>
#include <string>
#include <vector>

#include "core/base/dtype.hpp"
#include "core/base/error.hpp"
#include "io/media/audio.hpp"

namespace accord::testing {

/// Interleaved samples: on each channel a sine of `hertz` (times channel + 1), half of full scale.
inline std::vector<float> sine(Index frames, int channels, int rate, double hertz) {
  std::vector<float> samples;
  for (Index i = 0; i < frames; ++i)
    for (int c = 0; c < channels; ++c)
      samples.push_back(static_cast<float>(
          0.5 * std::sin(2 * std::numbers::pi * hertz * (c + 1) * static_cast<double>(i) / rate)));
  return samples;
}

/// \param format of libsndfile, as SF_FORMAT_WAV | SF_FORMAT_PCM_16
inline std::vector<std::byte> encoded(std::vector<float> const& samples, int channels, int rate,
                                      int format) {
  struct File {
    std::vector<std::byte> bytes;
    std::size_t position = 0;
  } file;
  SF_VIRTUAL_IO calls{
      [](void* f) { return static_cast<sf_count_t>(static_cast<File*>(f)->bytes.size()); },
      [](sf_count_t offset, int whence, void* f) {
        File& to = *static_cast<File*>(f);
        sf_count_t const from = whence == SEEK_CUR   ? static_cast<sf_count_t>(to.position)
                                : whence == SEEK_END ? static_cast<sf_count_t>(to.bytes.size())
                                                     : 0;
        to.position = static_cast<std::size_t>(from + offset);
        return from + offset;
      },
      [](void*, sf_count_t, void*) { return sf_count_t{0}; },
      [](void const* data, sf_count_t count, void* f) {
        File& to = *static_cast<File*>(f);
        std::size_t const end = to.position + static_cast<std::size_t>(count);
        if (to.bytes.size() < end) to.bytes.resize(end);
        std::memcpy(to.bytes.data() + to.position, data, static_cast<std::size_t>(count));
        to.position = end;
        return count;
      },
      [](void* f) { return static_cast<sf_count_t>(static_cast<File*>(f)->position); }};
  SF_INFO info{};
  info.channels = channels, info.samplerate = rate, info.format = format;
  SNDFILE* const out = sf_open_virtual(&calls, SFM_WRITE, &info, &file);
  if (!out) throw std::runtime_error(sf_strerror(nullptr));
  sf_write_float(out, samples.data(), static_cast<sf_count_t>(samples.size()));
  sf_close(out);
  return file.bytes;
}

/// What decode_sound() says of a sound that it refuses; empty if it does not.
inline std::string decode_error(std::span<std::byte const> bytes) {
  try {
    io::decode_sound(bytes);
  } catch (DataError const& refused) {
    return refused.what();
  }
  return "";
}

}  // namespace accord::testing
