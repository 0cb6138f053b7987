// Reference files of data and metrics in sizes, counts and seeds that no official one has.

#include <fmt/format.h>

#include <numeric>
#include <random>

#include "io/media/resize.hpp"
#include "tests/app/verify/reference_file.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::testing {
namespace {

class DataFiles : public TemporaryFolder {
 protected:
  std::filesystem::path path_ = folder_ / "file.h5";
};

std::vector<std::int64_t> random_bytes(Index count, std::uint32_t seed) {
  std::mt19937 generator(seed);
  std::vector<std::int64_t> bytes(static_cast<std::size_t>(count));
  for (auto& byte : bytes) byte = static_cast<std::int64_t>(generator() % 256);
  return bytes;
}

TEST_F(DataFiles, PicturesOfOtherSizes) {
  ReferenceFile file("transform_image_small",
                     R"({"sizes": [24, 50], "mean": [0.5, 0.4, 0.3], "std": [0.25, 0.2, 0.5]})");
  double const mean[] = {0.5, 0.4, 0.3}, deviation[] = {0.25, 0.2, 0.5};
  Index const height = 31, width = 45;
  std::vector<std::int64_t> const picture = random_bytes(height * width * 3, 1);
  std::vector<std::uint8_t> const pixels(picture.begin(), picture.end());
  file.add_bytes("inputs/image_7", {height, width, 3}, picture);  // whatever its number
  file.add_integers("inputs/boxes_7", {2, 4}, {0, 0, 31, 20, 3, 5, 20, 30});
  io::ResizeWorkspace workspace;
  auto add = [&](std::string const& group, std::string const& suffix, io::Box box, int size) {
    std::vector<std::uint8_t> resized(static_cast<std::size_t>(size * size * 3));
    io::resize_bicubic({pixels.data(), width, height}, box, size, size, resized.data(), workspace);
    file.add_bytes("outputs/" + group + "/resized_" + suffix, {size, size, 3},
                   {resized.begin(), resized.end()});
    std::vector<double> tensor;
    for (std::size_t c = 0; c < 3; ++c)
      for (std::size_t i = 0; i < resized.size(); i += 3)
        tensor.push_back((resized[i + c] / 255.0 - mean[c]) / deviation[c]);
    file.add("outputs/" + group + "/tensor_" + suffix, {3, size, size}, tensor);
  };
  add("eval_24", "7", {0, 0, width, height}, 24);
  add("eval_50", "7", {0, 0, width, height}, 50);
  add("crop_40", "7_0", {0, 0, 20, 31}, 40);
  add("crop_40", "7_1", {5, 3, 30, 20}, 40);
  file.expect_checked(path_);
}

TEST_F(DataFiles, SoundsOfOtherLengths) {
  ReferenceFile file("transform_audio_small",
                     R"({"sample_rate": 8000, "min_duration": 0.05, "max_duration": 0.1})");
  auto add = [&](std::string const& name, Index samples, Index channels) {
    std::vector<double> const wave =
        random_array(samples * channels, static_cast<std::uint32_t>(samples));
    file.add("inputs/wave_" + name,
             channels > 1 ? std::vector{samples, channels} : std::vector{samples}, wave);
    std::vector<double> mono(static_cast<std::size_t>(samples), 0.0), feats;
    for (Index i = 0; i < samples * channels; ++i)
      mono[i / channels] += wave[i] / static_cast<double>(channels);
    double const mean =
        std::accumulate(mono.begin(), mono.end(), 0.0) / static_cast<double>(samples);
    double variance = 0;
    for (double x : mono) variance += (x - mean) * (x - mean) / static_cast<double>(samples);
    for (Index i = 0; i < std::max<Index>(400, std::min<Index>(samples, 800)); ++i)
      feats.push_back((mono[i % samples] - mean) / std::sqrt(variance + 1e-5));
    file.add("outputs/feats_" + name, {static_cast<Index>(feats.size())}, feats);
  };
  add("3", 1000, 3);
  add("5", 130, 1);
  add("long", 650, 2);
  file.add_integers("outputs/samples", {3}, {399, 400, 720});
  file.add_integers("outputs/frames", {3}, {0, 1, 2});
  file.expect_checked(path_, {"outputs/samples"});
}

// A vocabulary of single bytes and one joined pair, held by the file.
class Captions : public DataFiles {
 protected:
  static constexpr Index longest = 6;

