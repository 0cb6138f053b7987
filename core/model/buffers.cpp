#include "core/model/buffers.hpp"

#include "core/model/modality/adapter.hpp"
#include "core/model/parameter_names.hpp"

namespace accord {

std::vector<Buffer> official_buffers(ModelConfig const& config) {
  std::vector<Buffer> all;
  auto const add_wrapper = [&](std::string const& wrapper, bool position_bias) {
    for (ModalityConfig const& modality : config.modalities)
      for (Buffer& buffer : adapter_family(modality.adapter).buffers(modality, position_bias)) {
        buffer.name = official::prefix({wrapper, official::adapter(modality.name)}) + buffer.name;
        all.push_back(std::move(buffer));
      }
    all.push_back({official::prefix({wrapper, official::fusion_model}) + "version",
                   {1},
                   DType::float32,
                   {3}});
  };
  add_wrapper(official::encoder, true);
  if (config.decoder.layers > 0) add_wrapper(official::decoder, false);
  return all;
}

}  // namespace accord
