// Reference files of adapters in sizes that no official one has: rows of the sequence and the bias
// between them, whole, masked, and as the decoder has them.

#include <fmt/format.h>

#include "tests/app/verify/reference_file.hpp"
#include "tests/app/verify/unit_shapes.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::testing {
namespace {

template <class T, class Embed, class Bucket>
Arrays<T> adapter_outputs(Arrays<T> const& w, std::vector<std::vector<Index>> const& positions,
                          Index d, Index heads, Embed&& embed, Bucket&& bucket) {
  auto const batch = static_cast<Index>(positions.size()),
             length = static_cast<Index>(positions[0].size());
  Array<T> x{{batch, length, d}, {}}, bias{{batch, heads, length, length}, {}};
  std::vector<T> const& table = w.at("rel_pos_table_list.0.weight").values;
  for (Index s = 0; s < batch; ++s) {
    Rows<T> const rows = embed(s, positions[s]);
    x.values.insert(x.values.end(), rows.v.begin(), rows.v.end());
    for (Index h = 0; h < heads; ++h)
      for (Index i = 0; i < length; ++i)
        for (Index j = 0; j < length; ++j)
          bias.values.push_back(table[bucket(positions[s][i], positions[s][j]) * heads + h]);
  }
  return {{"x", x}, {"attn_bias", bias}};
}

/// Positions of every sample: all, or what is kept, whose padding the official code fills with the
/// place of index (length - 1).
struct Kept {
  std::vector<std::int64_t> ids;
  std::vector<std::vector<Index>> positions;
  Index length;

