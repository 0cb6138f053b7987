#include "io/dataset/check_sample.hpp"

#include <gtest/gtest.h>

#include "io/dataset/base64.hpp"
#include "io/dataset/scene.hpp"
#include "io/media/media_kind.hpp"

namespace accord::io {
namespace {

TEST(CheckSample, LooksIntoSounds) {
  auto const wave = speak_scene(scene(0), {Draws(1, Purpose::synth), 0});
  std::string const sound(reinterpret_cast<char const*>(wave.data()), wave.size());
  auto const reason = [](std::string const& bytes) {
    Candidate candidate;
    std::vector<Fault> left_out;
    candidate.key = "k";
    candidate.items["audio"] = {bytes};
    auto const fault = check_sample(candidate, {"audio"}, MediaCheck::header, left_out);
    return fault ? fault->reason + ": " + fault->detail : "";
  };
  EXPECT_EQ(reason(sound), "");
  EXPECT_EQ(reason(sound.substr(0, 2000)),
            "sound that cannot be decoded: a damaged WAV: chunk 'data' reaches beyond the end");
  EXPECT_EQ(reason(sound.substr(0, 30)),
            "sound that cannot be decoded: a damaged WAV: chunk 'fmt ' reaches beyond the end");
  std::string one_hertz = sound;
  one_hertz.replace(24, 4, std::string("\x01\0\0\0", 4));
  EXPECT_EQ(
      reason(one_hertz),
      "sound that cannot be decoded: a sound of 1 channels at 1 Hz; 1 to 16 channels and 1000 "
      "to 384000 Hz are accepted");
  EXPECT_EQ(reason("not a sound at all"), "not a WAV, FLAC, MP3 or Ogg sound: 18 bytes");
}

TEST(CheckSample, RefusesKeysThatCannotBeStored) {
  for (std::string const& key :
       {std::string(), std::string(256, 'k'), std::string("a\0b", 3), std::string("\xFF")}) {
    Candidate candidate;
    std::vector<Fault> left_out;
    candidate.key = key;
    candidate.items["text"] = {"a caption"};
    auto const fault = check_sample(candidate, {"text"}, MediaCheck::header, left_out);
    ASSERT_TRUE(fault);
    EXPECT_EQ(fault->reason, "unusable key");
  }
}

TEST(MediaKind, IsReadFromTheBytes) {
  auto const kind = [](std::string const& text) {
    return media_kind(std::as_bytes(std::span(text)));
  };
  EXPECT_EQ(kind("\xFF\xD8\xFF\xE0"), MediaKind::jpeg);
  EXPECT_EQ(kind("\x89PNG\r\n\x1A\n...."), MediaKind::png);
  EXPECT_EQ(kind("RIFF....WEBPVP8 "), MediaKind::webp);
  EXPECT_EQ(kind("RIFF....WAVEfmt "), MediaKind::wav);
  EXPECT_EQ(kind("fLaC"), MediaKind::flac);
  EXPECT_EQ(kind("OggS"), MediaKind::ogg);
  EXPECT_EQ(kind(std::string("ID3\x04\0\0\0\0\0\0", 10)), MediaKind::mp3);  // an empty tag
  EXPECT_EQ(kind("\xFF\xFB\x90\x64"), MediaKind::mp3);
  EXPECT_EQ(kind("RIFF"), MediaKind::unknown);
  EXPECT_EQ(kind(""), MediaKind::unknown);
}

TEST(Base64, DecodesBothAlphabetsWithAndWithoutPadding) {
  EXPECT_EQ(decode_base64("aGVsbG8="), "hello");
  EXPECT_EQ(decode_base64("aGVsbG8"), "hello");
  EXPECT_EQ(decode_base64("-_8"), "\xFB\xFF");
  EXPECT_EQ(decode_base64("+/8="), "\xFB\xFF");
  EXPECT_EQ(decode_base64("pictures/1.png"), std::nullopt);
  EXPECT_EQ(decode_base64("a"), std::nullopt);
}

TEST(CheckLabel, TrimsAndRefusesWhatIsNoName) {
  std::optional<std::string> label = " cat\n";
  EXPECT_FALSE(check_label(label, false));
  EXPECT_EQ(label, "cat");
  auto const reason = [](std::optional<std::string> text, bool number) {
    return check_label(text, number).value().reason;
  };
  EXPECT_EQ(reason(std::nullopt, false), "no label");
  EXPECT_EQ(reason("", false), "empty label");
  EXPECT_EQ(reason(" \n", false), "empty label");
  EXPECT_EQ(reason("\xff", false), "label that is not UTF-8");
  EXPECT_EQ(reason("cat", true), "label that is not a class number");
}

}  // namespace
}  // namespace accord::io
