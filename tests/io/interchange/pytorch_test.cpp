// Against PyTorch itself, where Debian's python3-torch is installed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "core/base/error.hpp"
#include "io/interchange/tensor_file.hpp"
#include "io/interchange/torch_file.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

namespace {

constexpr char const* python = "/usr/bin/python3";

class PyTorch : public TemporaryFolder {
 protected:
  void SetUp() override {
    static bool const installed =
        std::system((std::string(python) + " -c 'import torch' 2>/dev/null").c_str()) == 0;
    if (!installed) GTEST_SKIP() << python << " cannot import torch; install python3-torch";
  }
  fs::path path() const { return folder_ / "m.pt"; }
  void run(std::string const& kind) {
    std::string const script =
        std::string(std::getenv("ACCORD_SOURCE_DIR")) + "/tests/io/interchange/pytorch.py";
    ASSERT_EQ(
        std::system(
            (std::string(python) + " " + script + " " + kind + " " + path().string()).c_str()),
        0);
  }
  void expect_refused(std::string const& part) {
    try {
      io::TensorFile::open(path());
      ADD_FAILURE() << "accepted: " << part;
    } catch (DataError const& error) {
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }
};

template <class T>
std::vector<T> values_of(io::TensorFile const& file, std::string const& name) {
  for (io::FileTensor const& tensor : file.tensors()) {
    if (tensor.name != name) continue;
    std::vector<T> values(static_cast<std::size_t>(tensor.shape.size()));
    file.read(tensor, 0, tensor.shape.size(), reinterpret_cast<std::byte*>(values.data()));
    return values;
  }
  ADD_FAILURE() << "no " << name;
  return {};
}

}  // namespace

TEST_F(PyTorch, ItsCheckpointsAreReadInBothProtocols) {
  for (char const* kind : {"protocol2", "protocol4"}) {
    run(kind);
    io::TensorFile file = io::TensorFile::open(path());
    file.keep_below("model");
    EXPECT_NO_THROW(file.check([](std::uint64_t) {}));
    ASSERT_EQ(file.tensors().size(), 8u);
    EXPECT_THAT(values_of<float>(file, "single"), ElementsAre(0, 1, 2, 3, 4, 5));
    EXPECT_THAT(values_of<float>(file, "half"), ElementsAre(-2, -1, 0, 1, 2));
    EXPECT_THAT(values_of<float>(file, "brain"), ElementsAre(-2, -1, 0, 1, 2));
    EXPECT_THAT(values_of<double>(file, "double"), ElementsAre(0, 1, 2, 3));
    EXPECT_THAT(values_of<float>(file, "parameter"), ElementsAre(1, 1, 1));
    EXPECT_THAT(values_of<float>(file, "view"), ElementsAre(4, 5, 6));
    EXPECT_THAT(values_of<float>(file, "scalar"), ElementsAre(2.5f));
    EXPECT_EQ(file.tensors()[3].shape, (Shape{2, 1, 2}));
    EXPECT_THAT(file.read_numbers(file.tensors()[4]), ElementsAre(0, 1, 2, 3, 4));
  }
}

TEST_F(PyTorch, TheStateOfAModuleIsRead) {
  run("state_dict");
  io::TensorFile const file = io::TensorFile::open(path());
  ASSERT_EQ(file.tensors().size(), 2u);
  EXPECT_EQ(file.tensors()[0].name, "weight");
  EXPECT_EQ(file.tensors()[0].shape, (Shape{2, 3}));
}

TEST_F(PyTorch, WhatItWouldRunIsRefusedAndNotRun) {
  run("hostile");
  expect_refused("it names posix.system");
  EXPECT_FALSE(fs::exists(path().string() + ".owned"));
}

TEST_F(PyTorch, TensorsThatAreNotContiguousAndTheOldFormatAreRefused) {
  run("transposed");
  io::TensorFile const file = io::TensorFile::open(path());
  auto const turned = std::find_if(file.tensors().begin(), file.tensors().end(),
                                   [](auto const& t) { return t.name == "model.turned"; });
  ASSERT_NE(turned, file.tensors().end());
  EXPECT_THAT(turned->unreadable, HasSubstr("not contiguous"));
  run("before-1.6");
  expect_refused("before 1.6");
}

TEST_F(PyTorch, ItReadsWhatWeWriteWithWeightsOnly) {
  using io::Encoding;
  run("protocol2");
  std::vector<io::FileTensor> tensors;
  fs::path const original = folder_ / "original.pt";
  fs::rename(path(), original);
  io::TensorFile file = io::TensorFile::open(original);
  file.keep_below("model");
  for (io::FileTensor const& tensor : file.tensors())
    if (tensor.name != "parameter") tensors.push_back(tensor);
  io::File const bytes = io::File::open_read(original);
  io::write_torch(path(), tensors, [&](std::size_t i, Index begin, std::span<std::byte> out) {
    bytes.read_at(
        tensors[i].offset + static_cast<std::uint64_t>(begin) * size_of(tensors[i].encoding), out);
  });
  run("load");
}
