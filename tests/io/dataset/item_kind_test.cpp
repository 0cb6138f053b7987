#include "io/dataset/item_kind.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace accord::io {
namespace {

std::string file(std::string const& name, std::vector<std::string> const& modalities) {
  auto const item = item_file(name, modalities);
  return item ? item->key + " of " + item->modality : "none";
}

TEST(ItemFile, IsNamedAfterKeyAndModality) {
  std::vector<std::string> const all{"image", "text", "audio", "motion", "video"};
  EXPECT_EQ(file("a/b.1.JPG", all), "a/b.1 of image");
  EXPECT_EQ(file("a.flac", all), "a of audio");
  EXPECT_EQ(file("a.txt", all), "a of text");
  EXPECT_EQ(file("a/b.1.motion.npy", all), "a/b.1 of motion");
  EXPECT_EQ(file("a.npy", all), "none");
  EXPECT_EQ(file("a.json", all), "none");
  EXPECT_EQ(file("a.png", {"motion", "text"}), "none");
  EXPECT_EQ(file("a.txt", {"motion"}), "a of text");
}

TEST(ItemFile, NeedsNoModalityWhereOnlyOneHoldsArrays) {
  std::vector<std::string> const one{"image", "text", "motion"};
  EXPECT_EQ(file("a.dir/b.npy", one), "a.dir/b of motion");
  EXPECT_EQ(file("b.motion.npy", one), "b of motion");
  EXPECT_EQ(file("B.NPY", one), "B of motion");
  EXPECT_EQ(file("B.MOTION.NPY", one), "B of motion");
  EXPECT_EQ(file("b.video.npy", one), "none");
}

TEST(OrderedModalities, AreInOneOrder) {
  EXPECT_THAT(ordered_modalities({"video", "audio", "motion", "text", "image"}),
              ::testing::ElementsAre("image", "text", "audio", "motion", "video"));
}

}  // namespace
}  // namespace accord::io