  ReferenceFile file_ = ReferenceFile(
      "tokenizer_small", fmt::format(R"({{"bos": 0, "pad": 1, "eos": 2, "unk": 3, "nspecial": 4,
                                          "max_src_length": {}, "vocab_size": 261}})",
                                     longest));
  std::string encoder_, merges_ = "#version: 0.2\na b\n";

  // GPT-2's printable names of bytes: themselves where they can be seen, others from U+0100 on.
  void SetUp() override {
    std::vector<int> names;
    int next = 256;
    for (int byte = 0; byte < 256; ++byte)
      names.push_back((byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
                          ? byte
                          : next++);
    for (int byte = 0; byte < 256; ++byte) {
      encoder_ += byte == 0 ? "{" : ", ";
      encoder_ += "\"\\u0";
      for (int shift : {8, 4, 0}) encoder_ += "0123456789abcdef"[names[byte] >> shift & 15];
      encoder_ += "\": " + std::to_string(byte);
    }
    encoder_ += ", \"ab\": 256}";

    std::vector<std::string> const captions{"A cab!", "ab ab", "..x", "one two three"},
        processed{"a cab!", "ab ab", "x", "one two three"},
        two_words{"a cab!", "ab ab", "x", "one two"};
    std::vector<std::string> ids;
    auto const rows = [](std::string const& text) {
      std::vector<std::int64_t> list;
      for (std::size_t i = 0; i < text.size(); ++i) {
        bool const pair = text.compare(i, 2, "ab") == 0;
        list.push_back(pair ? 256 : static_cast<unsigned char>(text[i]));
        i += pair;
      }
      return list;
    };
    std::map<std::string, std::pair<std::vector<std::int64_t>, std::vector<std::int64_t>>> ragged;
    auto const append = [&](std::string const& name, std::vector<std::int64_t> list,
                            std::size_t most, bool end) {
      auto& [values, offsets] = ragged[name];
      if (offsets.empty()) offsets.push_back(0);
      if (list.size() > most) list.resize(most);
      for (std::int64_t id : list) values.push_back(id + 4);
      if (end) values.push_back(2);
      offsets.push_back(static_cast<std::int64_t>(values.size()));
    };
    for (std::size_t i = 0; i < captions.size(); ++i) {
      std::vector<std::int64_t> const list = rows(" " + processed[i]);
      std::string& text = ids.emplace_back();
      for (std::int64_t id : list) text += (text.empty() ? "" : " ") + std::to_string(id);
      append("ids", list, longest, true);
      append("ids_untruncated", list, 1000, true);
      append("ids_raw", rows(captions[i]), 1000, false);
    }
    for (auto const& [name, list] : ragged) {
      file_.add_integers("outputs/" + name, {static_cast<Index>(list.first.size())}, list.first);
      file_.add_integers("outputs/" + name + "_offsets", {static_cast<Index>(list.second.size())},
                         list.second);
    }
    file_.add_texts("inputs/captions", captions);
    file_.add_texts("outputs/processed", processed);
    file_.add_texts("outputs/bpe_ids", ids);
    file_.add_texts("outputs/max_length_2", two_words);
    std::vector<std::int64_t> starts(261, 0);
    for (std::size_t special = 0; special < 4; ++special) starts[special] = 1;
    starts[4 + ' '] = 1;
    file_.add_bytes("outputs/whole_word_start", {261}, starts);
  }

  void write_vocabulary(std::filesystem::path const& folder) {
    std::filesystem::create_directories(folder);
    write_file(folder / "encoder.json", encoder_);
    write_file(folder / "vocab.bpe", merges_);
  }
};

TEST_F(Captions, WithTheVocabularyInTheFile) {
  file_.add_texts("vocabulary/encoder.json", {encoder_});
  file_.add_bytes("vocabulary/vocab.bpe", {static_cast<Index>(merges_.size())},
                  {merges_.begin(), merges_.end()});
  file_.expect_checked(path_);
}

TEST_F(Captions, WithTheVocabularyOnTheCommandLine) {
  file_.write(path_);
  EXPECT_FALSE(passes(path_));
  write_vocabulary(folder_ / "elsewhere");
  EXPECT_TRUE(passes(path_, DType::float64, (folder_ / "elsewhere").string()));
}

TEST_F(Captions, WithTheVocabularyBesideTheFilesFolder) {
  std::filesystem::create_directories(folder_ / "files");
  file_.write(folder_ / "files" / "file.h5");
  write_vocabulary(folder_ / "bpe");
  EXPECT_TRUE(passes(folder_ / "files" / "file.h5"));
}

