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
  EXPECT_EQ(file("a.1/b.JPG", all), "a.1/b of image");
  EXPECT_EQ(file("a.flac", all), "a of audio");
  EXPECT_EQ(file("a.txt", all), "a of text");
  EXPECT_EQ(file("a/b.motion.npy", all), "a/b of motion");
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

// As webdataset's base_plus_ext has it, but for names that begin with a dot.
TEST(CutName, CutsAtTheFirstDotOfTheLastComponent) {
  auto const cut = [](std::string const& name) {
    auto const parts = cut_name(name);
    return parts ? parts->key + " | " + parts->field : "none";
  };
  EXPECT_EQ(cut("a.jpg"), "a | jpg");
  EXPECT_EQ(cut("a/b.c/D.Depth.PNG"), "a/b.c/D | depth.png");
  EXPECT_EQ(cut("a.tar.gz"), "a | tar.gz");
  EXPECT_EQ(cut("a."), "a | ");
  for (char const* name : {"README", "a/README", "a.b/README", ".DS_Store", "a/._b.jpg", "",
                           "__meta__/a.jpg", "__info__"})
    EXPECT_EQ(cut(name), "none") << name;
}

TEST(ItemFile, IsNeverOneWithALongerField) {
  std::vector<std::string> const all{"image", "text", "audio", "motion", "video"};
  for (char const* name : {"a.depth.png", "a.1.wav", "a.en.txt", "a.left.motion.npy", "a.png.txt"})
    EXPECT_EQ(file(name, all), "none") << name;
}

TEST(ItemFile, MayHaveALongerKeyWhereItIsAskedFor) {
  std::vector<std::string> const all{"image", "text", "motion"};
  auto const long_key = [&](std::string const& name) {
    auto const item = item_file_of_long_key(name, all);
    return item ? item->key + " of " + item->modality : "none";
  };
  EXPECT_EQ(long_key("a/Mr. Smith.JPG"), "a/Mr. Smith of image");
  EXPECT_EQ(long_key("b.1.motion.npy"), "b.1 of motion");
  EXPECT_EQ(long_key("b.1.txt"), "b.1 of text");
  EXPECT_EQ(long_key("b.1.npy"), "none");
}

TEST(OrderedModalities, AreInOneOrder) {
  EXPECT_THAT(ordered_modalities({"video", "audio", "motion", "text", "image"}),
              ::testing::ElementsAre("image", "text", "audio", "motion", "video"));
}

}  // namespace
}  // namespace accord::io
