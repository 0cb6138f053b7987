#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <functional>
#include <numeric>
#include <thread>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/hdf5/hdf5_reader.hpp"
#include "io/hdf5/hdf5_writer.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

class Hdf5 : public TemporaryFolder {
 protected:
  std::filesystem::path path_ = folder_ / "a.h5";
};

std::string message_of(std::function<void()> const& action) {
  try {
    action();
  } catch (DataError const& error) {
    return error.what();
  }
  return "no DataError";
}

template <class T>
void write_scalar(Hdf5Writer& file, std::string const& name, T value) {
  file.write(name, std::span<T const>(&value, 1), std::span<Index const>());
}

TEST_F(Hdf5, ReadsBackWhatItWrote) {
  std::vector<double> const values{1.5, -2, 3, 4, 5, 6};
  std::vector<Index> const shape{2, 3};
  {
    Hdf5Writer file(path_);
    file.write<double>("weights/a.b", values, shape);
    write_scalar<std::int64_t>(file, "scalar", -7);
    file.write_text("key", std::vector<std::string>{"short", "a longer \xC3\xA4", ""});
    file.write<float>("empty", std::span<float const>());
    file.attribute<std::uint64_t>("/", "samples", 12);
    file.attribute<double>("weights/a.b", "rate", 0.25);
    file.attribute_text("/", "format", "accord-shard");
    file.attribute_texts("/", "modalities", std::vector<std::string>{"text", "image"});
    file.close();
  }
  Hdf5Reader const file(path_);
  EXPECT_EQ(file.read<double>("weights/a.b"), values);
  EXPECT_EQ(file.read<float>("/weights/a.b")[1], -2.0f);
  EXPECT_THAT(file.read<std::int64_t>("scalar"), ElementsAre(-7));
  EXPECT_THAT(file.read_text("key"), ElementsAre("short", "a longer \xC3\xA4", ""));
  EXPECT_TRUE(file.read<float>("empty").empty());
  EXPECT_EQ(file.attribute<std::uint64_t>("/", "samples"), 12u);
  EXPECT_EQ(file.attribute<double>("weights/a.b", "rate"), 0.25);
  EXPECT_EQ(file.attribute_text("/", "format"), "accord-shard");
  EXPECT_THAT(file.attribute_texts("", "modalities"), ElementsAre("text", "image"));
  EXPECT_THAT(file.attributes("/"), ElementsAre("format", "modalities", "samples"));
  EXPECT_THAT(file.datasets(), ElementsAre("empty", "key", "scalar", "weights/a.b"));
  EXPECT_THAT(file.members("weights"), ElementsAre("a.b"));
  EXPECT_TRUE(file.exists("weights"));
  EXPECT_FALSE(file.exists("weights/c/d"));

  Hdf5Dataset const info = file.dataset("weights/a.b");
  EXPECT_EQ(info.dtype, DType::float64);
  EXPECT_EQ(info.shape, shape);
  EXPECT_EQ(info.bytes, 48u);
  EXPECT_TRUE(info.contiguous);
  EXPECT_TRUE(file.dataset("scalar").shape.empty());
}

TEST_F(Hdf5, BulkBytesGoToTheOffsetItNames) {
  std::vector<std::byte> bytes(3 << 20);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 31 >> 3);
  Index const shape[] = {static_cast<Index>(bytes.size())};
  std::uint64_t offset = 0;
  {
    Hdf5Writer file(path_);
    offset = file.create_dataset("image/bytes", DType::uint8, shape);
    file.close();
  }
  EXPECT_EQ(offset % (1 << 20), 0u);
  {
    File raw = File::open_write(path_);
    EXPECT_GE(raw.size(), offset + bytes.size());
    raw.write_at(offset, bytes);
  }
  Hdf5Reader const file(path_);
  EXPECT_EQ(file.dataset("image/bytes").offset, offset);
  auto const read = file.read<std::uint8_t>("image/bytes");
  EXPECT_EQ(0, std::memcmp(read.data(), bytes.data(), bytes.size()));
}

