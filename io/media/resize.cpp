#include "io/media/resize.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "core/base/check.hpp"

#ifdef __AVX2__
#include <immintrin.h>
#endif

namespace accord::io {
namespace {

constexpr int fraction_bits = 22;
constexpr std::int32_t half = 1 << (fraction_bits - 1);
/// A full vector load may touch this much past the last pixel it needs.
constexpr Index slack = 32;

/// Keys' cubic convolution kernel with a = -1/2.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

void prepare(ResampleTaps& taps, Index in, Index out) {
  if (taps.in == in && taps.out == out) return;
  double const scale = static_cast<double>(in) / static_cast<double>(out);
  double const stretch = std::max(scale, 1.0);
  double const support = 2 * stretch;
  double const narrow = 1 / stretch;
  taps.count = (static_cast<Index>(std::ceil(support)) * 2 + 1 + 3) / 4 * 4;
  taps.first.assign(static_cast<std::size_t>(out), 0);
  taps.weights.assign(static_cast<std::size_t>(out * taps.count), 0);
  taps.packed.assign(static_cast<std::size_t>(out * taps.count), 0);
  std::vector<double> exact(static_cast<std::size_t>(taps.count));
  Index longest = 0;
  for (Index i = 0; i < out; ++i) {
    double const centre = (static_cast<double>(i) + 0.5) * scale;
    Index const begin = std::max<Index>(static_cast<Index>(centre - support + 0.5), 0);
    Index const end = std::min<Index>(static_cast<Index>(centre + support + 0.5), in);
    double sum = 0;
    for (Index k = begin; k < end; ++k) {
      double const weight = cubic((static_cast<double>(k) - centre + 0.5) * narrow);
      exact[static_cast<std::size_t>(k - begin)] = weight;
      sum += weight;
    }
    taps.first[static_cast<std::size_t>(i)] = static_cast<std::int32_t>(begin);
    longest = std::max(longest, end - begin);
    std::int32_t* const weights = taps.weights.data() + i * taps.count;
    for (Index k = 0; k < end - begin; ++k) {
      double const scaled = exact[static_cast<std::size_t>(k)] / sum * (1 << fraction_bits);
      weights[k] = static_cast<std::int32_t>(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
    }
  }
  // The bound above is often generous; fewer columns of zeros are fewer multiplications.
  Index const used = (longest + 3) / 4 * 4;
  for (Index i = 0; i < out && used < taps.count; ++i)
    std::copy_n(taps.weights.data() + i * taps.count, used, taps.weights.data() + i * used);
  taps.count = used;
  for (Index i = 0; i < out * used; i += 2) {
    std::int32_t low[2], high[2];
    for (int j = 0; j < 2; ++j) {
      std::int32_t const weight = taps.weights[static_cast<std::size_t>(i + j)];
      high[j] = (weight + (1 << 11)) >> 12;
      low[j] = weight - (high[j] << 12);
    }
    auto const pair = [](std::int32_t a, std::int32_t b) {
      return static_cast<std::int32_t>((static_cast<std::uint32_t>(b) << 16) |
                                       (static_cast<std::uint32_t>(a) & 0xffffu));
    };
    taps.packed[static_cast<std::size_t>(i)] = pair(low[0], low[1]);
    taps.packed[static_cast<std::size_t>(i + 1)] = pair(high[0], high[1]);
  }
  taps.in = in;
  taps.out = out;
}

#ifdef __AVX2__

// Products of 8-bit values with 24-bit weights are taken as two 16-bit
// multiply-adds, of the weight's low 12 bits and of the rest; (high <<
// 12) + low equals the 32-bit sum that the plain form takes, modulo 2^32.
struct Sums {
  __m256i low = _mm256_set1_epi32(half), high = _mm256_setzero_si256();
  void add(__m256i values, __m256i weight_low, __m256i weight_high) {
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
    low = _mm256_dpwssd_epi32(low, values, weight_low);
    high = _mm256_dpwssd_epi32(high, values, weight_high);
#else
    low = _mm256_add_epi32(low, _mm256_madd_epi16(values, weight_low));
    high = _mm256_add_epi32(high, _mm256_madd_epi16(values, weight_high));
#endif
  }
  __m256i rounded() const {
    return _mm256_srai_epi32(_mm256_add_epi32(_mm256_slli_epi32(high, 12), low), fraction_bits);
  }
};

__m256i two_rows(std::uint8_t const* a, std::uint8_t const* b) {
  return _mm256_inserti128_si256(
      _mm256_castsi128_si256(_mm_loadu_si128(reinterpret_cast<__m128i const*>(a))),
      _mm_loadu_si128(reinterpret_cast<__m128i const*>(b)), 1);
}

/// Two rows at once, one in each half of the register: lanes r, g, b and
/// one unused. Reads up to 16 bytes from the last group of four taps;
/// writes 4 bytes per pixel, so each row's end needs a byte of room.
void resample_rows(std::uint8_t const* const in[2], ResampleTaps const& taps,
                   std::uint8_t* const out[2]) {
  // pixels p0 p1 p2 p3 of 3 bytes -> 16-bit pairs (p0, p1) and (p2, p3) of each channel
  __m256i const first_pair = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(0, -1, 3, -1, 1, -1, 4, -1, 2, -1, 5, -1, -1, -1, -1, -1));
  __m256i const second_pair = _mm256_broadcastsi128_si256(
      _mm_setr_epi8(6, -1, 9, -1, 7, -1, 10, -1, 8, -1, 11, -1, -1, -1, -1, -1));
  std::int32_t const* weights = taps.packed.data();
  for (Index x = 0; x < taps.out; ++x) {
    Index const offset = Index{taps.first[static_cast<std::size_t>(x)]} * 3;
    Sums sums;
    for (Index k = 0; k < taps.count; k += 4, weights += 4) {
      __m256i const pixels = two_rows(in[0] + offset + 3 * k, in[1] + offset + 3 * k);
      sums.add(_mm256_shuffle_epi8(pixels, first_pair), _mm256_set1_epi32(weights[0]),
               _mm256_set1_epi32(weights[1]));
      sums.add(_mm256_shuffle_epi8(pixels, second_pair), _mm256_set1_epi32(weights[2]),
               _mm256_set1_epi32(weights[3]));
    }
    __m256i const words = _mm256_packs_epi32(sums.rounded(), sums.rounded());
    __m256i const bytes = _mm256_packus_epi16(words, words);
    int const pixel[2] = {_mm256_extract_epi32(bytes, 0), _mm256_extract_epi32(bytes, 4)};
    std::memcpy(out[0] + 3 * x, &pixel[0], 4);
    std::memcpy(out[1] + 3 * x, &pixel[1], 4);
  }
}

/// One output row from `count` rows that lie `stride` bytes apart, 16 bytes at a time; rows and
/// output are readable and writable up to the next multiple of 16.
void resample_column(std::uint8_t const* in, Index stride, std::int32_t const* packed, Index count,
                     Index bytes, std::uint8_t* out) {
  for (Index x = 0; x < bytes; x += 16) {
    Sums left, right;
    for (Index k = 0; k < count; k += 2) {
      __m128i const a = _mm_loadu_si128(reinterpret_cast<__m128i const*>(in + k * stride + x));
      __m128i const b =
          _mm_loadu_si128(reinterpret_cast<__m128i const*>(in + (k + 1) * stride + x));
      __m256i const low = _mm256_set1_epi32(packed[k]), high = _mm256_set1_epi32(packed[k + 1]);
      left.add(_mm256_cvtepu8_epi16(_mm_unpacklo_epi8(a, b)), low, high);
      right.add(_mm256_cvtepu8_epi16(_mm_unpackhi_epi8(a, b)), low, high);
    }
    // packs works within halves: l0 r0 | l1 r1, then the 64-bit quarters go back in order
    __m256i const words = _mm256_permute4x64_epi64(
        _mm256_packs_epi32(left.rounded(), right.rounded()), 0b11'01'10'00);
    __m128i const result =
        _mm_packus_epi16(_mm256_castsi256_si128(words), _mm256_extracti128_si256(words, 1));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(out + x), result);
  }
}

#else

std::uint8_t rounded(std::int32_t sum) {
  return static_cast<std::uint8_t>(std::clamp(sum >> fraction_bits, 0, 255));
}

void resample_rows(std::uint8_t const* const in[2], ResampleTaps const& taps,
                   std::uint8_t* const out[2]) {
  for (int row = 0; row < 2; ++row) {
    std::int32_t const* weights = taps.weights.data();
    for (Index x = 0; x < taps.out; ++x, weights += taps.count) {
      std::uint8_t const* pixel = in[row] + Index{taps.first[static_cast<std::size_t>(x)]} * 3;
      std::int32_t red = half, green = half, blue = half;
      for (Index k = 0; k < taps.count; ++k, pixel += 3) {
        red += pixel[0] * weights[k];
        green += pixel[1] * weights[k];
        blue += pixel[2] * weights[k];
      }
      out[row][3 * x] = rounded(red);
      out[row][3 * x + 1] = rounded(green);
      out[row][3 * x + 2] = rounded(blue);
    }
  }
}

void resample_column(std::uint8_t const* in, Index stride, std::int32_t const* weights, Index count,
                     Index bytes, std::uint8_t* out) {
  constexpr Index block = 64;
  for (Index x = 0; x < bytes; x += block) {
    std::int32_t sums[block];
    std::fill_n(sums, block, half);
    Index const width = std::min(block, bytes - x);
    for (Index k = 0; k < count; ++k)
      for (Index i = 0; i < width; ++i) sums[i] += in[k * stride + x + i] * weights[k];
    for (Index i = 0; i < width; ++i) out[x + i] = rounded(sums[i]);
  }
}

#endif

}  // namespace

void resize_bicubic(ImageView source, Box box, int width, int height, std::uint8_t* out,
                    ResizeWorkspace& workspace) {
  ACCORD_CHECK(box.left >= 0 && box.top >= 0 && box.width > 0 && box.height > 0 &&
                   box.left + box.width <= source.width && box.top + box.height <= source.height,
               "resize: box ({}, {}) {} x {} of an image of {} x {}", box.left, box.top, box.width,
               box.height, source.width, source.height);
  ACCORD_CHECK(width > 0 && height > 0, "resize to {} x {}", width, height);
  ResampleTaps& horizontal = workspace.horizontal;
  ResampleTaps& vertical = workspace.vertical;
  prepare(horizontal, box.width, width);
  prepare(vertical, box.height, height);

  Index const row_bytes = Index{width} * 3;
  Index const stride = (row_bytes + 31) / 32 * 32 + slack;
  // Rows past the last one are multiplied by weights of 0, but they are read.
  workspace.rows.resize(static_cast<std::size_t>((box.height + vertical.count + 1) * stride));
  Index const source_stride = source.width * 3;
  std::uint8_t const* const source_end = source.data + source.height * source_stride;
  Index const read_bytes = (box.width + horizontal.count) * 3 + slack;
  for (Index y = 0; y < box.height; y += 2) {
    std::uint8_t const* in[2];
    std::uint8_t* to[2];
    for (Index i = 0; i < 2; ++i) {
      Index const row = std::min(y + i, box.height - 1);
      in[i] = source.data + (box.top + row) * source_stride + box.left * 3;
      if (source_end - in[i] < read_bytes) {
        auto& edge = workspace.edge[static_cast<std::size_t>(i)];
        edge.resize(static_cast<std::size_t>(read_bytes));
        std::memcpy(edge.data(), in[i], static_cast<std::size_t>(box.width * 3));
        in[i] = edge.data();
      }
      to[i] = workspace.rows.data() + (y + i) * stride;
    }
    if (box.width == width)
      for (int i = 0; i < 2; ++i) std::memcpy(to[i], in[i], static_cast<std::size_t>(row_bytes));
    else
      resample_rows(in, horizontal, to);
  }

  std::vector<std::int32_t> const& weights =
#ifdef __AVX2__
      vertical.packed;
#else
      vertical.weights;
#endif
  auto& last_row = workspace.edge[0];
  last_row.resize(std::max<std::size_t>(last_row.size(), static_cast<std::size_t>(stride)));
  for (Index y = 0; y < height; ++y) {
    std::uint8_t* const row = out + y * row_bytes;
    if (box.height == height) {  // the weights are 0 and 1
      std::memcpy(row, workspace.rows.data() + y * stride, static_cast<std::size_t>(row_bytes));
      continue;
    }
    // The last rows are written past the end by a full
    // vector; those before them are repaired by the next.
    bool const overruns = (height - y) * row_bytes < (row_bytes + 15) / 16 * 16;
    std::uint8_t* const target = overruns ? last_row.data() : row;
    resample_column(
        workspace.rows.data() + Index{vertical.first[static_cast<std::size_t>(y)]} * stride, stride,
        weights.data() + y * vertical.count, vertical.count, row_bytes, target);
    if (overruns) std::memcpy(row, target, static_cast<std::size_t>(row_bytes));
  }
}

}  // namespace accord::io
