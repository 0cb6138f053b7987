#include "io/loader/read_sound.hpp"

#include "io/media/audio.hpp"

namespace accord::io {
namespace {

class SoundReader final : public ElementReader {
 public:
  explicit SoundReader(WaveformSpec const& form) : form_(form) {}

  void append(std::span<std::byte const> bytes, std::uint64_t, std::byte* place,
              ModalityInput& input, DecodeScratch&) const override {
    append_elements(input, DType::float32, waveform(decode_sound(bytes), form_), place);
  }

 private:
  WaveformSpec form_;
};

}  // namespace

std::unique_ptr<ElementReader> read_sounds(ModalityConfig const& config) {
  return std::make_unique<SoundReader>(
      WaveformSpec{config.sample_rate, config.min_seconds, config.max_seconds});
}

}  // namespace accord::io
