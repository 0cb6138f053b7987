// Sounds whose containers do not know, or do not tell, how long they are.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "io/media/audio.hpp"
#include "io/media/byte_order.hpp"
#include "io/media/media_kind.hpp"
#include "tests/io/media/mpeg_frames.hpp"
#include "tests/io/media/sounds.hpp"

namespace accord::io {
namespace {

using testing::decode_error;
using testing::encoded;
using ::testing::HasSubstr;
using testing::info_frame;
using testing::joined;
using testing::repeated;
using testing::silent_mpeg;
using testing::sine;
using Bytes = std::vector<std::byte>;

constexpr int pcm = SF_FORMAT_PCM_16;

template <class T>
Bytes with_number(Bytes bytes, std::size_t at, T value, bool big = false) {
  std::ranges::copy(big ? as_big_endian(value) : as_little_endian(value),
                    bytes.begin() + static_cast<std::ptrdiff_t>(at));
  return bytes;
}
Bytes with_text(Bytes bytes, std::size_t at, std::string_view text) {
  std::memcpy(bytes.data() + at, text.data(), text.size());
  return bytes;
}
Bytes first(Bytes const& bytes, std::size_t count) {
  return {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(count)};
}
std::size_t place_of(Bytes const& bytes, std::string_view text) {
  std::string_view const all(reinterpret_cast<char const*>(bytes.data()), bytes.size());
  EXPECT_NE(all.rfind(text), all.npos) << text;
  return all.rfind(text);
}

/// The same sound as that of `whole`, by header and by samples.
void expect_sound_of(Bytes const& bytes, Bytes const& whole, std::string const& what) {
  ASSERT_EQ(decode_error(bytes), "") << what;
  Sound const expected = decode_sound(whole), sound = decode_sound(bytes);
  EXPECT_EQ(sound.samples, expected.samples) << what;
  EXPECT_EQ(sound.rate, expected.rate) << what;
  EXPECT_EQ(sound_shape(bytes).frames, static_cast<Index>(expected.samples.size()) / sound.channels)
      << what;
}

Bytes const tone(int format) { return encoded(sine(9000, 2, 16000, 440), 2, 16000, format); }

TEST(WavLength, IsThatOfTheFileWhereTheHeaderSaysUntilTheEnd) {
  Bytes const wav = tone(SF_FORMAT_WAV | pcm);
  std::size_t const data = place_of(wav, "data");
  for (std::uint32_t mark : {0xffffffffu, 0x7fffffffu, 0x7ffff000u, 0x80000000u, 0xffffffdbu, 0u}) {
    Bytes const piped = with_number(with_number(wav, data + 4, mark), 4, mark);
    expect_sound_of(piped, wav, std::to_string(mark));
  }
  // The size of the whole file proves it complete: that of the data is a slip.
  expect_sound_of(with_number(wav, data + 4, static_cast<std::uint32_t>(wav.size())), wav, "slip");
}

TEST(WavLength, IsNotThatOfACutFile) {
  Bytes const wav = tone(SF_FORMAT_WAV | pcm);
  std::size_t const data = place_of(wav, "data");
  EXPECT_THAT(decode_error(first(wav, wav.size() - 4)), HasSubstr("reaches beyond the end"));
  Bytes const piped = with_number(wav, data + 4, 0xffffffffu);
  EXPECT_THAT(decode_error(first(piped, piped.size() - 1)), HasSubstr("end within a sample"));
  EXPECT_EQ(decode_error(first(piped, data + 8)), "a WAV without samples");
  Bytes const empty = with_number(first(wav, data + 8), data + 4, 0u);
  EXPECT_EQ(decode_error(empty), "a WAV without samples");
  Bytes list(12);
  EXPECT_EQ(decode_error(joined({empty, with_number(with_text(list, 0, "LIST"), 4, 4u)})),
            "a WAV without samples");
}

TEST(WavLength, MayStandInTheWideForms) {
  Bytes const wav = tone(SF_FORMAT_WAV | pcm), rf64 = tone(SF_FORMAT_RF64 | pcm);
  ASSERT_TRUE(stands_at(rf64, 0, "RF64"));
  expect_sound_of(rf64, wav, "RF64");
  expect_sound_of(with_text(rf64, 0, "BW64"), wav, "BW64");
  std::size_t const sizes = place_of(rf64, "ds64") + 8;
  for (std::uint64_t mark : {std::uint64_t{0}, ~std::uint64_t{0}})
    expect_sound_of(with_number(with_number(rf64, sizes, mark), sizes + 8, mark), wav,
                    "piped RF64");
  EXPECT_THAT(decode_error(first(rf64, rf64.size() - 4)), HasSubstr("reaches beyond the end"));

  Bytes const w64 = tone(SF_FORMAT_W64 | pcm);
  std::size_t const data = place_of(w64, "data\xf3");
  expect_sound_of(w64, wav, "W64");
  for (std::uint64_t mark : {std::uint64_t{0}, std::uint64_t{24}, ~std::uint64_t{0}})
    expect_sound_of(with_number(with_number(w64, 16, mark), data + 16, mark), wav, "piped W64");
  EXPECT_THAT(decode_error(first(w64, w64.size() - 4)), HasSubstr("reaches beyond the end"));
}

TEST(AiffLength, IsThatOfTheFileWhereTheHeaderSaysUntilTheEnd) {
  for (int format : {SF_FORMAT_AIFF | pcm, SF_FORMAT_AIFF | SF_FORMAT_FLOAT,
                     SF_FORMAT_AIFF | SF_FORMAT_ULAW, SF_FORMAT_AIFF | SF_ENDIAN_LITTLE | pcm}) {
    Bytes const aiff = tone(format);
    std::size_t const sound = place_of(aiff, "SSND") + 4, frames = place_of(aiff, "COMM") + 10;
    EXPECT_EQ(decode_sound(aiff).samples.size(), 18000u);
    for (std::uint32_t mark : {0u, 8u, 0x7f000000u, 0xffffffffu})
      expect_sound_of(with_number(with_number(with_number(aiff, 4, mark, true), sound, mark, true),
                                  frames, mark / 4, true),
                      aiff, std::to_string(mark));
    EXPECT_THAT(decode_error(first(aiff, aiff.size() - 4)),
                HasSubstr("'SSND' reaches beyond the end"));
  }
}

TEST(FlacLength, IsCountedWhereTheHeaderDoesNotSayIt) {
  Bytes const flac = tone(SF_FORMAT_FLAC | pcm);
  std::byte const nibble = flac[21] & std::byte{0xf0};
  auto const with_total = [&](std::uint32_t total) {
    Bytes bytes = with_number(flac, 22, total, true);
    bytes[21] = nibble;
    return bytes;
  };
  expect_sound_of(with_total(9000), flac, "as it is");
  expect_sound_of(with_total(0), flac, "unknown");
  expect_sound_of(with_total(4096), flac, "too few");
  EXPECT_NE(decode_error(with_total(20000)), "");
  EXPECT_THAT(decode_error(first(with_total(0), flac.size() - 1)),
              HasSubstr("its last frame is not whole"));
  Bytes const tags(138);
  Bytes const tagged = joined({with_number(with_text(first(tags, 30), 0, "ID3\3"), 6, 20u, true),
                               with_total(0), with_text(first(tags, 128), 0, "TAG")});
  EXPECT_EQ(media_kind(tagged), MediaKind::flac);
  expect_sound_of(tagged, flac, "tags");
}

TEST(OggLength, NeedsNoMarkOfTheEnd) {
  for (int format : {SF_FORMAT_OGG | SF_FORMAT_VORBIS, SF_FORMAT_OGG | SF_FORMAT_OPUS}) {
    Bytes const ogg = tone(format);
    Bytes unmarked = ogg;
    std::size_t const last = place_of(ogg, "OggS");
    unmarked[last + 5] &= ~std::byte{4};
    unmarked =
        with_number(unmarked, last + 22, testing::ogg_crc(std::span(unmarked).subspan(last)));
    expect_sound_of(unmarked, ogg, "no mark");
    for (std::size_t more : {1u, 100u, 100000u}) {
      expect_sound_of(joined({ogg, Bytes(more)}), ogg, "bytes behind");
      expect_sound_of(joined({unmarked, Bytes(more)}), ogg, "both");
    }
    EXPECT_THAT(decode_error(first(unmarked, ogg.size() - 1)), HasSubstr("end within a page"));
    EXPECT_THAT(decode_error(joined({ogg, Bytes(3), ogg})), HasSubstr("no page at byte"));
    EXPECT_THAT(decode_error(joined({first(unmarked, last), with_text(Bytes(2), 0, "Og")})),
                HasSubstr("no page at byte"));
  }
}

/// FLAC in pages of Ogg: the header in the first, then as many bytes as it comes.
Bytes flac_in_ogg(Bytes const& flac) {
  Bytes const mapping = with_text(Bytes(9), 0,
                                  std::string_view("\x7f"
                                                   "FLAC\1\0\0\1",
                                                   9));
  std::vector<Bytes> bodies = {joined({mapping, first(flac, 42)})};
  for (std::size_t at = 42; at < flac.size(); at += 5000) {
    Bytes const rest(flac.begin() + static_cast<std::ptrdiff_t>(at), flac.end());
    bodies.push_back(first(rest, std::min<std::size_t>(5000, rest.size())));
  }
  Bytes ogg;
  for (std::size_t i = 0; i < bodies.size(); ++i) {
    std::size_t const segments = bodies[i].size() / 255 + 1;
    Bytes header(27 + segments, std::byte{255});
    std::fill_n(header.begin(), 27, std::byte{0});
    header = with_text(header, 0, "OggS");
    header[5] = std::byte{static_cast<unsigned char>(i == 0 ? 2 : 0)};
    header[26] = static_cast<std::byte>(segments);
    header.back() = static_cast<std::byte>(bodies[i].size() % 255);
    ogg = joined({ogg, header, bodies[i]});
  }
  return ogg;
}

TEST(OggLength, OfFlacIsThatOfItsFrames) {
  Bytes const flac = tone(SF_FORMAT_FLAC | pcm);
  Bytes unknown = with_number(flac, 22, 0u, true);
  unknown[21] &= std::byte{0xf0};
  for (Bytes const& stream : {flac, unknown}) {
    Bytes const ogg = flac_in_ogg(stream);
    EXPECT_EQ(media_kind(ogg), MediaKind::ogg);
    expect_sound_of(ogg, flac, "FLAC in Ogg");
    expect_sound_of(joined({ogg, Bytes(50)}), flac, "bytes behind");
    EXPECT_NE(decode_error(flac_in_ogg(first(stream, stream.size() - 100))), "");
  }
}

TEST(OggLength, IsThatOfAllLinksOfAChain) {
  Bytes const ogg = tone(SF_FORMAT_OGG | SF_FORMAT_VORBIS);
  std::vector<float> twice = decode_sound(ogg).samples;
  twice.insert(twice.end(), twice.begin(), twice.end());
  Sound const chain = decode_sound(joined({ogg, ogg}));
  EXPECT_EQ(chain.samples, twice);
  EXPECT_EQ(sound_shape(joined({ogg, ogg, Bytes(7)})).frames, 18000);
  Bytes const other =
      encoded(sine(9000, 1, 16000, 440), 1, 16000, SF_FORMAT_OGG | SF_FORMAT_VORBIS);
  EXPECT_THAT(decode_error(joined({ogg, other})),
              HasSubstr("2 channels at 16000 Hz, then 1 at 16000"));
}

Index frames_of(Bytes const& bytes) {
  EXPECT_EQ(decode_error(bytes), "");
  EXPECT_EQ(media_kind(bytes), MediaKind::mp3);
  Index const frames = sound_shape(bytes).frames;
  EXPECT_EQ(static_cast<Index>(decode_sound(bytes).samples.size()), frames);
  return frames;
}

TEST(Mp3Length, IsCountedWhereNothingSaysIt) {
  Bytes constant, variable;
  for (int i = 0, owed = 0; i < 100; ++i) {
    owed += 144 * 64000 % 44100;
    constant = joined({constant, silent_mpeg({.bitrate = 5, .padded = owed >= 44100})});
    owed %= 44100;
    variable = joined(
        {variable, silent_mpeg({.bitrate = i < 3 ? 14u : 1u + static_cast<unsigned>(i) % 3})});
  }
  EXPECT_EQ(frames_of(constant), 100 * 1152);
  EXPECT_EQ(frames_of(variable), 100 * 1152);
  EXPECT_EQ(frames_of(silent_mpeg({})), 1152);
  EXPECT_EQ(frames_of(repeated(silent_mpeg({}), 2)), 2 * 1152);
  EXPECT_EQ(frames_of(repeated(silent_mpeg({.version = 2, .bitrate = 4}), 10)), 10 * 576);
  EXPECT_EQ(frames_of(repeated(silent_mpeg({.layer = 2, .bitrate = 8, .rate = 1}), 10)), 10 * 1152);
  EXPECT_EQ(frames_of(repeated(silent_mpeg({.bitrate = 0, .bytes = 300}), 10)), 10 * 1152);
  for (Bytes const& whole : {constant, variable}) {
    EXPECT_THAT(decode_error(first(whole, whole.size() - 1)), HasSubstr("end within a frame"));
    EXPECT_THAT(decode_error(joined({whole, first(silent_mpeg({}), 4)})),
                HasSubstr("end within a frame"));
  }
}

TEST(Mp3Length, IsTheSameWithTagsAndOtherBytesAround) {
  Bytes const frames = repeated(silent_mpeg({}), 30);
  Bytes const id3 = with_number(with_text(Bytes(10 + 300), 0, "ID3\4"), 6, 0x022cu, true);
  Bytes const id3v1 = with_text(Bytes(128), 0, "TAG");
  Bytes const ape = with_number(with_text(Bytes(32), 0, "APETAGEX"), 12, 32u);
  Bytes const lyrics = with_text(Bytes(26), 0, "LYRICSBEGIN000011LYRICS200");
  Bytes junk(2000, std::byte{'x'});
  junk[0] = std::byte{0};
  for (Bytes const& around :
       {joined({id3, frames}), joined({id3, id3, frames}), joined({frames, id3v1}),
        joined({frames, ape}), joined({frames, lyrics, ape, id3v1}), joined({junk, frames}),
        joined({id3, junk, frames, id3v1}), joined({frames, junk}), joined({frames, Bytes(500)}),
        joined({frames, id3, frames})})
    EXPECT_EQ(frames_of(around), around.size() > 2 * frames.size() ? 60 * 1152 : 30 * 1152);
  EXPECT_THAT(decode_error(joined({frames, junk, frames})), HasSubstr("and again one at"));
  EXPECT_THAT(decode_error(joined({id3, Bytes(100)})), HasSubstr("holds no frames"));
}

TEST(Mp3Length, IsCountedWhereTheFirstFrameCountsWrong) {
  Bytes const frames = repeated(silent_mpeg({}), 50);
  auto const counted = [&](std::uint32_t count) {
    return joined({info_frame("Info", 1, count), frames});
  };
  Index const right = frames_of(counted(50));
  for (std::uint32_t count : {0u, 0xffffffffu, 40u, 51u})
    EXPECT_EQ(frames_of(counted(count)), right);
  EXPECT_THAT(decode_error(counted(60)), HasSubstr("50 frames where its first one counts 60"));
  EXPECT_EQ(frames_of(joined({info_frame("Xing", 0, 0), frames})), 50 * 1152);
  EXPECT_EQ(frames_of(joined({info_frame("VBRI", 0, 0), frames})), 50 * 1152);
}

TEST(Mp3Length, ChangesNothingInWhatIsDecoded) {
  Bytes const whole =
      encoded(sine(48000, 1, 48000, 440), 1, 48000, SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III);
  std::size_t const second = place_of(first(whole, 1000), "\xff\xfb");  // the first one counts
  Bytes const bare(whole.begin() + static_cast<std::ptrdiff_t>(second), whole.end());
  std::vector<float> const expected = decode_sound(whole).samples,
                           samples = decode_sound(bare).samples;
  ASSERT_EQ(samples.size() % 1152, 0u);
  ASSERT_GT(samples.size(), expected.size());
  // Encoder and decoder begin late, which only the first frame tells.
  auto const found = std::ranges::search(samples, std::span(expected).subspan(2000, 40000));
  EXPECT_FALSE(found.empty());
}

}  // namespace
}  // namespace accord::io
