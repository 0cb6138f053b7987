// `accord eval --task classify` of sounds without a head, through the whole program: accuracy and
// mean average precision are those of the embeddings that `accord embed` gives, of the sounds and
// of the prompts as captions.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "io/hdf5/hdf5_reader.hpp"
#include "tests/io/media/sounds.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

namespace fs = std::filesystem;

class ClassifiedSounds : public TemporaryFolder {
 protected:
  static constexpr int sounds = 24;
  std::vector<std::string> const classes_{"low", "middle", "high", "loud"};

  /// A model as "dense" draws it: its scores mean nothing, and no two are alike.
  void SetUp() override {
    std::string table = "uniq_id\tcaption\taudio\tkind\tkinds\n";
    for (int i = 0; i < sounds; ++i) {
      std::vector<std::byte> const wave = encoded(sine(4000 + 300 * i, 1, 8000, 200 + 60 * i), 1,
                                                  8000, SF_FORMAT_WAV | SF_FORMAT_PCM_16);
      std::string const file = fmt::format("{}.wav", i);
      write_file(folder_ / file, {reinterpret_cast<char const*>(wave.data()), wave.size()});
      std::string kinds;
      for (std::string const& name : kinds_of(i)) kinds += (kinds.empty() ? "" : ",") + name;
      table += fmt::format("{0}\ttone {0}\t{1}\t{2}\t{3}\n", i, file, kinds_of(i).front(), kinds);
    }
    write_file(folder_ / "sounds.tsv", table);
    std::string names = "\xEF\xBB\xBF";  // as some editors save them
    for (std::string const& name : classes_) names += name + "\n";
    write_file(folder_ / "classes.txt", names);
    build("sounds", "--modalities text,audio --label kind");
    run("train --config '" + environment("ACCORD_SOURCE_DIR") +
        "/jobs/configs/tiny-al.toml' --set data.train='{0}/sounds' --set train.steps=1 "
        "--set train.global_batch=8 --set log.directory='{0}/run' "
        "--set checkpoint.directory='{0}/run'");
  }

  /// Number i is of one pitch, and every third is loud as well.
  std::vector<std::string> kinds_of(int i) const {
    std::vector<std::string> kinds{classes_[static_cast<std::size_t>(i * 7 % 5 % 3)]};
    if (i % 3 == 0) kinds.push_back("loud");
    return kinds;
  }

  void run(std::string const& arguments) const {
    std::string const filled = fmt::format(fmt::runtime(arguments), folder_.string());
    ASSERT_EQ(accord_command(filled, folder_ / "log"), 0) << filled << "\n"
                                                          << text_of(folder_ / "log");
  }
  void build(std::string const& name, std::string const& more) const {
    run(fmt::format("data build --from '{{0}}/{0}.tsv' --out '{{0}}/{0}' {1}", name, more));
  }
  nlohmann::json classified(std::string const& data, std::string const& more) const {
    run("eval --checkpoint '{0}/run' --data '{0}/" + data +
        "' --task classify --out '{0}/eval.json' " + more);
    return nlohmann::json::parse(text_of(folder_ / "eval.json"));
  }
  std::vector<float> embeddings(std::string const& data, std::string const& modality) const {
    run("embed --checkpoint '{0}/run' --data '{0}/" + data + "' --out '{0}/embedded.h5'");
    return io::Hdf5Reader(folder_ / "embedded.h5").read<float>("/" + modality + "/embedding");
  }

  /// [class][sound]: a class is the direction of the mean of its prompts, before NAME and after.
  std::vector<std::vector<double>> scores(std::vector<std::string> const& classes,
                                          std::vector<std::string> const& before) const {
    std::string table = "uniq_id\tcaption\n";
    int row = 0;
    for (std::string const& name : classes)
      for (std::string const& front : before)
        table += fmt::format("{:03}\t{}{}\n", row++, front, name);
    write_file(folder_ / "prompts.tsv", table);
    build("prompts", "--modalities text");
    std::vector<float> const items = embeddings("sounds", "audio"),
                             prompts = embeddings("prompts", "text");
    std::size_t const dim = items.size() / sounds;
    EXPECT_EQ(prompts.size(), classes.size() * before.size() * dim);
    std::vector<std::vector<double>> scores(classes.size());
    for (std::size_t c = 0; c < classes.size(); ++c) {
      std::vector<double> mean(dim);
      for (std::size_t p = 0; p < before.size(); ++p)
        for (std::size_t d = 0; d < dim; ++d) mean[d] += prompts[(c * before.size() + p) * dim + d];
      double const length =
          std::sqrt(std::inner_product(mean.begin(), mean.end(), mean.begin(), 0.0));
      for (int i = 0; i < sounds; ++i)
        scores[c].push_back(std::inner_product(mean.begin(), mean.end(),
                                               items.begin() + i * static_cast<std::ptrdiff_t>(dim),
                                               0.0) /
                            length);
    }
    return scores;
  }

