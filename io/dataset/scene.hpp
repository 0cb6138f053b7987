#pragma once
// The synthetic pictures "two objects": every caption of a small grammar, the picture and the sound
// that go with it.

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/dtype.hpp"
#include "core/base/rng.hpp"

namespace accord::io {

inline constexpr std::array<std::string_view, 2> object_sizes{"small", "large"};
inline constexpr std::array<std::string_view, 8> object_colours{
    "red", "orange", "yellow", "green", "blue", "purple", "brown", "black"};
inline constexpr std::array<std::string_view, 6> object_shapes{"circle",  "square", "triangle",
                                                               "diamond", "cross",  "ring"};
inline constexpr std::array<std::string_view, 4> object_relations{"above", "below", "left of",
                                                                  "right of"};

/// Indices into the lists above.
struct SceneObject {
  int size = 0, colour = 0, shape = 0;
};

/// "a large red circle above a small blue square". The two objects differ.
struct Scene {
  SceneObject first, second;
  int relation = 0;

  std::string caption() const;
  /// Number, among scene_classes(), of the upper or left object, which the picture alone shows: "a
  /// above b" and "b below a" look alike.
  int class_number() const;
};

/// Every colour with every shape: "red circle".
std::vector<std::string> scene_classes();

/// 96 objects x 4 relations x 95 other objects.
inline constexpr Index scene_count = 36480;
/// Scene `number` of [0, scene_count).
Scene scene(Index number);

/// What of one sample is drawn at random, as pure functions of (seed, sample): the same draws give
/// the same bytes.
struct SceneDraws {
  Draws draws;
  std::uint64_t sample;
};

/// The scene as size x size pixels [size, size, 3]: both objects on white to light grey, 4 x 4
/// supersampled, with jitter of colour (+-15) and position and noise of sigma 6 per value. Lengths
/// scale with size / 32.
std::vector<std::uint8_t> draw_scene(Scene const& scene, Index size, SceneDraws const& random);

/// The caption as 0.7 s of 16 kHz sound, a 16-bit mono WAV file: equal slots, in each the sine of
/// its word (22 words, 200 to 4000 Hz, log-spaced) with 1 % of pitch jitter, random phase and
/// loudness, and noise of 0.05 of full scale.
std::vector<std::byte> speak_scene(Scene const& scene, SceneDraws const& random);

}  // namespace accord::io