TEST_F(DataFiles, RetrievalOfOtherSizes) {
  ReferenceFile file("eval_retrieval_small", R"({"k": [1, 5, 10]})");
  Index const images = 14, texts = 31, dim = 5;
  std::vector<double> const a = random_array(images * dim, 1), b = random_array(texts * dim, 2);
  std::vector<std::int64_t> image_ids, text_ids;
  for (Index i = 0; i < images; ++i) image_ids.push_back(7 * i - 40);  // any integers
  for (Index i = 0; i < texts; ++i) text_ids.push_back(image_ids[i * i % images]);
  double both = 0;
  auto recall = [&](std::string const& what, std::vector<double> const& q,
                    std::vector<std::int64_t> const& own, std::vector<double> const& c,
                    std::vector<std::int64_t> const& candidates) {
    double mean = 0;
    for (std::size_t k : {1u, 5u, 10u}) {
      double hits = 0;
      for (std::size_t i = 0; i < own.size(); ++i) {
        std::vector<std::pair<double, std::int64_t>> ranked;
        for (std::size_t j = 0; j < candidates.size(); ++j) {
          double dot = 0;
          for (Index d = 0; d < dim; ++d) dot += q[i * dim + d] * c[j * dim + d];
          ranked.emplace_back(-dot, candidates[j]);
        }
        std::sort(ranked.begin(), ranked.end());
        hits += std::any_of(ranked.begin(), ranked.begin() + static_cast<std::ptrdiff_t>(k),
                            [&](auto const& one) { return one.second == own[i]; });
      }
      double const percent = 100 * hits / static_cast<double>(own.size());
      file.attribute("outputs/odd", fmt::format("{}_r{}", what, k), percent);
      mean += percent / 3;
    }
    file.attribute("outputs/odd", what + "_r_mean", mean);
    both += mean / 2;
  };
  recall("txt", a, image_ids, b, text_ids);
  recall("img", b, text_ids, a, image_ids);
  file.attribute("outputs/odd", "r_mean", both);
  file.attribute("outputs/odd", "img_count", static_cast<double>(images));
  file.attribute("outputs/odd", "txt_count", static_cast<double>(texts));
  file.add("inputs/odd/image_features", {images, dim}, a);
  file.add("inputs/odd/text_features", {texts, dim}, b);
  file.add_integers("inputs/odd/image_ids", {images}, image_ids);
  file.add_integers("inputs/odd/text_ids", {texts}, text_ids);
  file.expect_checked(path_);
}

TEST_F(DataFiles, ClassificationOfOtherSizes) {
  ReferenceFile file("eval_classify_small", "{}");
  Index const samples = 300, classes = 4;
  std::vector<double> const logits = random_array(samples * classes, 1);
  std::vector<double> tied = logits, targets;
  for (double& x : tied) x = std::round(x * 4) / 4;
  for (double x : random_array(samples * classes, 2)) targets.push_back(x > 0.3);
  // Mean over positives of the precision at their score, ties counted whole.
  auto precision = [&](std::vector<double> const& scores, Index c) {
    double sum = 0, positives = 0;
    for (Index i = 0; i < samples; ++i) {
      if (targets[i * classes + c] == 0) continue;
      double above = 0, right = 0;
      for (Index j = 0; j < samples; ++j)
        if (scores[j * classes + c] >= scores[i * classes + c])
          ++above, right += targets[j * classes + c];
      sum += right / above;
      ++positives;
    }
    return sum / positives;
  };
  std::vector<double> each;
  double map_tied = 0;
  for (Index c = 0; c < classes; ++c) {
    each.push_back(precision(logits, c));
    map_tied += precision(tied, c) / static_cast<double>(classes);
  }
  std::vector<std::int64_t> labels;
  double right = 0;
  for (Index i = 0; i < samples; ++i) {
    labels.push_back(i * i % classes);
    auto const row = logits.begin() + i * classes;
    right += std::max_element(row, row + classes) - row == labels.back();
  }
  file.add("inputs/acc_logits", {samples, classes}, logits);
  file.add_integers("inputs/acc_labels", {samples}, labels);
  file.add("inputs/map_logits", {samples, classes}, logits);
  file.add("inputs/map_logits_tied", {samples, classes}, tied);
  file.add("inputs/map_targets", {samples, classes}, targets);
  file.add("outputs/accuracy", {}, {right / samples});
  file.add("outputs/map", {}, {std::accumulate(each.begin(), each.end(), 0.0) / classes});
  file.add("outputs/map_tied", {}, {map_tied});
  file.add("outputs/map_per_class", {classes}, each);
  file.expect_checked(path_);
}

