#include "io/media/crop.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/base/error.hpp"

namespace accord::io {
namespace {

/// Half to even, as Python rounds.
Index round_even(double x) { return static_cast<Index>(std::nearbyint(x)); }

/// Moves the pixels in place; rows and columns that come in are white.
void shift(std::uint8_t* image, int size, int right, int down) {
  Index const row_bytes = Index{size} * 3;
  Index const kept = size - std::abs(right);
  for (int i = 0; i < size; ++i) {
    int const y = down > 0 ? size - 1 - i : i;  // sources before they are overwritten
    std::uint8_t* const row = image + y * row_bytes;
    int const from = y - down;
    if (from < 0 || from >= size || kept <= 0) {
      std::memset(row, 255, static_cast<std::size_t>(row_bytes));
      continue;
    }
    Index const in = 3 * std::max(0, -right), out = 3 * std::max(0, right);
    std::memmove(row + out, image + from * row_bytes + in, static_cast<std::size_t>(3 * kept));
    std::memset(row, 255, static_cast<std::size_t>(out));
    std::memset(row + 3 * kept + out, 255, static_cast<std::size_t>(in));
  }
}

}  // namespace

Box random_resized_box(Index width, Index height, CropSpec const& spec, Draws const& draws,
                       std::uint64_t position) {
  std::uint32_t draw = 0;
  auto const uniform = [&](double low, double high) {
    return low + (high - low) * draws.uniform(position, 0, draw++);
  };
  auto const below = [&](Index bound) {
    return Index{draws.below(static_cast<std::uint32_t>(bound), position, 0, draw++)};
  };
  double const area = static_cast<double>(width) * static_cast<double>(height);
  for (int attempt = 0; attempt < 10; ++attempt) {
    double const target = area * uniform(spec.min_scale, spec.max_scale);
    double const ratio = std::exp(uniform(std::log(spec.min_ratio), std::log(spec.max_ratio)));
    Index const w = round_even(std::sqrt(target * ratio)),
                h = round_even(std::sqrt(target / ratio));
    if (w <= 0 || h <= 0 || w > width || h > height) continue;
    Index const top = below(height - h + 1);
    return {below(width - w + 1), top, w, h};
  }
  double const own = static_cast<double>(width) / static_cast<double>(height);
  Index w = width, h = height;
  if (own < spec.min_ratio)
    h = std::clamp<Index>(round_even(static_cast<double>(w) / spec.min_ratio), 1, height);
  else if (own > spec.max_ratio)
    w = std::clamp<Index>(round_even(static_cast<double>(h) * spec.max_ratio), 1, width);
  return {(width - w) / 2, (height - h) / 2, w, h};
}

void crop_image(ImageView source, CropSpec const& spec, Draws const& draws, std::uint64_t position,
                int size, std::uint8_t* out, ResizeWorkspace& workspace) {
  Box box{0, 0, source.width, source.height};
  if (spec.kind == CropSpec::Kind::random_resized)
    box = random_resized_box(source.width, source.height, spec, draws, position);
  resize_bicubic(source, box, size, size, out, workspace);
  if (spec.kind != CropSpec::Kind::shift || spec.max_shift <= 0) return;
  auto const steps = static_cast<std::uint32_t>(2 * spec.max_shift + 1);
  int const right = static_cast<int>(draws.below(steps, position, 0, 0)) - spec.max_shift;
  int const down = static_cast<int>(draws.below(steps, position, 0, 1)) - spec.max_shift;
  shift(out, size, right, down);
}

}  // namespace accord::io
