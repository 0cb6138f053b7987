#include <algorithm>
#include <cmath>

#include "io/dataset/scene_stream.hpp"

namespace accord::io {
namespace {

constexpr std::uint32_t geometry_stream = 0, speckle_stream = 1;
constexpr int supersampling = 4;

using Colour = std::array<double, 3>;
constexpr std::array<Colour, 8> colours{{{220, 30, 30},
                                         {245, 140, 20},
                                         {235, 215, 30},
                                         {40, 160, 60},
                                         {40, 80, 220},
                                         {140, 50, 170},
                                         {125, 75, 35},
                                         {25, 25, 25}}};

/// Whether (x, y), relative to the centre and in units of the radius, lies inside the shape.
bool inside(int shape, double x, double y) {
  switch (shape) {
    case 0:
      return x * x + y * y < 1;
    case 1:
      return std::abs(x) < 0.85 && std::abs(y) < 0.85;
    case 2:
      return y < 0.8 && y > -1 && std::abs(x) < (y + 1) * 0.58;
    case 3:
      return std::abs(x) * 1.25 + std::abs(y) < 1;
    case 4:
      return (std::abs(x) < 0.32 && std::abs(y) < 1) || (std::abs(y) < 0.32 && std::abs(x) < 1);
    default: {
      double const r = x * x + y * y;
      return r < 1 && r > 0.3;
    }
  }
}

struct Placed {
  int shape;
  double x, y, radius;
  Colour colour;
};

Placed place(SceneObject const& o, double x, double y, SceneStream& random) {
  double const radius = (o.size == 0 ? 4.0 : 7.0) * random.between(0.95, 1.05);
  Colour colour = colours[static_cast<std::size_t>(o.colour)];
  for (double& channel : colour) channel += random.between(-15, 15);
  return {o.shape, x, y, radius, colour};
}

}  // namespace

std::vector<std::uint8_t> draw_scene(Scene const& scene, Index size, SceneDraws const& random) {
  SceneStream geometry(random, geometry_stream), noise(random, speckle_stream);
  double const background = geometry.between(215, 255);

  // On a canvas of 32 x 32: one object per half, free to move along the other axis.
  bool const vertical = scene.relation < 2;
  bool const first_leads = scene.relation % 2 == 0;
  std::array<Placed, 2> placed;
  for (int k = 0; k < 2; ++k) {
    double const along = ((k == 0) == first_leads ? 8 : 24) + geometry.between(-1, 1);
    double const across = 16 + geometry.between(-5, 5);
    placed[static_cast<std::size_t>(k)] =
        place(k == 0 ? scene.first : scene.second, vertical ? across : along,
              vertical ? along : across, geometry);
  }

  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(size * size * 3));
  double const unit = 32.0 / static_cast<double>(size * supersampling);
  for (Index row = 0; row < size; ++row)
    for (Index column = 0; column < size; ++column) {
      Colour sum{};
      for (int i = 0; i < supersampling * supersampling; ++i) {
        int const sub_column = i % supersampling, sub_row = i / supersampling;
        double const x = (static_cast<double>(column * supersampling + sub_column) + 0.5) * unit;
        double const y = (static_cast<double>(row * supersampling + sub_row) + 0.5) * unit;
        Colour colour{background, background, background};
        for (Placed const& o : placed)
          if (inside(o.shape, (x - o.x) / o.radius, (y - o.y) / o.radius)) colour = o.colour;
        for (std::size_t c = 0; c < 3; ++c) sum[c] += colour[c];
      }
      for (std::size_t c = 0; c < 3; ++c) {
        double const value = sum[c] / (supersampling * supersampling) + noise.noise(6);
        pixels[static_cast<std::size_t>((row * size + column) * 3) + c] =
            static_cast<std::uint8_t>(std::clamp(std::floor(value + 0.5), 0.0, 255.0));
      }
    }
  return pixels;
}

}  // namespace accord::io
