#include "core/model/buffers.hpp"

#include "core/model/modality/adapter.hpp"

namespace accord {

std::vector<Buffer> official_buffers(ModelConfig const& config) {
  std::vector<Buffer> all;
  auto const add_wrapper = [&](std::string const& wrapper, bool position_bias) {
    for (ModalityConfig const& modality : config.modalities)
      for (Buffer& buffer : adapter_family(modality.adapter).buffers(modality, position_bias)) {
        buffer.name = wrapper + "." + modality.name + "_adapter." + buffer.name;
        all.push_back(std::move(buffer));
      }
    all.push_back({wrapper + ".fusion_model.version", {1}, DType::float32, {3}});
  };
  add_wrapper("encoder_wrapper", true);
  if (config.decoder.layers > 0) add_wrapper("decoder_wrapper", false);
  return all;
}

}  // namespace accord
