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
    return opened();
  }
  /// The tensors of "model" where there is one.
  io::TensorFile opened() {
    io::TensorFile file = io::TensorFile::open(path());
    if (std::ranges::count(file.dictionaries(), "model") > 0) file.keep_below("model");
    return file;
  }
  void expect_unreadable(std::string const& content, std::string const& why) {
    io::TensorFile const file = open(content);
    ASSERT_EQ(file.tensors().size(), 1u) << why;
    EXPECT_EQ(file.tensors()[0].name, "w");
    EXPECT_THAT(file.tensors()[0].unreadable, HasSubstr(why));
    std::byte byte;
    EXPECT_THROW(file.read(file.tensors()[0], 0, 0, &byte), DataError);
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
  io::TensorFile const file = opened();
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

TEST_F(TorchFile, TensorsOfAnotherKindAreThereAndUnreadable) {
  for (HandmadeTensor const& tensor :
       {HandmadeTensor{.elements = 6, .shape = {3, 2}, .strides = {1, 3}},
        {.elements = 6, .shape = {6}, .strides = {0}},
        {.elements = 6, .shape = {6}, .strides = {-1}},
        {.elements = 6, .shape = {6}, .strides = {}}})
    expect_unreadable(handmade_torch(one(tensor), {{"0", six}}), "its values are not contiguous");
  expect_unreadable(
      handmade_torch(
          one({.type = "ComplexFloatStorage", .elements = 3, .shape = {3}, .strides = {1}}),
          {{"0", six}}),
      "a storage of class \"torch ComplexFloatStorage\"");
  expect_unreadable(
      handmade_torch(one({.elements = 6, .shape = {1, 1, 1, 1, 6}, .strides = {6, 6, 6, 6, 1}}),
                     {{"0", six}}),
      "5 dimensions");
  auto const value = [&](std::string const& pickle) {
    return handmade_torch(pickle_begin + "}" + text("model") + "}" + text("w") + pickle + "ss.",
                          {{"0", six}});
  };
  std::string const rebuild = global("torch._utils", "_rebuild_tensor_v2");
  expect_unreadable(value(rebuild + ")R"), "a tensor that is described in an unknown way");
  expect_unreadable(value(rebuild + "(NQK\x00"s + "))tR"),
                    "a storage that is described in an unknown way");
  expect_unreadable(value(global("torch._utils", "_rebuild_tensor_v3") + ")R"),
                    "a tensor of a type");
}

TEST_F(TorchFile, TensorsOfDictionariesAtAnyDepthHaveTheKeysBefore) {
  std::string const tensor = pickled({.elements = 6, .shape = {6}, .strides = {1}}),
                    other = pickled({.storage = "1", .elements = 1, .shape = {1}, .strides = {1}});
  // {"epoch": 3, "best": T, "state_dict": {"a.w": T, "a": {"b": T}}, "optimizer": {"state": {0:
  // T}},
  //  "again": the same dictionary}
  std::string const pickle = pickle_begin + "}(" + text("epoch") + "K\x03" + text("best") + other +
                             text("state_dict") + "}q\x07(" + text("a.w") + tensor + text("a") +
                             "}" + text("b") + tensor + "su" + text("optimizer") + "}" +
                             text("state") + "}K\x00"s + other + "ss" + text("again") + "h\x07" +
                             "u.";
  write_file(path(), handmade_torch(pickle, {{"0", six}, {"1", six.substr(0, 4)}}));
  io::TensorFile file = io::TensorFile::open(path());
  auto const names = [&] {
    std::vector<std::string> all;
    for (io::FileTensor const& t : file.tensors()) all.push_back(t.name);
    return all;
  };
  EXPECT_EQ(names(), (std::vector<std::string>{"best", "state_dict.a.w", "state_dict.a.b",
                                               "optimizer.state.0"}));
  EXPECT_EQ(file.dictionaries(), (std::vector<std::string>{"optimizer", "optimizer.state",
                                                           "state_dict", "state_dict.a"}));
  EXPECT_EQ(file.bytes_to_check(), six.size() + 4);
  file.keep_below("state_dict");
  EXPECT_EQ(names(), (std::vector<std::string>{"a.w", "a.b"}));
  EXPECT_EQ(file.dictionaries(), (std::vector<std::string>{"a"}));
  EXPECT_EQ(file.bytes_to_check(), six.size());
  EXPECT_EQ(values(file, 1), (std::vector<float>{1, 2, 3, 4, 5, 6}));
}

TEST_F(TorchFile, NamesDoNotGrowWithTheDepthAndTheSharingOfDictionaries) {
  std::string const tensor = pickled({.elements = 6, .shape = {6}, .strides = {1}});
  // d0 = {"x": T}; d(n+1) = {"a": dn, "b": dn}: two to the power of 60 paths, each seen once
  std::string shared = pickle_begin + "}" + text("x") + tensor + "sq\x01";
  for (int i = 0; i < 60; ++i)
    shared += "0}(" + text("a") + "h\x01" + text("b") + "h\x01" + "uq\x01"s;
  EXPECT_EQ(open(handmade_torch(shared + ".", {{"0", six}})).tensors().size(), 1u);
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
  refuse("}" + text("model") + "}" + text("w") + "K\x01ss", "the file holds: model");
  refuse("}" + text("model") + "}N" + tensor + "ss", "a key that is no text");
  refuse("}" + text("model") + "}(" + text("w") + tensor + text("w") + tensor + "us",
         "w is there twice");
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
