#include <sndfile.h>

#include "core/base/error.hpp"
#include "io/media/audio.hpp"
#include "tests/fuzz/format.hpp"
#include "tests/io/media/sounds.hpp"

namespace accord::fuzz {

std::vector<std::string> seeds() {
  std::vector<float> const samples = testing::sine(3000, 2, 16000, 440);
  std::vector<std::string> sounds;
  for (int format : {SF_FORMAT_WAV | SF_FORMAT_PCM_16, SF_FORMAT_WAV | SF_FORMAT_FLOAT,
                     SF_FORMAT_FLAC | SF_FORMAT_PCM_16, SF_FORMAT_OGG | SF_FORMAT_VORBIS,
                     SF_FORMAT_OGG | SF_FORMAT_OPUS, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III,
                     SF_FORMAT_RF64 | SF_FORMAT_PCM_16, SF_FORMAT_W64 | SF_FORMAT_PCM_16,
                     SF_FORMAT_AIFF | SF_FORMAT_PCM_16}) {
    std::vector<std::byte> const bytes = testing::encoded(samples, 2, 16000, format);
    sounds.emplace_back(reinterpret_cast<char const*>(bytes.data()), bytes.size());
  }
  return sounds;
}

void read(std::string const& input) {
  io::SoundLimits limits;
  limits.max_samples = 1 << 18;  // so that a run tries many inputs
  auto const bytes = std::as_bytes(std::span(input));
  io::Sound const sound = io::decode_sound(bytes, limits);
  io::SoundShape const shape = io::sound_shape(bytes, limits);
  if (shape.channels != sound.channels || shape.rate != sound.rate ||
      static_cast<Index>(sound.samples.size()) != shape.frames * shape.channels)
    throw Error("the header and the decoder do not agree on the size");
  if (io::waveform(sound, {}).empty()) throw Error("a waveform without samples");
}

}  // namespace accord::fuzz
