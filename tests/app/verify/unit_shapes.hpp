#pragma once
// Parameters of the units that several files are made of.

#include <map>
#include <string>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::testing {

using Shapes = std::map<std::string, std::vector<Index>>;

inline void norm_shapes(Shapes& shapes, std::string const& at, Index d) {
  shapes[at + ".weight"] = shapes[at + ".bias"] = {d};
}

// A sound's adapter: four convolutions, and two of positions in two groups.
inline constexpr char const* sound_config =
    R"({"bucket_size": 12, "feature_embed_dim": 3, "conv_pos_depth": 2, "conv_pos_groups": 2,
        "conv_pos_width": 10, "feature_encoder_spec": "[(3, 4, 3), (3, 3, 2)] + [(3,2,2)] * 2"})";
inline std::vector<Index> const sound_strides{3, 2, 2, 2};

inline void extractor_shapes(Shapes& shapes, std::string const& at, Index d) {
  Index const kernels[] = {4, 3, 2, 2};
  for (Index i = 0; i < 4; ++i) {
    std::string const level = at + "0.conv_layers." + std::to_string(i);
    shapes[level + ".0.weight"] = {3, i == 0 ? 1 : 3, kernels[i]};
    norm_shapes(shapes, level + ".2.1", 3);
  }
  norm_shapes(shapes, at + "2", 3);
  shapes[at + "3.weight"] = {d, 3};
  shapes[at + "3.bias"] = {d};
}
inline void position_shapes(Shapes& shapes, std::string const& at, Index d) {
  for (char const* layer : {"1.0", "2.0"}) {
    shapes[at + layer + ".weight"] = {d, d / 2, 5};
    shapes[at + layer + ".bias"] = {d};
  }
}

}  // namespace accord::testing
