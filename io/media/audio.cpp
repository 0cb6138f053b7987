#include "io/media/audio.hpp"

#include <fmt/format.h>
#include <sndfile.h>
#include <soxr.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>

#include "core/base/error.hpp"
#include "io/media/media_kind.hpp"

namespace accord::io {
namespace {

template <class T>
T little_endian(std::span<std::byte const> bytes, std::size_t at) {
  T value;
  std::memcpy(&value, bytes.data() + at, sizeof value);
  return value;
}

/// libsndfile reads a WAV whose end is missing as a shorter one. \throws DataError
void check_wav(std::span<std::byte const> wav) {
  bool format_seen = false;
  for (std::size_t at = 12; at + 8 <= wav.size();) {
    std::string const name(reinterpret_cast<char const*>(wav.data() + at), 4);
    std::size_t const bytes = little_endian<std::uint32_t>(wav, at + 4);
    at += 8;
    if (bytes > wav.size() - at)
      throw DataError(fmt::format("a damaged WAV: chunk '{}' reaches beyond the end", name));
    format_seen |= name == "fmt ";
    if (name == "data") {
      if (!format_seen) throw DataError("a damaged WAV: data before its format");
      if (bytes == 0) throw DataError("a WAV without samples");
      return;
    }
    at += bytes + bytes % 2;
  }
  throw DataError("a damaged WAV: no data chunk");
}

/// libsndfile reads an Ogg whose end is missing as a shorter one. Its pages name their own length,
/// and the last is marked. \throws DataError
void check_ogg(std::span<std::byte const> ogg) {
  constexpr std::size_t header = 27;
  constexpr std::byte end_of_stream{4};
  bool ended = false;
  for (std::size_t at = 0; at < ogg.size();) {
    std::size_t const left = ogg.size() - at;
    if (left < header || std::memcmp(ogg.data() + at, "OggS", 4) != 0)
      throw DataError(fmt::format("a damaged Ogg: no page at byte {} of {}", at, ogg.size()));
    std::size_t const segments = std::to_integer<std::size_t>(ogg[at + 26]);
    std::size_t page = header + segments;
    for (std::size_t i = 0; i < segments && header + i < left; ++i)
      page += std::to_integer<std::size_t>(ogg[at + header + i]);
    if (page > left) throw DataError("a damaged Ogg: the data end within a page");
    ended = (ogg[at + 5] & end_of_stream) != std::byte{0};
    at += page;
  }
  if (!ended) throw DataError("a damaged Ogg: the last page is missing");
}

/// Bytes in memory as libsndfile reads them.
struct Memory {
  std::span<std::byte const> bytes;
  sf_count_t position = 0;

  static Memory& of(void* self) { return *static_cast<Memory*>(self); }
  static sf_count_t size(void* self) { return static_cast<sf_count_t>(of(self).bytes.size()); }
  static sf_count_t seek(sf_count_t offset, int whence, void* self) {
    sf_count_t const from = whence == SEEK_CUR   ? of(self).position
                            : whence == SEEK_END ? size(self)
                                                 : 0;
    return of(self).position = std::clamp<sf_count_t>(from + offset, 0, size(self));
  }
  static sf_count_t read(void* to, sf_count_t count, void* self) {
    Memory& memory = of(self);
    count = std::clamp<sf_count_t>(count, 0, size(self) - memory.position);
    if (count > 0) std::memcpy(to, memory.bytes.data() + memory.position, count);
    memory.position += count;
    return count;
  }
  static sf_count_t tell(void* self) { return of(self).position; }
};

/// An opened sound whose header is within the limits.
class SoundFile {
 public:
  SoundFile(std::span<std::byte const> bytes, SoundLimits const& limits) : memory_{bytes} {
    MediaKind const kind = media_kind(bytes);
    if (!is_audio(kind))
      throw DataError(
          fmt::format("not a sound: found {} bytes of another kind, expected WAV, FLAC, Ogg or MP3",
                      bytes.size()));
    if (kind == MediaKind::wav) check_wav(bytes);
    if (kind == MediaKind::ogg) check_ogg(bytes);
    SF_VIRTUAL_IO calls{Memory::size, Memory::seek, Memory::read, nullptr, Memory::tell};
    SF_INFO info{};
    file_.reset(sf_open_virtual(&calls, SFM_READ, &info, &memory_));
    if (!file_) throw DataError(fmt::format("a damaged sound: {}", sf_strerror(nullptr)));
    shape_ = {info.channels, info.samplerate, info.frames};
    check(limits);
  }

  SoundShape const& shape() const { return shape_; }

