// The published size through little memory, all three modalities: files with holes where values are
// zero, and a few values that are not, to be found again.

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "app/config/config.hpp"
#include "core/model/model.hpp"
#include "io/interchange/safetensors.hpp"
#include "io/interchange/tensor_file.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t gibibyte = std::int64_t{1} << 30;

class LargeInterchange : public TemporaryFolder {
 protected:
  LargeInterchange() {
    // As many words as the published vocabulary has rows, less the four special ones.
    std::string words;
    for (int i = 0; i < 50260; ++i) words += fmt::format("w{}\n", i);
    fs::create_directories(folder_ / "words");
    write_file(folder_ / "words/words.txt", words);
    write_file(folder_ / "4b.toml",
               fmt::format("[model]\npreset = \"onepeace-4b\"\n[[modality]]\nname = \"audio\"\n"
                           "adapter = \"convolution\"\n[data]\ntokenizer = '{}'\n"
                           "max_tokens = 70\n[train]\nsteps = 1\nglobal_batch = 32\n",
                           (folder_ / "words").string()));
    limit_memory();
  }

  /// Commands and this test may have 8 GB of addresses, hence of memory.
  static void limit_memory() {
    rlimit const limit{8'000'000'000, 8'000'000'000};
    ASSERT_EQ(::setrlimit(RLIMIT_AS, &limit), 0);
  }

  void run(std::string const& arguments) const {
    ASSERT_EQ(accord_command(fmt::format(fmt::runtime(arguments), folder_.string()), log_), 0)
        << text_of(log_);
  }

  /// Of the largest command so far.
  static std::int64_t peak_bytes() {
    rusage usage{};
    ::getrusage(RUSAGE_CHILDREN, &usage);
    return std::int64_t{usage.ru_maxrss} * 1024;
  }

  fs::path const log_ = folder_ / "log";
};

/// What stands at the front of tensor number i: exact in bfloat16, another for its neighbours.
float mark(std::size_t i) { return static_cast<float>(1 + i % 120); }

}  // namespace

TEST_F(LargeInterchange, ThePublishedSizePassesThroughEightGigabytes) {
  app::Config const config = app::load_config(folder_ / "4b.toml");
  ModelConfig model = config.model;
  for (ModalityConfig& modality : model.modalities)
    if (modality.adapter == "token") modality.vocabulary = 50264;
  std::vector<ParameterSpec> const specs = Model::describe(model);

  // The header as the writer gives it, for one tensor of each shape; then holes.
  std::string header = "{";
  std::uint64_t end = 0;
  for (ParameterSpec const& spec : specs) {
    std::uint64_t const bytes = 4 * static_cast<std::uint64_t>(spec.shape.size());
    header += fmt::format("{}\"{}\":{{\"dtype\":\"F32\",\"shape\":{},\"data_offsets\":[{},{}]}}",
                          end > 0 ? "," : "", spec.name, to_string(spec.shape), end, end + bytes);
    end += bytes;
  }
  header += "}";
  fs::path const whole = folder_ / "whole.safetensors";
  {
    std::uint64_t const length = header.size();
    io::File file = io::File::open_write(whole);
    file.write_at(0, std::as_bytes(std::span(&length, 1)));
    file.write_at(8, std::as_bytes(std::span(header)));
    file.resize(8 + length + end);
    std::uint64_t at = 8 + length;
    for (std::size_t i = 0; i < specs.size(); ++i) {
      float const value = mark(i);
      file.write_at(at, std::as_bytes(std::span(&value, 1)));
      at += 4 * static_cast<std::uint64_t>(specs[i].shape.size());
    }
  }
  EXPECT_EQ(end, 4 * std::uint64_t{3'926'288'577});

  run("checkpoint import --from {0}/whole.safetensors --config {0}/4b.toml --out {0}/imported");
  fs::remove(whole);
  EXPECT_LT(peak_bytes(), gibibyte);
  run("checkpoint export --checkpoint {0}/imported --dtype bfloat16 --out {0}/half.pt");
  fs::remove_all(folder_ / "imported");
  EXPECT_LT(peak_bytes(), gibibyte);
  RecordProperty("peak_bytes", std::to_string(peak_bytes()));
  std::cout << "largest command: " << peak_bytes() / 1'000'000 << " MB\n";

  // The .pt file back in, by its own checksums, and every mark where it was.
  io::TensorFile const half = io::TensorFile::open(folder_ / "half.pt");
  half.check([](std::uint64_t) {});
  ASSERT_GE(half.tensors().size(), specs.size());
  for (std::size_t i = 0; i < specs.size(); ++i) {
    io::FileTensor const& tensor = half.tensors()[i];
    ASSERT_EQ(tensor.name, specs[i].name);
    ASSERT_TRUE(tensor.shape == specs[i].shape) << tensor.name;
    float front = 0, back = 0;
    half.read(tensor, 0, 1, reinterpret_cast<std::byte*>(&front));
    half.read(tensor, tensor.shape.size() - 1, 1, reinterpret_cast<std::byte*>(&back));
    EXPECT_EQ(front, mark(i)) << tensor.name;
    if (tensor.shape.size() > 1) {
      EXPECT_EQ(back, 0) << tensor.name;
    }
  }
}