  Kept(ReferenceFile& file, Index batch, Index all) : length(all) {
    std::vector<Index> every;
    for (Index i = 0; i < all; ++i) every.push_back(i);
    positions.assign(static_cast<std::size_t>(batch), every);
    file.attribute("/", "mode", "full");
  }
  Kept(ReferenceFile& file, std::vector<std::vector<std::int64_t>> const& kept)
      : length(static_cast<Index>(kept[0].size())) {
    for (auto const& sample : kept) {
      ids.insert(ids.end(), sample.begin(), sample.end());
      positions.emplace_back();
      for (std::int64_t id : sample) positions.back().push_back(id < 0 ? length - 1 : id);
    }
    file.attribute("/", "mode", "preserve");
    file.add_integers("inputs/preserve_ids", {static_cast<Index>(kept.size()), length}, ids);
  }
  void add_padding(ReferenceFile& file, std::vector<std::int64_t> const& whole) const {
    std::vector<std::int64_t> mask = whole;
    if (!ids.empty()) {
      mask.clear();
      for (std::int64_t id : ids) mask.push_back(id < 0);
    }
    file.add_bytes("outputs/padding_mask", {static_cast<Index>(positions.size()), length}, mask);
  }
};

std::vector<std::vector<std::int64_t>> const kept_lists{{0, 2, 3}, {0, 1, -1}};

void describe_adapter(ReferenceFile& file, char const* prefix, Index heads) {
  file.attribute("/", "prefix", std::string(prefix));
  file.attribute("/", "heads", std::int64_t{heads});
}

class AdapterFiles : public TemporaryFolder, public ::testing::WithParamInterface<bool> {
 protected:
  std::filesystem::path path_ = folder_ / "file.h5";
  bool masked_ = GetParam();
};

TEST_P(AdapterFiles, Text) {
  Index const d = 5, heads = 3, words = 5, beta = 4;
  ReferenceFile file("unit_text_adapter_small", R"({"bucket_size": 4})");
  describe_adapter(file, "text_adapter", heads);
  Kept const kept = masked_ ? Kept(file, kept_lists) : Kept(file, 2, words + 1);
  std::vector<std::int64_t> const ids{4, 5, 3, 6, 2, 7, 4, 2, 1, 1};
  file.add_integers("inputs/src_tokens", {2, words}, ids);
  kept.add_padding(file, {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1});
  Arrays<double> weights = random_arrays({{"cls_embedding", {1, 1, d}},
                                          {"embed_tokens.weight", {9, d}},
                                          {"embed_positions.weight", {11, d}},
                                          {"rel_pos_table_list.0.weight", {2 * beta + 2, heads}}},
                                         1);
  std::fill_n(weights["embed_tokens.weight"].values.begin() + d, d, 0.0);
  add_unit(file, weights, {}, [=]<class T>(Arrays<T> const& w, Arrays<T> const&) {
    auto const embed = [&](Index s, std::vector<Index> const& positions) {
      Rows<T> x(static_cast<Index>(positions.size()), d);
      for (Index i = 0; i < x.n; ++i) {
        Index const p = positions[i];
        for (Index c = 0; c < d; ++c) {
          x[i][c] = w.at("embed_positions.weight").values[p * d + c];
          if (p == 0)
            x[i][c] += w.at("cls_embedding").values[c];
          else if (ids[s * words + p - 1] != 1)
            x[i][c] += w.at("embed_tokens.weight").values[ids[s * words + p - 1] * d + c];
        }
      }
      return x;
    };
    return adapter_outputs(w, kept.positions, d, heads, embed,
                           [&](Index i, Index j) { return log_bucket(i, j, beta); });
  });
  file.expect_checked(path_);
}

TEST_P(AdapterFiles, Image) {
  Index const d = 16, heads = 1, side = 32, grid = 2;
  ReferenceFile file("unit_image_adapter_small",
                     R"({"bucket_size": 2, "vision_encoder_type": "hmlp"})");
  describe_adapter(file, "image_adapter", heads);
  Kept const kept = masked_ ? Kept(file, {{0, 1, -1}}) : Kept(file, 1, grid * grid + 1);
  kept.add_padding(file, std::vector<std::int64_t>(grid * grid + 1, 0));
  Shapes shapes{{"cls_embedding", {1, 1, d}},
                {"pos_embed", {grid * grid + 1, d}},
                {"embed_images.0.weight", {4, 3, 4, 4}},
                {"embed_images.0.bias", {4}},
                {"embed_images.3.weight", {4, 4, 2, 2}},
                {"embed_images.3.bias", {4}},
                {"embed_images.6.weight", {d, 4, 2, 2}},
                {"embed_images.6.bias", {d}},
                {"rel_pos_table_list.0.weight", {12, heads}}};
  norm_shapes(shapes, "embed_images.1.layer_norm", 4);
  norm_shapes(shapes, "embed_images.4.layer_norm", 4);
  add_unit(file, random_arrays(shapes, 1), random_arrays({{"src_images", {1, 3, side, side}}}, 50),
           [=]<class T>(Arrays<T> const& w, Arrays<T> const& in) {
             auto const embed = [&](Index s, std::vector<Index> const& positions) {
               Rows<T> const features =
                   patch_features(in.at("src_images").values.data() + s * 3 * side * side, side,
                                  Weights<T>{&w, "embed_images."});
               Rows<T> x(static_cast<Index>(positions.size()), d);
               for (Index i = 0; i < x.n; ++i)
                 for (Index c = 0; c < d; ++c)
                   x[i][c] = w.at("pos_embed").values[positions[i] * d + c] +
                             (positions[i] == 0 ? w.at("cls_embedding").values[c]
                                                : features[positions[i] - 1][c]);
               return x;
             };
             return adapter_outputs(w, kept.positions, d, heads, embed,
                                    [&](Index i, Index j) { return grid_bucket(i, j, grid); });
           });
  file.expect_checked(path_);
}

TEST_P(AdapterFiles, Audio) {
  Index const d = 4, heads = 2, samples = 130, beta = 12;
  ReferenceFile file("unit_audio_adapter_small", sound_config);
  describe_adapter(file, "audio_adapter", heads);
  Index const frames = 5;
  Kept const kept = masked_ ? Kept(file, kept_lists) : Kept(file, 2, frames + 1);
  std::vector<std::int64_t> const padding{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  file.add_bytes("inputs/padding_mask", {2, frames + 1}, padding);
  kept.add_padding(file, padding);
  Shapes shapes{{"cls_embedding", {1, 1, d}},
                {"cls_pos_embed", {1, 1, d}},
                {"mask_embedding", {1, d}},
                {"rel_pos_table_list.0.weight", {2 * beta + 2, heads}}};
  extractor_shapes(shapes, "embed_audios.", d);
  position_shapes(shapes, "embed_positions.", d);
  add_unit(file, random_arrays(shapes, 1), random_arrays({{"src_audios", {2, samples}}}, 50),
           [=]<class T>(Arrays<T> const& w, Arrays<T> const& in) {
             auto const embed = [&](Index s, std::vector<Index> const& positions) {
               Rows<T> const features =
                   sound_features(in.at("src_audios").values.data() + s * samples, samples,
                                  Weights<T>{&w, "embed_audios."}, sound_strides);
               Rows<T> given;
               given.d = d;
               for (std::size_t i = 1; i < positions.size(); ++i)
                 given.append(features[positions[i] - 1]);
               Rows<T> const at =
                   convolutional_positions(given, Weights<T>{&w, "embed_positions."}, 2, 2);
               Rows<T> x(given.n + 1, d);
               for (Index c = 0; c < d; ++c) {
                 x[0][c] = w.at("cls_embedding").values[c] + w.at("cls_pos_embed").values[c];
                 for (Index i = 0; i < given.n; ++i) x[i + 1][c] = given[i][c] + at[i][c];
               }
               return x;
             };
             return adapter_outputs(w, kept.positions, d, heads, embed,
                                    [&](Index i, Index j) { return log_bucket(i, j, beta); });
           });
  file.remove("grads/param/mask_embedding");
  file.expect_checked(path_);
}
INSTANTIATE_TEST_SUITE_P(Passes, AdapterFiles, ::testing::Bool(),
                         [](auto const& info) { return info.param ? "Masked" : "Whole"; });

class DecoderFiles : public TemporaryFolder {
 protected:
  // Kept embeddings of two sequences of `length` tokens among mask tokens, with their positions.
  void check(ReferenceFile& file, std::string const& table, Index rows, Index length,
             std::vector<std::int64_t> const& padding) {
    Index const d = 5, width = 3;
    describe_adapter(file, prefix_.c_str(), 1);
    file.attribute("/", "mode", "decoder");
    std::vector<std::int64_t> const ids{0, 2, 3, 0, 1, -1};
    file.add_integers("inputs/preserve_ids", {2, width}, ids);
    file.add_bytes("outputs/padding_mask", {2, length}, padding);
    Shapes shapes{{table, {rows, d}}, {"cls_embedding", {1, 1, d}}};
    if (prefix_ == "audio_adapter") shapes["mask_embedding"] = {1, d};
    Arrays<double> inputs =
        random_arrays({{"preserve_embed", {2, width, d}}, {"mask_token", {1, d}}}, 50);
    add_unit(file, random_arrays(shapes, 1), inputs,
             [=]<class T>(Arrays<T> const& w, Arrays<T> const& in) {
               Array<T> x{{2, length, d}, {}};
               for (Index s = 0; s < 2; ++s)
                 for (Index i = 0; i < length; ++i) {
                   auto const* from = in.at("mask_token").values.data();
                   for (Index k = 0; k < width; ++k)
                     if (ids[s * width + k] == i)
                       from = in.at("preserve_embed").values.data() + (s * width + k) * d;
                   for (Index c = 0; c < d; ++c)
                     x.values.push_back(from[c] + w.at(table).values[i * d + c]);
                 }
               return Arrays<T>{{"x", x}};
             });
    file.remove("grads/param/cls_embedding");
    file.remove("grads/param/mask_embedding");
    file.expect_checked(path_);
  }
  std::filesystem::path path_ = folder_ / "file.h5";
  std::string prefix_;
};

TEST_F(DecoderFiles, Text) {
  prefix_ = "text_adapter";
  ReferenceFile file("unit_text_adapter_decoder_small", R"({"bucket_size": 4})");
  file.add_integers("inputs/src_tokens", {2, 4}, {4, 5, 3, 2, 7, 2, 1, 1});
  check(file, "embed_positions.weight", 9, 5, {0, 0, 0, 0, 0, 0, 0, 0, 1, 1});
}

TEST_F(DecoderFiles, Image) {
  prefix_ = "image_adapter";
  ReferenceFile file("unit_image_adapter_decoder_small",
                     R"({"bucket_size": 3, "vision_encoder_type": "none"})");
  file.add("inputs/src_images", {2, 3, 48, 48}, random_array(2 * 3 * 48 * 48, 3));
  check(file, "pos_embed", 10, 10, std::vector<std::int64_t>(20, 0));
}

TEST_F(DecoderFiles, Audio) {
  prefix_ = "audio_adapter";
  ReferenceFile file("unit_audio_adapter_decoder_small",
                     R"({"bucket_size": 12, "feature_embed_dim": 3, "conv_pos_depth": 2,
                         "conv_pos_groups": 2, "conv_pos_width": 10, "feature_encoder_spec": null})");
  file.add("inputs/src_audios", {2, 700}, random_array(1400, 3));
  std::vector<std::int64_t> const padding{0, 0, 0, 0, 0, 0, 0, 1};
  file.add_bytes("inputs/padding_mask", {2, 4}, padding);
  check(file, "embed_positions.weight", 7, 4, padding);
}

}  // namespace
}  // namespace accord::testing
