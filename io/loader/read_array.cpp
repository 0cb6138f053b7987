#include "io/loader/read_array.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/base/error.hpp"
#include "io/media/array.hpp"

namespace accord::io {
namespace {

class ArrayReader final : public ElementReader {
 public:
  explicit ArrayReader(ModalityConfig const& config) : config_(config) {}

  void append(std::span<std::byte const> bytes, std::uint64_t, std::byte* place,
              ModalityInput& input, DecodeScratch&) const override {
    Array array = decode_array(bytes);
    check_frames(array.shape);
    Index const frames = std::min(array.shape.front(), config_.max_frames);
    array.values.resize(static_cast<std::size_t>(frames * frame_elements(config_)));
    auto const channels = static_cast<std::size_t>(config_.frame.back());
    for (std::size_t i = 0; i < array.values.size(); ++i) {
      double const mean = config_.mean.empty() ? 0 : config_.mean[i % channels],
                   deviation = config_.std.empty() ? 1 : config_.std[i % channels];
      double const value = (array.values[i] - mean) / deviation;
      if (std::abs(value) > std::numeric_limits<float>::max())
        throw DataError(fmt::format("{} becomes {:.3g} by modality.{}.mean and std: beyond float32",
                                    array.values[i], value, config_.name));
      array.values[i] = static_cast<float>(value);
    }
    append_elements(input, DType::float32, array.values, place);
  }

 private:
  void check_frames(std::vector<Index> const& shape) const {
    auto const is = [&](std::vector<Index> const& frame) {
      return shape.size() == frame.size() + 1 &&
             std::equal(frame.begin(), frame.end(), shape.begin() + 1);
    };
    std::vector<Index> const flat(config_.frame.begin(), config_.frame.end() - 1);
    if (is(config_.frame) || (config_.frame.back() == 1 && is(flat))) return;
    throw DataError(fmt::format("an array of {}, where modality.{}.frame asks for frames x {}",
                                shape_text(shape), config_.name, shape_text(config_.frame)));
  }

  ModalityConfig config_;
};

}  // namespace

std::unique_ptr<ElementReader> read_arrays(ModalityConfig const& config) {
  return std::make_unique<ArrayReader>(config);
}

}  // namespace accord::io