TEST_F(Hdf5, SaysWhatIsWrong) {
  {
    Hdf5Writer file(path_);
    write_scalar<double>(file, "a/x", 1.5);
    file.link("outside", "other.h5", "x");
    file.close();
  }
  Hdf5Reader const file(path_);
  EXPECT_THAT(message_of([&] { file.read<double>("a/y"); }), HasSubstr("a/y: no such object"));
  EXPECT_THAT(message_of([&] { file.read<double>("a"); }), HasSubstr("not a dataset"));
  EXPECT_THAT(message_of([&] { file.read<std::int64_t>("a/x"); }), HasSubstr("floating"));
  EXPECT_THAT(message_of([&] { file.read_text("a/x"); }), HasSubstr("text was expected"));
  EXPECT_THAT(message_of([&] { file.read<double>("outside"); }), HasSubstr("external link"));
  EXPECT_THAT(message_of([&] { file.attribute_text("/", "nope"); }), HasSubstr("nope"));
  EXPECT_THAT(message_of([&] { Hdf5Reader(folder_ / "missing.h5"); }), HasSubstr("no such file"));
  write_file_atomically(folder_ / "foreign.h5", "this is not HDF5");
  EXPECT_THAT(message_of([&] { Hdf5Reader(folder_ / "foreign.h5"); }),
              HasSubstr("not a readable HDF5 file"));
  EXPECT_THROW(Hdf5Writer(folder_ / "no" / "folder.h5"), IoError);
}

TEST_F(Hdf5, RefusesEveryTruncation) {
  {
    Hdf5Writer file(path_);
    std::vector<double> values(1000);
    std::iota(values.begin(), values.end(), 0.0);
    file.write<double>("x", values);
    file.close();
  }
  std::string const whole = read_file(path_);
  for (std::size_t keep = 0; keep < whole.size(); keep += 97) {
    write_file_atomically(folder_ / "cut.h5", std::string_view(whole).substr(0, keep));
    EXPECT_THROW(Hdf5Reader(folder_ / "cut.h5").read<double>("x"), DataError) << keep;
  }
}

TEST_F(Hdf5, EqualContentGivesEqualBytes) {
  for (char const* name : {"a.h5", "b.h5"}) {
    if (name[0] == 'b')  // a later time of day must not show
      std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    Hdf5Writer file(folder_ / name);
    file.create_group("empty");
    write_scalar<double>(file, "group/x", 1.5);
    file.attribute_text("/", "format", "f");
    file.close();
  }
  EXPECT_EQ(read_file(folder_ / "a.h5"), read_file(folder_ / "b.h5"));
}

// Files written by others: compressed, chunked, variable-length text, booleans, scalars.
TEST(Hdf5Reference, EveryReferenceFileCanBeRead) {
  char const* folder = std::getenv("ACCORD_REFERENCE_DIR");
  if (folder == nullptr || *folder == '\0')
    GTEST_SKIP() << "ACCORD_REFERENCE_DIR is not set: there are no reference files to read";
  int files = 0;
  for (auto const& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".h5") continue;
    ++files;
    Hdf5Reader const file(entry.path());
    for (std::string const& name : file.datasets()) {
      Hdf5Dataset const info = file.dataset(name);
      std::size_t const read =
          info.text ? file.read_text(name).size() : file.read<double>(name).size();
      EXPECT_EQ(read, static_cast<std::size_t>(info.elements)) << entry.path() << ": " << name;
      for (std::string const& attribute : file.attributes(name))
        EXPECT_NO_THROW(file.attribute<double>(name, attribute)) << name << ": " << attribute;
    }
    EXPECT_FALSE(file.attribute_text("/", "case").empty());
  }
  EXPECT_GT(files, 0);
}

}  // namespace
}  // namespace accord::io
