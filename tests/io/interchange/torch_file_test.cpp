#include "io/interchange/torch_file.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

#include "core/base/error.hpp"
#include "io/interchange/tensor_file.hpp"
#include "tests/io/interchange/handmade.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;
using io::Encoding;
using ::testing::HasSubstr;

namespace fs = std::filesystem;
using namespace std::string_literals;

namespace {

class TorchFile : public TemporaryFolder {
 protected:
  fs::path path() const { return folder_ / "m.pt"; }
  io::TensorFile open(std::string const& content) {
    write_file(path(), content);
    return io::TensorFile::open(path());
  }
  void expect_refused(std::string const& content, std::string const& part) {
    try {
      open(content);
      ADD_FAILURE() << "accepted: " << part;
    } catch (DataError const& error) {
      EXPECT_THAT(error.what(), HasSubstr("m.pt"));
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }
  std::vector<float> values(io::TensorFile const& file, std::size_t number) {
    std::vector<float> read(static_cast<std::size_t>(file.tensors()[number].shape.size()));
    file.read(file.tensors()[number], 0, file.tensors()[number].shape.size(),
              reinterpret_cast<std::byte*>(read.data()));
    return read;
  }
};

std::string const six = raw(std::vector<float>{1, 2, 3, 4, 5, 6});

/// {"model": {name: tensor ...}}
std::string model(std::vector<std::pair<std::string, std::string>> const& tensors) {
  std::string pickle = pickle_begin + "}" + text("model") + "}(";
  for (auto const& [name, tensor] : tensors) pickle += text(name) + tensor;
  return pickle + "us.";
}
std::string one(HandmadeTensor const& tensor) { return model({{"w", pickled(tensor)}}); }

}  // namespace

TEST_F(TorchFile, ReadsTensorsThatShareAStorage) {
  io::TensorFile const file = open(handmade_torch(
      model({{"a", pickled({.elements = 6, .shape = {2, 2}, .strides = {2, 1}})},
             {"b", pickled({.elements = 6, .offset = 4, .shape = {2}, .strides = {1}})},
             {"scalar", pickled({.elements = 6, .offset = 3})},
             {"h", pickled({.storage = "7",
                            .type = "HalfStorage",
                            .elements = 2,
                            .shape = {2},
                            .strides = {1}})}}),
      {{"0", six}, {"7", raw(std::vector<std::uint16_t>{0x3c00, 0xc000})}}));
  ASSERT_EQ(file.tensors().size(), 4u);
  EXPECT_EQ(file.tensors()[0].shape, (Shape{2, 2}));
  EXPECT_EQ(values(file, 0), (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(values(file, 1), (std::vector<float>{5, 6}));
  EXPECT_EQ(file.tensors()[2].shape, Shape{});
  EXPECT_EQ(values(file, 2), (std::vector<float>{4}));
  EXPECT_EQ(file.tensors()[3].encoding, Encoding::float16);
  EXPECT_EQ(values(file, 3), (std::vector<float>{1, -2}));
  EXPECT_EQ(file.bytes_to_check(), six.size() + 4);
  EXPECT_NO_THROW(file.check([](std::uint64_t) {}));
}

TEST_F(TorchFile, ReadsADictionaryOfTensorsAloneAndParameters) {
  std::string const tensor = pickled({.elements = 6, .shape = {6}, .strides = {1}});
  std::string const parameter = global("torch._utils", "_rebuild_parameter") + "(" + tensor +
                                "\x88" + global("collections", "OrderedDict") + ")RtR";
  // An OrderedDict with _metadata, as state_dict() gives it.
  std::string const pickle = pickle_begin + global("collections", "OrderedDict") + ")R(" +
                             text("w") + tensor + text("p") + parameter + "u}" + text("_metadata") +
                             "}sb.";
  io::TensorFile const file = open(handmade_torch(pickle, {{"0", six}}));
  ASSERT_EQ(file.tensors().size(), 2u);
  EXPECT_EQ(file.tensors()[1].name, "p");
  EXPECT_EQ(values(file, 1), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST_F(TorchFile, WhatATrainerSavesBesideTheTensorsIsPassedOver) {
  std::string const tensor = pickled({.elements = 6, .shape = {6}, .strides = {1}});
  std::string const pickle =
      pickle_begin + "}(" + text("args") + global("argparse", "Namespace") + ")\x81}" + text("lr") +
      "K\x01sb" + text("cfg") + global("omegaconf.dictconfig", "DictConfig") + ")\x81}" +
      text("_metadata") + global("omegaconf.base", "ContainerMetadata") + ")\x81}bsb" +
      text("best") + global("numpy.core.multiarray", "scalar") + global("numpy", "dtype") + "(" +
      text("f8") + "\x89\x88tRC\x08" + std::string(8, '\0') + "\x86R" + text("model") + "}" +
      text("w") + tensor + "su.";
  EXPECT_EQ(open(handmade_torch(pickle, {{"0", six}})).tensors().size(), 1u);
}

TEST_F(TorchFile, WhatItWritesReadsBack) {
  std::vector<io::FileTensor> const tensors = {{"a.weight", Encoding::float32, Shape{2, 3}},
                                               {"scale", Encoding::bfloat16, Shape{}},
                                               {"index", Encoding::int64, Shape{2}}};
  io::write_torch(path(), tensors, [](std::size_t tensor, Index begin, std::span<std::byte> out) {
    if (tensor == 0) std::memcpy(out.data(), six.data() + 4 * begin, out.size());
    if (tensor == 1) std::memcpy(out.data(), "\x80\x3f", 2);
    std::int64_t const index[] = {-1, 1024};
    if (tensor == 2) std::memcpy(out.data(), index, out.size());
  });
  io::TensorFile const file = io::TensorFile::open(path());
  ASSERT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(file.tensors()[0].name, "a.weight");
  EXPECT_EQ(file.tensors()[0].shape, (Shape{2, 3}));
  EXPECT_EQ(values(file, 0), (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(file.tensors()[1].shape, Shape{});
  EXPECT_EQ(values(file, 1), (std::vector<float>{1}));
  EXPECT_EQ(file.read_numbers(file.tensors()[2]), (std::vector<double>{-1, 1024}));
  EXPECT_NO_THROW(file.check([](std::uint64_t) {}));
}

TEST_F(TorchFile, DamagedValuesAreFoundByTheirChecksum) {
  std::string content =
      handmade_torch(one({.elements = 6, .shape = {6}, .strides = {1}}), {{"0", six}});
  content[content.find(six) + 13] ^= 4;
  io::TensorFile const file = open(content);
  EXPECT_THROW(file.check([](std::uint64_t) {}), DataError);
}

TEST_F(TorchFile, TensorsThatDoNotFitTheirStorageAreRefused) {
  auto const refuse = [&](HandmadeTensor const& tensor, std::string const& part) {
    expect_refused(handmade_torch(one(tensor), {{"0", six}}), "w: " + part);
  };
  refuse({.elements = 6, .shape = {7}, .strides = {1}}, "elements [0, 0 + 7) of a storage of 6");
  refuse({.elements = 6, .offset = 5, .shape = {2}, .strides = {1}}, "elements [5, 5 + 2)");
  refuse({.elements = 6, .offset = -1, .shape = {2}, .strides = {1}}, "elements [-1, -1 + 2)");
  refuse({.elements = 6, .shape = {3, 2}, .strides = {1, 3}}, "its values are not contiguous");
  refuse({.elements = 6, .shape = {6}, .strides = {0}}, "its values are not contiguous");
  refuse({.elements = 6, .shape = {6}, .strides = {-1}}, "its values are not contiguous");
  refuse({.elements = 6, .shape = {6}, .strides = {}}, "its values are not contiguous");
  refuse({.elements = 6, .shape = {-1}, .strides = {1}}, "a dimension of -1");
  refuse({.elements = 6, .shape = {1 << 30, 1 << 30}, .strides = {1 << 30, 1}}, "a dimension of");
  refuse({.elements = 7, .shape = {6}, .strides = {1}}, "a storage of 7 elements of float32 in 24");
  refuse({.elements = -1, .shape = {6}, .strides = {1}}, "a storage of -1 elements");
  refuse({.storage = "../data.pkl", .elements = 6, .shape = {6}, .strides = {1}},
         "the archive has no data/../data.pkl");
  refuse({.storage = "1", .elements = 6, .shape = {6}, .strides = {1}},
         "the archive has no data/1");
  // One element along a dimension: its stride says nothing.
  EXPECT_NO_THROW(open(handmade_torch(
      one({.elements = 6, .shape = {1, 6, 1}, .strides = {99, 1, 7}}), {{"0", six}})));
}

TEST_F(TorchFile, HostilePicklesAreRefusedByNameAndNotRun) {
  fs::path const mark = folder_ / "owned";
  std::string const shell = text("touch " + mark.string());
  auto const refuse = [&](std::string const& value, std::string const& part) {
    expect_refused(
        handmade_torch(pickle_begin + "}(" + text("cfg") + value + text("model") + "}u.", {}),
        part);
  };
  refuse(global("os", "system") + shell + "\x85R", "it names os.system");
  refuse(global("torch.hub", "load") + shell + "\x85R", "it names torch.hub.load");
  refuse(global("torch", "load") + shell + "\x85R", "it names torch.load");
  refuse(global("fairseq.tasks", "Anything") + ")\x81", "it names fairseq.tasks.Anything");
  refuse(
      "\x8c\x08"
      "builtins\x8c\x04"
      "exec\x93" +
          shell + "\x85R",
      "it names builtins.exec");
  EXPECT_FALSE(fs::exists(mark));
}

TEST_F(TorchFile, WhatIsNoDictionaryOfTensorsIsRefused) {
  auto const refuse = [&](std::string const& pickle, std::string const& part) {
    expect_refused(handmade_torch(pickle_begin + pickle + ".", {{"0", six}}), part);
  };
  std::string const tensor = pickled({.elements = 6, .shape = {6}, .strides = {1}});
  refuse("N", "what the file holds is no dictionary");
  refuse("]" + tensor + "a", "what the file holds is no dictionary");
  refuse("}", "expected \"model\"");
  refuse("}" + text("weights") + "}s", "the file holds: weights");
  refuse("}" + text("model") + "}" + text("w") + "K\x01ss", "w: not a tensor");
  refuse("}" + text("model") + "}K\x01" + tensor + "ss", "a key that is no text");
  refuse("}" + text("model") + "}(" + text("w") + tensor + text("w") + tensor + "us",
         "w is there twice");
  refuse(
      "}" + text("model") + "}" + text("w") + global("torch._utils", "_rebuild_tensor_v2") + ")Rss",
      "w: a tensor that is described in an unknown way");
  refuse("}" + text("model") + "}" + text("w") + global("torch._utils", "_rebuild_tensor_v2") +
             "(NQK\x00"s + "))tRss",
         "w: a storage that is described in an unknown way");
  refuse("}" + text("model") + global("collections", "OrderedDict") + "]\x85Rs", "an unknown way");
}

TEST_F(TorchFile, OtherArchivesAndTheOldFormatAreRefused) {
  expect_refused(handmade_zip({{"word/document.xml", "x"}}), "a ZIP archive without data.pkl");
  expect_refused(handmade_zip({{"x/data.pkl", one({}), 8}}), "compressed");
  expect_refused(handmade_zip({{"x/data.pkl", model({})}, {"x/byteorder", "big"}}),
                 "not little-endian");
  expect_refused(
      "\x80\x02\x8a\x0al\xfc\x9c"
      "F\xf9 j\xa8P\x19.\x80\x02M",
      "before 1.6");
}

TEST_F(TorchFile, EveryCutAndEveryBitFlipIsRefusedOrHarmless) {
  std::string const sound = handmade_torch(
      model({{"a", pickled({.elements = 6, .shape = {2, 3}, .strides = {3, 1}})}}), {{"0", six}});
  for_each_cut(path(), sound, [&](std::size_t length) {
    EXPECT_THROW(io::TensorFile::open(path()), DataError) << length;
  });
  for_each_bit_flip(path(), sound, sound.size(), [&](std::size_t bit) {
    try {
      io::TensorFile const file = io::TensorFile::open(path());
      file.check([](std::uint64_t) {});
      ASSERT_EQ(file.tensors().size(), 1u) << bit;
      EXPECT_EQ(values(file, 0), (std::vector<float>{1, 2, 3, 4, 5, 6})) << bit;
    } catch (DataError const&) {
    }
  });
}
