// Reference files of units in sizes that no official one has: each layer computed plainly, its
// gradients by dual numbers.

#include <fmt/format.h>

#include "tests/app/verify/reference_file.hpp"
#include "tests/app/verify/unit_shapes.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::testing {
namespace {

class UnitFiles : public TemporaryFolder {
 protected:
  std::filesystem::path path_ = folder_ / "file.h5";
};

void attention_shapes(Shapes& shapes, std::string const& at, Index d) {
  for (char const* name : {"q_proj", "k_proj", "v_proj", "out_proj"})
    shapes[at + name + ".weight"] = {d, d};
  for (char const* name : {"q_proj", "v_proj", "out_proj"}) shapes[at + name + ".bias"] = {d};
}
void ffn_shapes(Shapes& shapes, std::string const& at, Index d, Index f) {
  shapes[at + "0.wi_0.weight"] = shapes[at + "0.wi_1.weight"] = {f, d};
  shapes[at + "2.weight"] = shapes[at + "2.bias"] = {f};
  shapes[at + "3.weight"] = {d, f};
  shapes[at + "3.bias"] = {d};
}
/// [time, batch, d] of one sample.
template <class T>
Rows<T> sample_of(Array<T> const& x, Index s) {
  Index const time = x.shape[0], batch = x.shape[1], d = x.shape[2];
  Rows<T> rows(time, d);
  for (Index t = 0; t < time; ++t) std::copy_n(x.values.begin() + (t * batch + s) * d, d, rows[t]);
  return rows;
}
template <class T>
void put(Array<T>& y, Index s, Rows<T> const& rows) {
  for (Index t = 0; t < rows.n; ++t)
    std::copy_n(rows[t], rows.d, y.values.begin() + (t * y.shape[1] + s) * rows.d);
}
template <class T>
std::vector<T> bias_of(Array<T> const& bias, Index s) {  // [batch, heads, n, n]
  auto const each = static_cast<std::ptrdiff_t>(bias.values.size()) / bias.shape[0];
  return {bias.values.begin() + s * each, bias.values.begin() + (s + 1) * each};
}

/// Whose last keys are padding: none of sample 0, `s` of sample s.
std::vector<std::int64_t> paddings(Index batch, Index time) {
  std::vector<std::int64_t> mask;
  for (Index s = 0; s < batch; ++s)
    for (Index t = 0; t < time; ++t) mask.push_back(t >= time - s);
  return mask;
}
std::vector<std::uint8_t> keys_of(Index s, Index time) {
  std::vector<std::uint8_t> keys;
  for (Index t = 0; t < time; ++t) keys.push_back(t < time - s);
  return keys;
}

void add_attention(ReferenceFile& file, Shapes shapes, Index time, Index batch, Index d,
                   Index heads) {
  attention_shapes(shapes, "", d);
  file.add_bytes("inputs/padding_mask", {batch, time}, paddings(batch, time));
  add_unit(file, random_arrays(shapes, 1),
           random_arrays({{"x", {time, batch, d}}, {"bias", {batch, heads, time, time}}}, 50),
           [=]<class T>(Arrays<T> const& w, Arrays<T> const& in) {
             Arrays<T> out{{"y", in.at("x")}, {"y_nobias", in.at("x")}};
             for (Index s = 0; s < batch; ++s) {
               Rows<T> const x = sample_of(in.at("x"), s);
               Weights<T> const weights{&w, ""};
               put(out["y"], s,
                   attention(x, weights, heads, bias_of(in.at("bias"), s), keys_of(s, time)));
               put(out["y_nobias"], s, attention<T>(x, weights, heads, {}, {}));
             }
             return out;
           });
}

TEST_F(UnitFiles, AttentionOfOtherSizes) {
  ReferenceFile file("unit_attention_small",
                     R"({"embed_dim": 10, "heads": 5, "scale_heads": false})");
  Shapes shapes;
  norm_shapes(shapes, "ln", 10);
  add_attention(file, shapes, 5, 2, 10, 5);
  file.expect_checked(path_);
}

TEST_F(UnitFiles, ScaledHeadsAreToldByTheConfiguration) {
  ReferenceFile file("unit_attention_small",
                     R"({"embed_dim": 6, "heads": 3, "scale_heads": true})");
  add_attention(file, {{"c_attn", {3}}}, 4, 3, 6, 3);
  file.expect_checked(path_);
}

TEST_F(UnitFiles, FeedForwardOfOtherSizes) {
  Shapes shapes;
  ffn_shapes(shapes, "", 6, 14);
  ReferenceFile file("unit_geglu_ffn_small", "{}");
  add_unit(file, random_arrays(shapes, 1), random_arrays({{"x", {5, 6}}}, 50),
           []<class T>(Arrays<T> const& w, Arrays<T> const& in) {
             Rows<T> x(5, 6);
             x.v = in.at("x").values;
             return Arrays<T>{{"y", {{5, 6}, feed_forward(x, Weights<T>{&w, ""}).v}}};
           });
  file.expect_checked(path_);
}

class LayerFiles : public UnitFiles,
                   public ::testing::WithParamInterface<std::vector<PlainSegment>> {};

TEST_P(LayerFiles, OfOtherSizes) {
  std::vector<PlainSegment> const segments = GetParam();
  bool const scaled = segments.size() == 2;
  Index const batch = 2, d = 8, heads = 2;
  Index time = 0;
  for (PlainSegment const& segment : segments) time += segment.length;
  Shapes shapes;
  attention_shapes(shapes, "self_attn.", d);
  for (char const* norm : {"self_attn.ln", "self_attn_layer_norm", "final_layer_norm"})
    norm_shapes(shapes, norm, d);
  if (scaled) shapes["gamma_1"] = shapes["gamma_2"] = {d};
  for (char const* modality : {"text", "image", "audio"})
    ffn_shapes(shapes, std::string(modality) + "_ffn.", d, 6);
  ReferenceFile file("unit_layer_small",
                     fmt::format(R"({{"embed_dim": 8, "attention_heads": 2, "ffn_embed_dim": 6,
                                      "use_layer_scale": {}, "layer_scale_init_value": 1e-6}})",
                                 scaled));
  for (char const* modality : {"text", "image", "audio"})
    file.attribute("/", std::string(modality) + "_seq_len", std::int64_t{0});
  for (auto const& [modality, length] : segments)
    file.attribute("/", modality + "_seq_len", std::int64_t{length});
  file.add_bytes("inputs/padding_mask", {batch, time}, paddings(batch, time));
  Arrays<double> const weights = random_arrays(shapes, 1);
  add_unit(file, weights,
           random_arrays({{"x", {time, batch, d}}, {"bias", {batch, heads, time, time}}}, 50),
           [=]<class T>(Arrays<T> const& w, Arrays<T> const& in) {
             Arrays<T> out{{"y", in.at("x")}};
             for (Index s = 0; s < batch; ++s)
               put(out["y"], s,
                   block(sample_of(in.at("x"), s), Weights<T>{&w, ""}, heads, segments,
                         bias_of(in.at("bias"), s), keys_of(s, time)));
             return out;
           });
  for (auto const& [name, array] : weights)  // branches that no row goes through have no gradient
    if (name.find("_ffn.") != std::string::npos &&
        std::none_of(segments.begin(), segments.end(),
                     [&](auto const& s) { return name.starts_with(s.modality); }))
      file.remove("grads/param/" + name);
  file.expect_checked(path_);
}
INSTANTIATE_TEST_SUITE_P(Segments, LayerFiles,
                         ::testing::Values(std::vector<PlainSegment>{{"text", 3}, {"audio", 2}},
                                           std::vector<PlainSegment>{{"image", 4}}));

