#include "io/media/audio.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <string>

#include "core/base/rng.hpp"
#include "tests/io/media/sounds.hpp"

namespace accord::io {
namespace {

using testing::decode_error;
using testing::encoded;
using ::testing::HasSubstr;
using testing::sine;

constexpr int wav = SF_FORMAT_WAV | SF_FORMAT_PCM_16, wav_float = SF_FORMAT_WAV | SF_FORMAT_FLOAT,
              flac = SF_FORMAT_FLAC | SF_FORMAT_PCM_16, vorbis = SF_FORMAT_OGG | SF_FORMAT_VORBIS,
              opus = SF_FORMAT_OGG | SF_FORMAT_OPUS,
              mp3 = SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III;

void put(std::vector<std::byte>& bytes, std::size_t at, std::uint32_t value) {
  std::memcpy(bytes.data() + at, &value, sizeof value);
}

double power_at(std::vector<float> const& x, double hertz, double rate) {
  double re = 0, im = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    double const phase = 2 * std::numbers::pi * hertz * static_cast<double>(i) / rate;
    re += x[i] * std::cos(phase);
    im += x[i] * std::sin(phase);
  }
  return (re * re + im * im) / static_cast<double>(x.size() * x.size());
}

TEST(DecodeSound, KeepsTheSamplesOfLosslessFormats) {
  std::vector<float> const samples = sine(1000, 2, 16000, 440);
  for (int format : {wav, wav_float, flac}) {
    Sound const sound = decode_sound(encoded(samples, 2, 16000, format));
    EXPECT_EQ(sound.channels, 2);
    EXPECT_EQ(sound.rate, 16000);
    ASSERT_EQ(sound.samples.size(), samples.size());
    for (std::size_t i = 0; i < samples.size(); ++i)
      ASSERT_NEAR(sound.samples[i], samples[i], 1.0 / 32768) << format << " at " << i;
  }
}

TEST(DecodeSound, ReadsVorbisOpusAndMp3) {
  for (int format : {vorbis, opus, mp3}) {
    std::vector<std::byte> const bytes = encoded(sine(48000, 1, 48000, 440), 1, 48000, format);
    Sound const sound = decode_sound(bytes);
    EXPECT_EQ(sound.channels, 1);
    EXPECT_EQ(sound.rate, 48000);
    EXPECT_NEAR(static_cast<double>(sound.samples.size()), 48000, 3000);
    EXPECT_NEAR(power_at(sound.samples, 440, 48000), 0.0625, 0.01) << std::hex << format;
    EXPECT_EQ(sound_shape(bytes).frames, static_cast<Index>(sound.samples.size()));
  }
}

TEST(DecodeSound, RefusesWhatIsCutOff) {
  std::vector<float> const samples = sine(30000, 1, 16000, 440);
  for (int format : {wav, wav_float, flac, vorbis, opus, mp3}) {
    std::vector<std::byte> const whole = encoded(samples, 1, 16000, format);
    EXPECT_EQ(decode_error(whole), "");
    for (std::size_t part = 1; part < 8; ++part)
      EXPECT_NE(decode_error(std::span(whole).first(whole.size() * part / 8)), "")
          << std::hex << format << ", " << part << " eighths";
    EXPECT_NE(decode_error(std::span(whole).first(whole.size() - 1)), "") << std::hex << format;
  }
  std::vector<std::byte> const whole = encoded(samples, 1, 16000, wav);
  EXPECT_EQ(decode_error(std::span(whole).first(5000)),
            "a damaged WAV: chunk 'data' reaches beyond the end");
}

TEST(DecodeSound, RefusesASoundWithoutSamples) {
  EXPECT_EQ(decode_error(encoded({}, 1, 16000, wav)), "a WAV without samples");
}

TEST(DecodeSound, RefusesSamplesThatAreNotNumbers) {
  for (float odd :
       {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    std::vector<float> samples = sine(100, 1, 16000, 440);
    samples[17] = odd;
    EXPECT_THAT(decode_error(encoded(samples, 1, 16000, wav_float)), HasSubstr("sample 17 is"));
  }
}

TEST(DecodeSound, RefusesAbsurdHeaders) {
  std::vector<std::byte> const good = encoded(sine(1000, 1, 16000, 440), 1, 16000, wav);
  std::vector<std::byte> bytes = good;
  put(bytes, 24, 1);
  EXPECT_THAT(decode_error(bytes), HasSubstr("1 channels at 1 Hz"));
  EXPECT_THAT(decode_error(encoded(std::vector<float>(2000), 1000, 16000, wav)),
              HasSubstr("1000 channels"));
  bytes = good;
  put(bytes, 22, 0);  // no channels, and a broken block size
  EXPECT_NE(decode_error(bytes), "");
  EXPECT_THAT(decode_error({}), HasSubstr("not a sound"));
  EXPECT_THAT(decode_error(std::as_bytes(std::span("GIF89a..............."))),
              HasSubstr("not a sound"));
}

TEST(DecodeSound, RefusesTenHoursBeforeItReadsThem) {
  // Header and data chunk of 36 000 s of silence at 1000 Hz, 8 bit.
  std::vector<std::byte> bytes = encoded({}, 1, 1000, SF_FORMAT_WAV | SF_FORMAT_PCM_U8);
  std::size_t const header = bytes.size();
  bytes.resize(header + 36'000'000);
  put(bytes, header - 4, 36'000'000);
  EXPECT_THAT(decode_error(bytes), HasSubstr("a sound of 36000 s"));
  // The same from the header of a FLAC of a few bytes: 36 bits of its sample count.
  bytes = encoded(sine(1000, 1, 16000, 440), 1, 16000, flac);
  put(bytes, 22, 0xffffffff);
  EXPECT_THAT(decode_error(bytes), HasSubstr("are accepted"));
}

TEST(DecodeSound, SurvivesDamageAnywhere) {
  for (int format : {wav, flac, vorbis, opus, mp3}) {
    std::vector<std::byte> const whole = encoded(sine(4000, 1, 16000, 440), 1, 16000, format);
    Draws const draws(1, Purpose::item);
    for (std::uint64_t round = 0; round < 200; ++round) {
      std::vector<std::byte> bytes = whole;
      for (std::uint32_t flip = 0; flip < 4; ++flip)
        bytes[draws.below(static_cast<std::uint32_t>(bytes.size()), round, 0, flip)] ^=
            std::byte{static_cast<unsigned char>(1u << draws.below(8, round, 1, flip))};
      decode_error(bytes);  // a sound or a DataError, nothing else
    }
  }
}

TEST(Waveform, IsTheMeanOfTheChannelsNormalisedAsAWhole) {
  Sound const sound{2, 16000, {1, 3, -2, 0, 5, 5, 0, 0}};  // means 2, -1, 5, 0
  std::vector<float> const x = waveform(sound, {.rate = 16000, .min_seconds = 0, .max_seconds = 1});
  double const mean = 1.5, variance = (0.25 + 6.25 + 12.25 + 2.25) / 4;
  ASSERT_EQ(x.size(), 4u);
  EXPECT_FLOAT_EQ(x[0], static_cast<float>((2 - mean) / std::sqrt(variance + 1e-5)));
  EXPECT_FLOAT_EQ(x[2], static_cast<float>((5 - mean) / std::sqrt(variance + 1e-5)));
}

TEST(Waveform, CutsAfterAndRepeatsBeforeTheLimits) {
  Sound const sound{1, 10, {0, 1, 2}};
  std::vector<float> const longer = waveform(sound, {10, 0.7, 15}),
                           shorter = waveform(sound, {10, 0.1, 0.2});
  ASSERT_EQ(longer.size(), 7u);
  for (std::size_t i = 3; i < 7; ++i) EXPECT_EQ(longer[i], longer[i % 3]);
  ASSERT_EQ(shorter.size(), 2u);
  EXPECT_EQ(shorter[0], longer[0]);  // normalised before it is cut
  std::vector<float> const silence = waveform({1, 10, {0, 0}}, {10, 0.1, 15});
  EXPECT_THAT(silence, ::testing::Each(0.0f));
}

TEST(Waveform, ComesAtTheRateOfTheModel) {
  for (int rate : {8000, 22050, 44100, 48000}) {
    Sound const sound{1, rate, sine(rate, 1, rate, 1000)};
    std::vector<float> const x = waveform(sound, {16000, 1, 15});
    EXPECT_EQ(x.size(), 16000u) << rate;
    // A sine of amplitude sqrt(2) once its variance is 1.
    EXPECT_NEAR(power_at(x, 1000, 16000), 0.5, 0.005) << rate;
  }
  // What lies above half the rate is filtered out, not folded down.
  std::vector<float> const x = waveform({2, 48000,
                                         [] {
                                           std::vector<float> both = sine(48000, 1, 48000, 1000),
                                                              high = sine(48000, 1, 48000, 13000);
                                           std::vector<float> joined;
                                           for (std::size_t i = 0; i < both.size(); ++i)
                                             joined.insert(joined.end(), {both[i], high[i]});
                                           return joined;
                                         }()},
                                        {16000, 1, 15});
  EXPECT_LE(power_at(x, 3000, 16000), 1e-8);
}

}  // namespace
}  // namespace accord::io