  /// Share of the sounds of which the class that scores highest is one.
  double accuracy(std::vector<std::string> const& classes,
                  std::vector<std::vector<double>> const& scores, std::size_t kinds) const {
    int right = 0;
    for (int i = 0; i < sounds; ++i) {
      std::size_t best = 0;
      for (std::size_t c = 1; c < classes.size(); ++c)
        if (scores[c][static_cast<std::size_t>(i)] > scores[best][static_cast<std::size_t>(i)])
          best = c;
      std::vector<std::string> own = kinds_of(i);
      own.resize(std::min(own.size(), kinds));
      right += static_cast<int>(std::ranges::count(own, classes[best]));
    }
    return right / double{sounds};
  }
};

}  // namespace

TEST_F(ClassifiedSounds, AreComparedWithTheUsualPromptOrThoseOfAFile) {
  nlohmann::json const usual = classified("sounds", "");
  EXPECT_EQ(usual.at("templates"), nlohmann::json({"This is a sound of {}"}));
  EXPECT_EQ(usual.at("count"), sounds);
  EXPECT_FALSE(usual.contains("map"));
  // Classes that no file numbers stand in the order of their names.
  std::vector<std::string> const sorted{"high", "low", "middle"};
  EXPECT_DOUBLE_EQ(usual.at("accuracy"),
                   accuracy(sorted, scores(sorted, {"This is a sound of "}), 1));
  write_file(folder_ / "templates.txt", "a {}\nthe noise of something {}\n");
  nlohmann::json const two = classified("sounds", "--templates '{0}/templates.txt'");
  fs::remove_all(folder_ / "prompts");
  EXPECT_DOUBLE_EQ(two.at("accuracy"),
                   accuracy(sorted, scores(sorted, {"a ", "the noise of something "}), 1));
}

TEST_F(ClassifiedSounds, OfSeveralKindsEachHaveAMeanAveragePrecision) {
  fs::rename(folder_ / "sounds.tsv", folder_ / "several.tsv");
  build("several", "--modalities text,audio --label kinds --classes '{0}/classes.txt'");
  nlohmann::json const result = classified("several", "");
  auto const found = scores(classes_, {"This is a sound of "});
  EXPECT_DOUBLE_EQ(result.at("accuracy"), accuracy(classes_, found, 2));
  double sum = 0;
  for (std::size_t c = 0; c < classes_.size(); ++c) {
    std::vector<int> order(sounds);
    std::iota(order.begin(), order.end(), 0);
    std::ranges::sort(order, std::greater(),
                      [&](int i) { return found[c][static_cast<std::size_t>(i)]; });
    double precisions = 0;
    int positives = 0;
    for (int rank = 0; rank < sounds; ++rank)
      if (std::ranges::count(kinds_of(order[static_cast<std::size_t>(rank)]), classes_[c]))
        precisions += ++positives / (rank + 1.0);
    sum += precisions / positives;
  }
  EXPECT_NEAR(result.at("map"), sum / static_cast<double>(classes_.size()), 1e-12);
  EXPECT_EQ(result.at("count"), sounds);
}

TEST_F(ClassifiedSounds, AreMissedInADatasetOfTextsAlone) {
  fs::rename(folder_ / "sounds.tsv", folder_ / "texts.tsv");
  build("texts", "--modalities text --label kind");
  std::string const command = fmt::format(
      "eval --checkpoint '{0}/run' --data '{0}/texts' --task classify", folder_.string());
  EXPECT_EQ(accord_command(command, folder_ / "log"), 65);
  EXPECT_NE(text_of(folder_ / "log").find("holds no modality beside text that the model embeds"),
            std::string::npos)
      << text_of(folder_ / "log");
}