TEST_F(UnitFiles, PatchStemOfOtherSizes) {
  Index const images = 1, side = 32, d = 16;
  Shapes shapes{{"0.weight", {4, 3, 4, 4}}, {"0.bias", {4}},
                {"3.weight", {4, 4, 2, 2}}, {"3.bias", {4}},
                {"6.weight", {d, 4, 2, 2}}, {"6.bias", {d}}};
  norm_shapes(shapes, "1.layer_norm", 4);
  norm_shapes(shapes, "4.layer_norm", 4);
  ReferenceFile file("unit_image_hmlp_small", "{}");
  add_unit(file, random_arrays(shapes, 1), random_arrays({{"images", {images, 3, side, side}}}, 50),
           [=]<class T>(Arrays<T> const& w, Arrays<T> const& in) {
             Array<T> out{{images, d, 2, 2}, std::vector<T>(images * d * 4)};
             for (Index s = 0; s < images; ++s) {
               Rows<T> const rows = patch_features(
                   in.at("images").values.data() + s * 3 * side * side, side, Weights<T>{&w, ""});
               for (Index p = 0; p < 4; ++p)
                 for (Index c = 0; c < d; ++c) out.values[(s * d + c) * 4 + p] = rows[p][c];
             }
             return Arrays<T>{{"patches", out}};
           });
  file.expect_checked(path_);
}

