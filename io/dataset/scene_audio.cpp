#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>

#include "io/dataset/scene_stream.hpp"

namespace accord::io {
namespace {

constexpr std::uint32_t word_stream = 2, noise_stream = 3;
constexpr int rate = 16000;
constexpr std::size_t samples = 11200;  // 0.7 s
constexpr int words = 22;

double frequency(int word) { return 200 * std::pow(20.0, word / (words - 1.0)); }

/// Numbers of the caption's words: a, small, large, the colours, the shapes, above, below, left,
/// right, of.
std::vector<int> words_of(Scene const& scene) {
  std::vector<int> out;
  auto const object = [&](SceneObject const& o) {
    out.insert(out.end(), {0, 1 + o.size, 3 + o.colour, 11 + o.shape});
  };
  object(scene.first);
  out.push_back(17 + scene.relation);
  if (scene.relation >= 2) out.push_back(21);
  object(scene.second);
  return out;
}

/// Of a WAV file of 16-bit mono samples; little-endian, like every machine this runs on.
struct WavHeader {
  std::array<char, 4> riff{'R', 'I', 'F', 'F'};
  std::uint32_t bytes_after;
  std::array<char, 8> wave{'W', 'A', 'V', 'E', 'f', 'm', 't', ' '};
  std::uint32_t format_bytes = 16;
  std::uint16_t format = 1, channels = 1;
  std::uint32_t samples_per_second = rate, bytes_per_second = 2 * rate;
  std::uint16_t bytes_per_sample = 2, bits = 16;
  std::array<char, 4> data{'d', 'a', 't', 'a'};
  std::uint32_t data_bytes;
};
static_assert(sizeof(WavHeader) == 44);

std::vector<std::byte> wav(std::vector<std::int16_t> const& pcm) {
  WavHeader header;
  header.data_bytes = static_cast<std::uint32_t>(pcm.size() * 2);
  header.bytes_after = header.data_bytes + 36;
  std::vector<std::byte> file(sizeof header + header.data_bytes);
  std::memcpy(file.data(), &header, sizeof header);
  std::memcpy(file.data() + sizeof header, pcm.data(), header.data_bytes);
  return file;
}

}  // namespace

std::vector<std::byte> speak_scene(Scene const& scene, SceneDraws const& random) {
  SceneStream word_draws(random, word_stream), noise(random, noise_stream);
  std::vector<int> const caption = words_of(scene);
  std::vector<std::int16_t> pcm(samples);
  for (std::size_t w = 0; w < caption.size(); ++w) {
    double const pitch = frequency(caption[w]) * word_draws.between(0.99, 1.01);
    double const phase = word_draws.between(0, 2 * std::numbers::pi);
    double const loudness = word_draws.between(0.3, 0.7);
    double const step = 2 * std::numbers::pi * pitch / rate;
    std::size_t const begin = samples * w / caption.size(),
                      end = samples * (w + 1) / caption.size();
    for (std::size_t i = begin; i < end; ++i) {
      double const value =
          loudness * std::sin(phase + step * static_cast<double>(i - begin)) + noise.noise(0.05);
      pcm[i] = static_cast<std::int16_t>(std::floor(std::clamp(value, -1.0, 1.0) * 32767 + 0.5));
    }
  }
  return wav(pcm);
}

}  // namespace accord::io
