// `accord eval --task retrieval` of samples with several captions and pictures, through the whole
// program: the figures are those that the usual definition gives on what `accord embed` wrote.

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>

#include "io/dataset/png_encode.hpp"
#include "io/hdf5/hdf5_reader.hpp"
#include "tests/support/program.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::testing;

namespace {

struct Embedded {
  std::vector<float> values;
  std::vector<std::uint64_t> owners;

  std::vector<double> similarities(std::size_t query, Embedded const& candidates) const {
    std::size_t const dim = values.size() / owners.size();
    std::vector<double> all;
    for (std::size_t c = 0; c < candidates.owners.size(); ++c) {
      double sum = 0;
      for (std::size_t d = 0; d < dim; ++d)
        sum += double{values[query * dim + d]} * double{candidates.values[c * dim + d]};
      all.push_back(sum);
    }
    return all;
  }
};

/// 100 x the queries with an own one among the first k candidates / all queries.
double recall(Embedded const& queries, Embedded const& candidates, std::size_t k) {
  int hits = 0;
  for (std::size_t q = 0; q < queries.owners.size(); ++q) {
    std::vector<double> const score = queries.similarities(q, candidates);
    std::vector<std::size_t> order(score.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return score[a] > score[b]; });
    order.resize(std::min(k, order.size()));
    hits += std::ranges::any_of(
        order, [&](std::size_t c) { return candidates.owners[c] == queries.owners[q]; });
  }
  return 100.0 * hits / static_cast<double>(queries.owners.size());
}

/// The same of an order in which every candidate is as likely as any other.
double chance(Embedded const& queries, Embedded const& candidates, double k) {
  double sum = 0;
  double const n = static_cast<double>(candidates.owners.size());
  for (std::uint64_t const owner : queries.owners) {
    auto const own = static_cast<double>(std::ranges::count(candidates.owners, owner));
    double missed = 1;  // each of the own ones in turn is behind the first k
    for (double i = 0; i < own; ++i) missed *= std::max(n - k - i, 0.0) / (n - i);
    sum += 1 - missed;
  }
  return 100 * sum / static_cast<double>(queries.owners.size());
}

class RetrievalOfSeveral : public TemporaryFolder {
 protected:
  static constexpr int pictures = 15;

  /// Five captions a picture, as the official tables have them; sample 3 has two pictures, sample 4
  /// a caption of sample 5.
  void SetUp() override {
    std::string table = "image_id\timage\tcaption\n";
    for (int i = 0; i < pictures; ++i) {
      std::vector<std::uint8_t> pixels(8 * 8 * 3);
      for (std::size_t p = 0; p < pixels.size(); ++p)
        pixels[p] = static_cast<std::uint8_t>((p + 1) * static_cast<std::size_t>(37 * i + 5));
      std::vector<std::byte> const png = io::encode_png(pixels, 8, 8);
      write_file(folder_ / fmt::format("{}.png", i),
                 {reinterpret_cast<char const*>(png.data()), png.size()});
      for (int k = 0; k < 5; ++k)
        table +=
            fmt::format("{0}\t{0}.png\tpicture {1} in words {2}\n", i, i == 4 && k == 2 ? 5 : i, k);
    }
    table += "3\t2.png\tpicture 3 in words 4\n";
    write_file(folder_ / "t.tsv", table);
    run("data build --from '{0}/t.tsv' --out '{0}/data'");
    run("train --config '" + environment("ACCORD_SOURCE_DIR") +
        "/jobs/configs/tiny-vl.toml' --set data.train='{0}/data' --set train.steps=1 "
        "--set train.global_batch=8 --set log.directory='{0}/run' "
        "--set checkpoint.directory='{0}/run'");
    run("embed --checkpoint '{0}/run' --data '{0}/data' --out '{0}/e.h5'");
  }

  void run(std::string const& arguments, int ranks = 0) const {
    std::string const filled = fmt::format(fmt::runtime(arguments), folder_.string());
    ASSERT_EQ(accord_command(filled, folder_ / "log", ranks), 0) << filled << "\n"
                                                                 << text_of(folder_ / "log");
  }
  nlohmann::json evaluate(std::string const& options = "", int ranks = 0) const {
    run("eval --checkpoint '{0}/run' --data '{0}/data' --out '{0}/e.json' " + options, ranks);
    return nlohmann::json::parse(text_of(folder_ / "e.json"));
  }
  Embedded embedded(char const* modality) const {
    io::Hdf5Reader const file(folder_ / "e.h5");
    std::string const group = std::string("/") + modality;
    return {file.read<float>(group + "/embedding"), file.read<std::uint64_t>(group + "/sample")};
  }
  static void expect_figures(nlohmann::json const& json, Embedded const& images,
                             Embedded const& texts) {
    for (auto const& [name, queries, candidates] :
         {std::tuple("i2t", &images, &texts), std::tuple("t2i", &texts, &images)}) {
      EXPECT_EQ(json[name]["queries"], queries->owners.size()) << name;
      for (int const k : {1, 5, 10}) {
        std::string const rank = fmt::format("r{}", k);
        EXPECT_EQ(json[name][rank].get<double>(),
                  recall(*queries, *candidates, static_cast<std::size_t>(k)))
            << name << rank;
        EXPECT_NEAR(json["chance"][name][rank].get<double>(), chance(*queries, *candidates, k),
                    1e-9)
            << name << rank;
      }
    }
  }
};

TEST_F(RetrievalOfSeveral, EqualsTheUsualDefinition) {
  Embedded images = embedded("image"), texts = embedded("text");
  EXPECT_EQ(images.owners.size(), pictures + 1u);
  EXPECT_EQ(texts.owners.size(), 5u * pictures);
  expect_figures(evaluate(), images, texts);
  expect_figures(evaluate("", 2), images, texts);
  for (Embedded* set : {&images, &texts}) std::ranges::replace(set->owners, 5u, 4u);
  expect_figures(evaluate("--equal-captions"), images, texts);
}

}  // namespace
