#include "io/loader/read_picture.hpp"

#include "core/base/rng.hpp"

namespace accord::io {
namespace {

class PictureReader final : public ElementReader {
 public:
  PictureReader(Index size, PictureOptions const& options, std::uint32_t seed)
      : size_(size), options_(options), crop_(seed, Purpose::crop) {}

  void append(std::span<std::byte const> bytes, std::uint64_t key, std::byte* place,
              ModalityInput& input, DecodeScratch& scratch) const override {
    Image const image = decode_image(bytes, {}, options_.alpha, options_.orientation);
    std::byte* const out =
        extend(input, DType::uint8, static_cast<std::size_t>(size_ * size_ * 3), place);
    crop_image({image.rgb.data(), image.width, image.height}, options_.crop, crop_, key,
               static_cast<int>(size_), reinterpret_cast<std::uint8_t*>(out), scratch.resize);
  }

 private:
  Index size_;
  PictureOptions options_;
  Draws crop_;
};

}  // namespace

std::unique_ptr<ElementReader> read_pictures(ModalityConfig const& config,
                                             PictureOptions const& options, std::uint32_t seed) {
  return std::make_unique<PictureReader>(config.size, options, seed);
}

}  // namespace accord::io
