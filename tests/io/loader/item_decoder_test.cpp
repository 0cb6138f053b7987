#include "io/loader/item_decoder.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/error.hpp"
#include "tests/io/media/arrays.hpp"
#include "tests/support/tiny_model.hpp"

namespace accord::io {
namespace {

using accord::testing::npy;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

/// Modality 1 of a model with frames of this shape, up to four of them, two in a patch.
class FrameDecoder {
 public:
  explicit FrameDecoder(std::vector<Index> const& frame, std::vector<double> mean = {},
                        std::vector<double> deviation = {})
      : decoder_(model(frame, std::move(mean), std::move(deviation)), {1}, nullptr, {}, 1) {}

  void append(std::string const& file) {
    ItemDecoder::Scratch scratch;
    decoder_.append(1, std::as_bytes(std::span(file)), 0, batch_, scratch);
  }
  std::string refusal(std::string const& file) {
    try {
      append(file);
    } catch (DataError const& error) {
      return error.what();
    }
    return "no error";
  }
  std::vector<float> values() const {
    auto const* begin = reinterpret_cast<float const*>(batch_.inputs[1].data.data());
    return {begin, begin + batch_.inputs[1].offsets.back()};
  }
  std::vector<Index> const& lengths() const { return batch_.lengths[1]; }
  Index maskable(Index length) const { return decoder_.maskable(1, length); }

 private:
  static ModelConfig model(std::vector<Index> const& frame, std::vector<double> mean,
                           std::vector<double> deviation) {
    ModelConfig config = accord::testing::tiny_sequence_model_config(frame);
    config.modalities[1].max_frames = 4;
    config.modalities[1].mean = std::move(mean);
    config.modalities[1].std = std::move(deviation);
    return config;
  }
  ItemDecoder decoder_;
  MicroBatch batch_ = empty_batch(2);
};

TEST(FramesOfArrays, AreNormalisedByChannelAndCut) {
  FrameDecoder decoder({2}, {1, -1}, {2, 0.5});
  decoder.append(npy("1, 2", {3, 0}));
  decoder.append(npy("6, 2", {1, 1, 1, 1, 1, 1, 1, 2, 7, 7, 7, 7}));
  EXPECT_THAT(decoder.values(), ElementsAre(1, 2, 0, 4, 0, 4, 0, 4, 0, 6));
  EXPECT_THAT(decoder.lengths(), ElementsAre(2, 3));
  EXPECT_EQ(decoder.maskable(3), 2);
}

TEST(FramesOfArrays, StayAsTheyAreUnlessToldOtherwise) {
  FrameDecoder decoder({2, 2, 1});
  decoder.append(npy("1, 2, 2, 1", {1, 2, 3, 4}));
  EXPECT_THAT(decoder.values(), ElementsAre(1, 2, 3, 4));
}

TEST(FramesOfArrays, AreRefusedWhereTheyLeaveTheRangeOfFloats) {
  FrameDecoder decoder({1}, {}, {1e-30});
  decoder.append(npy("1,", {1e8}));
  EXPECT_THAT(decoder.refusal(npy("1,", {1e9})),
              HasSubstr("1000000000 becomes 1e+39 by modality.motion.mean and std"));
}

TEST(FramesOfArrays, NeedNoAxisForASingleChannel) {
  FrameDecoder series({1});
  series.append(npy("3,", {1, 2, 3}));
  series.append(npy("1, 1", {4}));
  EXPECT_THAT(series.values(), ElementsAre(1, 2, 3, 4));
  FrameDecoder video({2, 2, 1});
  video.append(npy("1, 2, 2", {1, 2, 3, 4}));
  EXPECT_THAT(video.lengths(), ElementsAre(2));
}

TEST(FramesOfArrays, OfAnotherShapeAreRefused) {
  FrameDecoder series({3}), video({4, 2, 3});
  EXPECT_THAT(series.refusal(npy("2, 2", {1, 2, 3, 4})),
              HasSubstr("an array of 2 x 2, where modality.motion.frame asks for frames x 3"));
  EXPECT_THAT(series.refusal(npy("3,", {1, 2, 3})), HasSubstr("an array of 3, where"));
  EXPECT_THAT(series.refusal(npy("", {1})), HasSubstr("an array of a single number, where"));
  EXPECT_THAT(video.refusal(npy("1, 2, 4, 3", std::vector<float>(24, 1))),
              HasSubstr("an array of 1 x 2 x 4 x 3, where modality.motion.frame asks for frames x "
                        "4 x 2 x 3"));
  EXPECT_THAT(video.refusal("no array"), HasSubstr("not an array"));
}

}  // namespace
}  // namespace accord::io