TEST_F(UnitFiles, ExtractorOfOtherConvolutions) {
  Index const batch = 2, samples = 180, d = 6;
  Shapes shapes;
  extractor_shapes(shapes, "", d);
  ReferenceFile file("unit_audio_extractor_small", sound_config);
  add_unit(file, random_arrays(shapes, 1), random_arrays({{"audios", {batch, samples}}}, 50, 1),
           [=]<class T>(Arrays<T> const& w, Arrays<T> const& in) {
             Rows<T> all;
             for (Index s = 0; s < batch; ++s)
               all.append(sound_features(in.at("audios").values.data() + s * samples, samples,
                                         Weights<T>{&w, ""}, sound_strides));
             return Arrays<T>{{"features", {{batch, all.n / batch, d}, all.v}}};
           });
  file.expect_checked(path_);
}

TEST_F(UnitFiles, ConvolutionalPositionsOfOtherSizes) {
  Index const batch = 2, frames = 7, d = 6;
  Shapes shapes;
  position_shapes(shapes, "", d);
  ReferenceFile file("unit_audio_convpos_small", sound_config);
  add_unit(file, random_arrays(shapes, 1), random_arrays({{"features", {batch, frames, d}}}, 50),
           [=]<class T>(Arrays<T> const& w, Arrays<T> const& in) {
             Rows<T> all;
             for (Index s = 0; s < batch; ++s) {
               Rows<T> x(frames, d);
               std::copy_n(in.at("features").values.begin() + s * frames * d, frames * d,
                           x.v.begin());
               all.append(convolutional_positions(x, Weights<T>{&w, ""}, 2, 2));
             }
             return Arrays<T>{{"pos_embed", {{batch, frames, d}, all.v}}};
           });
  file.expect_checked(path_);
}

TEST_F(UnitFiles, BucketsOfOtherSizes) {
  ReferenceFile file("unit_buckets_small", "{}");
  Index const beta = 40, size = 1024;
  std::string const log = "outputs/text_40_1024";
  std::vector<std::int64_t> head, column, row, table;
  for (Index i = 0; i < 30; ++i)
    for (Index j = 0; j < 20; ++j) head.push_back(log_bucket(i, j, beta));
  for (Index i = 0; i < size; ++i) {
    column.push_back(log_bucket(i + 1, 1, beta));
    row.push_back(log_bucket(1, i + 1, beta));
  }
  file.add_integers(log + "/table_head", {30, 20}, head);
  file.add_integers(log + "/column0_raw", {size}, column);
  file.add_integers(log + "/row0_raw", {size}, row);
  file.attribute(log, "num_embeddings", 82.0);
  for (Index i = 0; i < 37; ++i)
    for (Index j = 0; j < 37; ++j) table.push_back(grid_bucket(i, j, 6));
  file.add_integers("outputs/image_6/table", {37, 37}, table);
  file.attribute("outputs/image_6", "num_embeddings", 124.0);
  file.expect_checked(path_);
}