// The contrast over several ranks, its gradients by dual numbers.
TEST_F(DataFiles, ContrastOnOtherRanks) {
  Index const ranks = 2, each = 3, d = 4, all = ranks * each;
  double const smoothing = 0.05;
  ReferenceFile file("dist_itc_2x3", R"({"label_smoothing": 0.05})");
  Arrays<double> inputs = random_arrays(
      {{"image_features", {ranks, each, d}}, {"text_features", {ranks, each, d}}}, 3, 1);
  for (auto& [name, array] : inputs)
    for (Index i = 0; i < all; ++i) {
      double norm = 0;
      for (Index c = 0; c < d; ++c) norm += std::pow(array.values[i * d + c], 2);
      for (Index c = 0; c < d; ++c)
        array.values[i * d + c] = static_cast<float>(array.values[i * d + c] / std::sqrt(norm));
    }
  inputs["logit_scale"] = {{}, {1.25}};
  std::vector<double> correct(2 * ranks, 0.0);
  // Of the rows of `rank` (-1: all): own rows move, the others' are `gathered`.
  auto const loss = [&]<class T>(Arrays<T> const& own, Arrays<T> const& gathered, Index rank) {
    using std::exp, std::log;
    T total = 0;
    Index const begin = rank < 0 ? 0 : rank * each, end = rank < 0 ? all : begin + each;
    for (int way : {0, 1}) {
      std::vector<T> const& a = own.at(way == 0 ? "image_features" : "text_features").values;
      std::vector<T> const& b = gathered.at(way == 0 ? "text_features" : "image_features").values;
      for (Index i = begin; i < end; ++i) {
        std::vector<T> logits;
        T sum = 0, spread = 0;
        for (Index j = 0; j < all; ++j) {
          T dot = 0;
          for (Index c = 0; c < d; ++c) dot += a[i * d + c] * b[j * d + c];
          logits.push_back(dot * exp(own.at("logit_scale").values[0]));
          sum += exp(logits.back());
        }
        for (T const& logit : logits) spread += (log(sum) - logit) / static_cast<double>(all - 1);
        T const right = log(sum) - logits[i];
        // The target keeps 1 - smoothing, the others share the rest.
        total += ((1 - smoothing) * right +
                  smoothing * (spread - right / static_cast<double>(all - 1))) *
                 (0.5 / static_cast<double>(end - begin));
        auto const best =
            std::max_element(logits.begin(), logits.end(),
                             [](T const& x, T const& y) { return value_of(x) < value_of(y); });
        if (rank >= 0 && std::is_same_v<T, double>)
          correct[way * ranks + rank] += best - logits.begin() == i;
      }
    }
    return total;
  };
  std::vector<double> official;
  Arrays<double> anchor = inputs;
  std::vector<double> scale;
  Arrays<Dual> const constant = converted<Dual>(inputs);
  for (Index r = 0; r < ranks; ++r) {
    official.push_back(loss(inputs, inputs, r));
    Arrays<double> const of_rank =
        gradients(inputs, [&](Arrays<Dual> const& moved) { return loss(moved, constant, r); });
    for (char const* name : {"image_features", "text_features"})
      std::copy_n(of_rank.at(name).values.begin() + r * each * d, each * d,
                  anchor[name].values.begin() + r * each * d);
    scale.push_back(of_rank.at("logit_scale").values[0]);
  }
  Arrays<double> const exact =
      gradients(inputs, [&](Arrays<Dual> const& moved) { return loss(moved, moved, -1); });
  for (auto const& [name, array] : inputs) file.add("inputs/" + name, array.shape, array.values);
  std::vector<Index> const shape{ranks, each, d};
  file.add("outputs/official/loss", {ranks}, official);
  file.add("outputs/official/i2t_ncorrect", {ranks}, {correct.begin(), correct.begin() + ranks});
  file.add("outputs/official/t2i_ncorrect", {ranks}, {correct.begin() + ranks, correct.end()});
  file.add("grads/official/d_image", shape, anchor["image_features"].values);
  file.add("grads/official/d_text", shape, anchor["text_features"].values);
  file.add("grads/official/d_logit_scale", {ranks}, scale);
  file.add("outputs/global/loss", {}, {loss(inputs, inputs, -1)});
  file.add("outputs/global/i2t_ncorrect", {}, {correct[0] + correct[1]});
  file.add("outputs/global/t2i_ncorrect", {}, {correct[2] + correct[3]});
  file.add("grads/global/d_image", shape, exact.at("image_features").values);
  file.add("grads/global/d_text", shape, exact.at("text_features").values);
  file.add("grads/global/d_logit_scale", {}, exact.at("logit_scale").values);
  file.expect_checked(path_);
}

TEST_F(DataFiles, OtherTasksOfLikeNamesAreNotTried) {
  for (char const* name : {"train_vqa_3steps", "model_of_something", "unheard_of"}) {
    ReferenceFile(name, R"({"criterion": {"criterion_name": "classify"}})").write(path_);
    EXPECT_TRUE(verified(path_).empty());
  }
}

}  // namespace
}  // namespace accord::testing