  /// Grows with what is there: a header may promise more.
  std::vector<float> read() {
    constexpr sf_count_t block = 1 << 16;
    std::vector<float> samples;
    sf_count_t frames = 0, got = 0;
    do {
      samples.resize(static_cast<std::size_t>((frames + block) * shape_.channels));
      got = sf_readf_float(file_.get(), samples.data() + frames * shape_.channels, block);
      frames += got;
    } while (got > 0 && frames <= shape_.frames);
    if (frames != shape_.frames)
      throw DataError(fmt::format("a damaged sound: {} samples where its header has {}", frames,
                                  shape_.frames));
    samples.resize(static_cast<std::size_t>(frames * shape_.channels));
    auto const odd = std::ranges::find_if_not(samples, [](float x) { return std::isfinite(x); });
    if (odd != samples.end())
      throw DataError(fmt::format("a sound whose sample {} is {}", odd - samples.begin(), *odd));
    return samples;
  }

 private:
  void check(SoundLimits const& limits) const {
    auto const [channels, rate, frames] = shape_;
    if (channels < 1 || channels > limits.max_channels || rate < limits.min_rate ||
        rate > limits.max_rate)
      throw DataError(fmt::format(
          "a sound of {} channels at {} Hz; 1 to {} channels and {} to {} Hz are accepted",
          channels, rate, limits.max_channels, limits.min_rate, limits.max_rate));
    if (frames < 1) throw DataError("a sound without samples");
    if (frames / rate > limits.max_seconds || frames > limits.max_samples / channels)
      throw DataError(fmt::format(
          "a sound of {} s with {} channels at {} Hz; up to {} s and {} samples are accepted: cut "
          "it into pieces",
          frames / rate, channels, rate, limits.max_seconds, limits.max_samples));
  }

  struct Close {
    void operator()(SNDFILE* file) const { sf_close(file); }
  };
  Memory memory_;  // where it is must not change: libsndfile holds its address
  std::unique_ptr<SNDFILE, Close> file_;
  SoundShape shape_;
};

std::vector<double> mean_of_channels(Sound const& sound) {
  auto const channels = static_cast<std::size_t>(sound.channels);
  std::vector<double> mono(sound.samples.size() / channels);
  for (std::size_t i = 0; i < mono.size(); ++i) {
    double sum = 0;
    for (std::size_t c = 0; c < channels; ++c) sum += sound.samples[i * channels + c];
    mono[i] = sum / static_cast<double>(channels);
  }
  return mono;
}

std::vector<double> resampled(std::vector<double> const& from, Index from_rate, Index to_rate) {
  double const ratio = static_cast<double>(to_rate) / static_cast<double>(from_rate);
  std::vector<double> to(
      static_cast<std::size_t>(std::ceil(static_cast<double>(from.size()) * ratio)));
  soxr_io_spec_t const types = soxr_io_spec(SOXR_FLOAT64_I, SOXR_FLOAT64_I);
  soxr_quality_spec_t const quality = soxr_quality_spec(SOXR_VHQ, 0);
  soxr_runtime_spec_t const one_thread = soxr_runtime_spec(1);
  std::size_t made = 0;
  soxr_error_t const error = soxr_oneshot(
      static_cast<double>(from_rate), static_cast<double>(to_rate), 1, from.data(), from.size(),
      nullptr, to.data(), to.size(), &made, &types, &quality, &one_thread);
  if (error) throw Error(fmt::format("soxr: {}", error));
  to.resize(std::max<std::size_t>(made, 1));  // a sample that is shorter than one is one
  return to;
}

}  // namespace

SoundShape sound_shape(std::span<std::byte const> bytes, SoundLimits const& limits) {
  return SoundFile(bytes, limits).shape();
}

Sound decode_sound(std::span<std::byte const> bytes, SoundLimits const& limits) {
  SoundFile file(bytes, limits);
  return {file.shape().channels, file.shape().rate, file.read()};
}

std::vector<float> waveform(Sound const& sound, WaveformSpec const& spec) {
  std::vector<double> x = mean_of_channels(sound);
  if (sound.rate != spec.rate) x = resampled(x, sound.rate, spec.rate);
  auto const count = static_cast<double>(x.size());
  double mean = 0, variance = 0;
  for (double v : x) mean += v / count;
  for (double v : x) variance += (v - mean) * (v - mean) / count;
  double const scale = 1 / std::sqrt(variance + 1e-5);
  auto const samples_in = [&](double seconds) {
    return static_cast<std::size_t>(seconds * static_cast<double>(spec.rate));
  };
  std::size_t const length =
      std::max(std::min(x.size(), samples_in(spec.max_seconds)), samples_in(spec.min_seconds));
  std::vector<float> out(length);
  for (std::size_t i = 0; i < length; ++i)
    out[i] = static_cast<float>((x[i % x.size()] - mean) * scale);
  return out;
}

}  // namespace accord::io
