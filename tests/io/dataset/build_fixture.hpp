#pragma once
// Small inputs, and what a build makes of them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <map>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "io/dataset/build.hpp"
#include "io/dataset/png_encode.hpp"
#include "io/file/file.hpp"
#include "io/shard/shard_reader.hpp"
#include "tests/io/dataset/tar_fixture.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {

inline std::string text_of(std::span<std::byte const> bytes) {
  return std::string(reinterpret_cast<char const*>(bytes.data()), bytes.size());
}

/// A picture that no other number has.
inline std::string png(int number) {
  std::vector<std::uint8_t> pixels(4 * 4 * 3);
  for (std::size_t i = 0; i < pixels.size(); ++i)
    pixels[i] = static_cast<std::uint8_t>(number * 31 + static_cast<int>(i * i));
  return text_of(encode_png(pixels, 4, 4));
}

inline std::string base64(std::string const& bytes) {
  std::string const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned word = 0;
    for (std::size_t k = 0; k < 3; ++k)
      word = word << 8 | (i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u);
    for (std::size_t k = 0; k < 4; ++k)
      out += i + k > bytes.size() ? '=' : alphabet[word >> (18 - 6 * k) & 63];
  }
  return out;
}

/// Root may read everything: while this lives, the process is a user without rights.
class Nobody {
 public:
  Nobody() {
    if (me_ == 0 && ::seteuid(65534) != 0) throw Error("seteuid");
  }
  ~Nobody() {
    if (::seteuid(me_) != 0) std::abort();
  }

 private:
  uid_t me_ = ::geteuid();
};

class BuildDataset : public TemporaryFolder {
 protected:
  BuildDataset() { std::filesystem::create_directories(in_); }

  BuildOptions options() const {
    BuildOptions o;
    o.source.from = {in_};
    o.out = out_;
    return o;
  }
  /// An archive of pictures with captions and these labels, by key.
  void tar_of(std::vector<std::pair<std::string, std::string>> const& labels) const {
    TarFixture tar;
    for (auto const& [key, label] : labels)
      tar.add(key + ".png", png(1))
          .add(key + ".txt", key)
          .add(key + ".json", fmt::format(R"({{"label": "{}"}})", label));
    put("0.tar", tar.end());
  }
  void put(std::string const& name, std::string const& content) const {
    std::filesystem::create_directories((in_ / name).parent_path());
    write_file(in_ / name, content);
  }
  /// Samples first .. first + count - 1 as an img2dataset archive.
  static TarFixture samples(int first, int count) {
    TarFixture tar;
    for (int i = first; i < first + count; ++i)
      tar.add(fmt::format("{:05}.png", i), png(i))
          .add(fmt::format("{:05}.txt", i), fmt::format("caption {}\n", i))
          .add(fmt::format("{:05}.json", i), fmt::format(R"({{"label": "class {}"}})", i % 3));
    return tar;
  }
  static BuildReport run(BuildOptions const& options, int ranks = 1) {
    for (int rank = 0; rank < ranks; ++rank)
      Build(options).run(rank, ranks, [](BuildProgress const&) {});
    return Build(options).finish();
  }
  /// From the folder `form` of the input into one of that name.
  BuildReport build_form(std::string const& form, std::vector<std::string> modalities,
                         double hold_out = 0) const {
    BuildOptions o = options();
    o.source.from = {in_ / form};
    o.out = out_ / form;
    o.modalities = std::move(modalities);
    o.hold_out = hold_out;
    return run(o);
  }
  static std::string error(BuildOptions const& options) {
    try {
      run(options);
    } catch (Error const& error) {
      return fmt::format("{}: {}", static_cast<int>(error.exit_code()), error.what());
    }
    return "no error";
  }
  static std::vector<std::string> captions(std::filesystem::path const& path) {
    Dataset const dataset = Dataset::open(path);
    std::vector<std::string> out;
    for (Index i = 0; i < dataset.size(); ++i) out.push_back(text_of(dataset.read(i).items[1][0]));
    return out;
  }
  /// Content of every file of a folder by name.
  static std::map<std::string, std::string> contents(std::filesystem::path const& folder) {
    std::map<std::string, std::string> out;
    for (auto const& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file())
        out[entry.path().lexically_relative(folder).string()] = read_file(entry.path());
    return out;
  }

  std::filesystem::path in_ = folder_ / "in", out_ = folder_ / "out";
};

/// The samples of both forms, in any order: keys and, of each modality, bytes.
inline std::map<std::string, std::map<std::string, std::string>> samples_of(
    std::filesystem::path const& path) {
  Dataset const dataset = Dataset::open(path);
  std::map<std::string, std::map<std::string, std::string>> samples;
  for (Index i = 0; i < dataset.size(); ++i) {
    Sample const sample = dataset.read(i);
    for (std::size_t m = 0; m < sample.items.size(); ++m)
      samples[sample.key][dataset.modalities()[m]] = text_of(sample.items[m][0]);
  }
  return samples;
}

}  // namespace accord::io
