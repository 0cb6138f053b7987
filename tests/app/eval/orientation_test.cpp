// Pictures that EXIF turns, through the whole program: as one configuration says, in train, eval
// and embed alike.

#include <gtest/gtest.h>
#include <zlib.h>

#include "io/dataset/png_encode.hpp"
#include "io/hdf5/hdf5_reader.hpp"
#include "io/media/byte_order.hpp"
#include "io/media/exif.hpp"
#include "tests/io/dataset/tar_fixture.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

class Orientation : public TemporaryFolder {
 protected:
  void SetUp() override {
    io::TarFixture turned, upright;
    for (int i = 0; i < samples; ++i) {
      io::Image image{24, 16, {}};
      for (Index y = 0; y < image.height; ++y)
        for (Index x = 0; x < image.width; ++x)
          for (Index colour : {x * 10, y * 15, x * y + 13 * i})
            image.rgb.push_back(static_cast<std::uint8_t>(colour));
      int const orientation = i % 8 + 1;
      add(turned, i, image, orientation);
      add(upright, i, io::upright(image, orientation), 1);
    }
    write_file(folder_ / "turned.tar", turned.end());
    write_file(folder_ / "upright.tar", upright.end());
    for (std::string name : {"turned", "upright"})
      run(fmt::format("data build --from '{{0}}/{0}.tar' --out '{{0}}/{0}'", name));
  }

  /// A folder of checkpoints after two steps on `data`, validated on it.
  std::string train(std::string const& data, std::string const& orientation) const {
    std::string const name = data + "-" + orientation;
    run(fmt::format(
        "train --config '{0}/jobs/configs/tiny-vl.toml' --set data.train='{{0}}/{1}' --set "
        "data.validation='{{0}}/{1}' --set train.steps=2 --set train.global_batch=8 --set "
        "log.directory='{{0}}/{2}' --set checkpoint.directory='{{0}}/{2}/checkpoints' {3}",
        environment("ACCORD_SOURCE_DIR"), data, name,
        orientation.empty() ? "" : "--set data.orientation=" + orientation));
    return name;
  }
  double loss(std::string const& name) const {
    return metrics_of(folder_ / name / "metrics.jsonl").at(2).at("loss");
  }
  nlohmann::json validated(std::string const& name) const {
    return metrics_of(folder_ / name / "validation.jsonl").at(2);
  }
  std::vector<float> embedded(std::string const& name, std::string const& data) const {
    run(fmt::format(
        "embed --checkpoint '{{0}}/{}/checkpoints' --data '{{0}}/{}' --out '{{0}}/e.h5'", name,
        data));
    return io::Hdf5Reader(folder_ / "e.h5").read<float>("/image/embedding");
  }
  nlohmann::json evaluated(std::string const& name, std::string const& data) const {
    run(fmt::format(
        "eval --checkpoint '{{0}}/{}/checkpoints' --data '{{0}}/{}' --out '{{0}}/e.json'", name,
        data));
    return nlohmann::json::parse(text_of(folder_ / "e.json"));
  }
  std::string log() const { return text_of(folder_ / "log"); }

 private:
  static constexpr int samples = 16;

  static void add(io::TarFixture& tar, int i, io::Image const& image, int orientation) {
    auto const bytes = io::encode_png(image.rgb, image.width, image.height);
    std::string png(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    std::string block("eXIfMM\0*\0\0\0\x08\0\1\1\x12\0\3\0\0\0\1\0\0\0\0\0\0\0\0", 30);
    block[23] = static_cast<char>(orientation);
    auto const big = [](std::uint32_t value) {
      auto const four = io::as_big_endian(value);
      return std::string(reinterpret_cast<char const*>(four.data()), four.size());
    };
    auto const crc = static_cast<std::uint32_t>(
        crc32_z(0, reinterpret_cast<Bytef const*>(block.data()), block.size()));
    png.insert(33, big(26) + block + big(crc));
    tar.add(fmt::format("{:02}.png", i), png)
        .add(fmt::format("{:02}.txt", i), fmt::format("a{}", i));
  }
  void run(std::string const& arguments) const {
    std::string const filled = fmt::format(fmt::runtime(arguments), folder_.string());
    ASSERT_EQ(accord_command(filled, folder_ / "log"), 0) << filled << "\n" << log();
  }
};

}  // namespace

TEST_F(Orientation, OfExifIsThatOfTheUprightPicturesWhereverTheyAreRead) {
  std::string const exif = train("turned", "exif");
  EXPECT_NE(log().find("orientation = \"exif\""), std::string::npos)
      << "in the resolved configuration";
  std::string const upright = train("upright", "");
  EXPECT_NE(log().find("orientation = \"stored\""), std::string::npos);
  std::string const stored = train("turned", "stored");
  EXPECT_EQ(loss(exif), loss(upright));
  EXPECT_NE(loss(stored), loss(upright));
  nlohmann::json const measured = validated(upright), same_measured = validated(exif);
  for (auto const& [field, value] : same_measured.items())
    if (!is_timing(field)) {
      EXPECT_EQ(value, measured.at(field)) << field;
    }
  // Without a key of their own: as the checkpoint was trained.
  EXPECT_EQ(embedded(exif, "turned"), embedded(exif, "upright"));
  EXPECT_NE(embedded(stored, "turned"), embedded(stored, "upright"));
  nlohmann::json turned = evaluated(exif, "turned"), same = evaluated(exif, "upright");
  for (char const* direction : {"i2t", "t2i"}) EXPECT_EQ(turned[direction], same[direction]);
}
