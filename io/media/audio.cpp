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
#include "io/media/sound_stream.hpp"
#include "io/media/tags.hpp"

namespace accord::io {
namespace {

/// \throws DataError
std::vector<SoundStream> streams_of(std::span<std::byte const> bytes) {
  switch (media_kind(bytes)) {
    case MediaKind::wav:
      return {wav_stream(bytes)};
    case MediaKind::w64:
      return {w64_stream(bytes)};
    case MediaKind::aiff:
      return {aiff_stream(bytes)};
    case MediaKind::flac:
      return {flac_stream(bytes)};
    case MediaKind::mp3:
      return {mpeg_stream(bytes)};
    case MediaKind::ogg:
      return ogg_streams(bytes.subspan(leading_tag_bytes(bytes)));
    default:
      throw DataError(
          fmt::format("not a sound: found {} bytes of another kind, expected WAV, RF64, W64, AIFF, "
                      "FLAC, Ogg or "
                      "MP3",
                      bytes.size()));
  }
}

/// A stream in memory as libsndfile reads it.
struct Memory {
  SoundStream stream;
  sf_count_t more_bytes = 0;  ///< shown behind the end
  sf_count_t position = 0;

  static Memory& of(void* self) { return *static_cast<Memory*>(self); }
  sf_count_t end() const { return static_cast<sf_count_t>(stream.bytes.size()) + more_bytes; }
  static sf_count_t size(void* self) { return of(self).end(); }
  static sf_count_t seek(sf_count_t offset, int whence, void* self) {
    sf_count_t const from = whence == SEEK_CUR   ? of(self).position
                            : whence == SEEK_END ? size(self)
                                                 : 0;
    return of(self).position = std::clamp<sf_count_t>(from + offset, 0, size(self));
  }
  static sf_count_t read(void* to, sf_count_t count, void* self) {
    Memory& memory = of(self);
    count = std::clamp<sf_count_t>(count, 0, std::max<sf_count_t>(size(self) - memory.position, 0));
    memory.copy({static_cast<std::byte*>(to), static_cast<std::size_t>(count)});
    memory.position += count;
    return count;
  }
  static sf_count_t tell(void* self) { return of(self).position; }

 private:
  void copy(std::span<std::byte> to) const {
    auto const begin = static_cast<std::size_t>(position);
    std::size_t const stored =
        begin < stream.bytes.size() ? std::min(to.size(), stream.bytes.size() - begin) : 0;
    if (stored > 0) std::memcpy(to.data(), stream.bytes.data() + begin, stored);
    for (std::size_t i = stored; i < to.size(); ++i)
      to[i] = stream.more[(begin + i - stream.bytes.size()) % stream.more.size()];
    for (Patch const& patch : stream.patches)
      for (std::size_t i = 0; i < patch.bytes.size(); ++i)
        if (patch.at + i >= begin && patch.at + i - begin < stored)
          to[patch.at + i - begin] = patch.bytes[i];
  }
};

void check_limits(SoundShape const& shape, SoundLimits const& limits) {
  auto const [channels, rate, frames] = shape;
  if (channels < 1 || channels > limits.max_channels || rate < limits.min_rate ||
      rate > limits.max_rate)
    throw DataError(fmt::format(
        "a sound of {} channels at {} Hz; 1 to {} channels and {} to {} Hz are accepted", channels,
        rate, limits.max_channels, limits.min_rate, limits.max_rate));
  if (frames < 1) throw DataError("a sound without samples");
  if (frames / rate > limits.max_seconds || frames > limits.max_samples / channels)
    throw DataError(fmt::format(
        "a sound of {} s with {} channels at {} Hz; up to {} s and {} samples are accepted: cut "
        "it into pieces",
        frames / rate, channels, rate, limits.max_seconds, limits.max_samples));
}

/// An opened stream whose header is within the limits.
class SoundFile {
 public:
  SoundFile(SoundStream stream, SoundLimits const& limits) : memory_{std::move(stream)} {
    // What a longer file would be estimated at is no less than what this one has.
    Index const counted = memory_.stream.frames;
    memory_.more_bytes = counted * static_cast<Index>(memory_.stream.more.size()) / 8;
    SF_VIRTUAL_IO calls{Memory::size, Memory::seek, Memory::read, nullptr, Memory::tell};
    SF_INFO info{};
    file_.reset(sf_open_virtual(&calls, SFM_READ, &info, &memory_));
    memory_.more_bytes = 0;
    if (!file_) throw DataError(fmt::format("a damaged sound: {}", sf_strerror(nullptr)));
    shape_ = {info.channels, info.samplerate, counted > 0 ? counted : info.frames};
    check_limits(shape_, limits);
  }

  SoundShape const& shape() const { return shape_; }

  /// Grows with what is there: a header may promise more.
  std::vector<float> read() {
    constexpr sf_count_t block = 1 << 16;
    std::vector<float> samples;
    sf_count_t frames = 0, got = 0;
    do {
      samples.resize(static_cast<std::size_t>((frames + block) * shape_.channels));
      sf_count_t const most = memory_.stream.frames > 0 ? shape_.frames - frames : block;
      got = sf_readf_float(file_.get(), samples.data() + frames * shape_.channels,
                           std::min(block, most));
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
  struct Close {
    void operator()(SNDFILE* file) const { sf_close(file); }
  };
  Memory memory_;  // where it is must not change: libsndfile holds its address
  std::unique_ptr<SNDFILE, Close> file_;
  SoundShape shape_;
};

/// Calls `visit(link)` for each stream of a file, which must go on as the first does. Returns the
/// shape of all of it. \throws DataError
template <class Visit>
SoundShape visit_links(std::span<std::byte const> bytes, SoundLimits const& limits, Visit&& visit) {
  SoundShape whole;
  for (SoundStream& stream : streams_of(bytes)) {
    SoundFile file(std::move(stream), limits);
    SoundShape const& link = file.shape();
    if (whole.frames > 0 && (link.channels != whole.channels || link.rate != whole.rate))
      throw DataError(fmt::format(
          "an Ogg of several streams: {} channels at {} Hz, then {} at {}; make one sound of each",
          whole.channels, whole.rate, link.channels, link.rate));
    whole = {link.channels, link.rate, whole.frames + link.frames};
    check_limits(whole, limits);
    visit(file);
  }
  return whole;
}

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
  return visit_links(bytes, limits, [](SoundFile&) {});
}

Sound decode_sound(std::span<std::byte const> bytes, SoundLimits const& limits) {
  std::vector<float> samples;
  SoundShape const shape = visit_links(bytes, limits, [&](SoundFile& file) {
    std::vector<float> const link = file.read();
    samples.insert(samples.end(), link.begin(), link.end());
  });
  return {shape.channels, shape.rate, std::move(samples)};
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