// Cubic convolution, a = -0.75, half-pixel centres, clamped: weights of `to` places on `from`.
std::vector<std::vector<double>> bicubic(Index from, Index to) {
  auto const kernel = [](double t) {
    t = std::abs(t);
    double const a = -0.75;
    if (t <= 1) return (a + 2) * t * t * t - (a + 3) * t * t + 1;
    return t < 2 ? a * (t * t * t - 5 * t * t + 8 * t - 4) : 0.0;
  };
  std::vector<std::vector<double>> weights(to, std::vector<double>(from, 0.0));
  for (Index i = 0; i < to; ++i) {
    double const centre =
        (static_cast<double>(i) + 0.5) * static_cast<double>(from) / static_cast<double>(to) - 0.5;
    for (auto k = static_cast<Index>(std::floor(centre)) - 1; static_cast<double>(k) < centre + 2;
         ++k)
      weights[i][std::clamp<Index>(k, 0, from - 1)] += kernel(centre - static_cast<double>(k));
  }
  return weights;
}

TEST_F(UnitFiles, PositionsOfOtherGrids) {
  Index const from = 5, d = 3;
  ReferenceFile file("unit_image_pos_interp_small", R"({"bucket_size": 5})");
  Arrays<double> weights = random_arrays(
      {{"adapter.pos_embed", {from * from + 1, d}}, {"adapter.cls_embedding", {1, 1, d}}}, 1);
  add_unit(file, weights, {}, [=]<class T>(Arrays<T> const& w, Arrays<T> const&) {
    Arrays<T> outputs;
    std::vector<T> const& table = w.at("adapter.pos_embed").values;
    for (Index to : {3, 5, 8}) {
      auto const axis = bicubic(from, to);
      Array<T> once{{1, to * to + 1, d}, {table.begin(), table.begin() + d}};
      for (Index y = 0; y < to; ++y)
        for (Index x = 0; x < to; ++x)
          for (Index c = 0; c < d; ++c) {
            T sum = 0;
            for (Index i = 0; i < from; ++i)
              for (Index j = 0; j < from; ++j)
                sum += table[(1 + i * from + j) * d + c] * axis[y][i] * axis[x][j];
            once.values.push_back(sum);
          }
      outputs["pos_" + std::to_string(to)] = once;
    }
    return outputs;
  });
  file.remove("grads/param/adapter.cls_embedding");
  file.expect_checked(path_);
}

// A spline carries what is linear in both offsets exactly: the source's offsets lie at 0, +-1,
// +-(1 + q), +-(1 + q + q^2), the last of them nearly at 4.
TEST_F(UnitFiles, BiasTablesOfOtherGrids) {
  Index const from = 7, to = 9;
  double low = 1.01, high = 1.5, q = low;
  while (high - low > 1e-6) {
    q = (low + high) / 2;
    (1 + q + q * q > 4 ? high : low) = q;
  }
  double const places[] = {1, 1 + q, 1 + q + q * q};
  auto const place = [&](Index offset) {
    return offset == 0 ? 0.0 : offset > 0 ? places[offset - 1] : -places[-offset - 1];
  };
  auto const value = [](double y, double x, Index column) {
    return 0.3 + 0.1 * static_cast<double>(column) + 0.5 * y - 0.2 * x + 0.07 * x * y;
  };
  std::vector<double> table, want;
  for (Index y = -3; y <= 3; ++y)
    for (Index x = -3; x <= 3; ++x)
      for (Index c = 0; c < 2; ++c) table.push_back(value(place(y), place(x), c));
  auto const inside = [&](Index t) {
    return std::clamp<double>(static_cast<double>(t), -places[2], places[2]);
  };
  for (Index y = -4; y <= 4; ++y)
    for (Index x = -4; x <= 4; ++x)
      for (Index c = 0; c < 2; ++c) want.push_back(value(inside(y), inside(x), c));
  ReferenceFile file("unit_image_relpos_interp_small", "{}");
  file.add("inputs/table_4", {from * from, 2}, table);
  file.add("outputs/table_4_to_5", {to * to, 2}, want);
  file.expect_checked(path_);
}

}  // namespace
}  // namespace accord::testing
