// Sounds to what the model reads of them.

#include <fmt/format.h>

#include "app/verify/cases.hpp"
#include "core/model/modality/adapter.hpp"
#include "io/media/audio.hpp"

namespace accord::app {

void verify_transform_audio(Queue&, Reference& reference) {
  io::WaveformSpec const spec{static_cast<Index>(reference.number("/sample_rate")),
                              reference.number("/min_duration"), reference.number("/max_duration")};
  for (std::string const& wave : reference.file().members("inputs")) {  // wave_<name>
    std::string const input = "inputs/" + wave;
    std::vector<Index> const shape = reference.shape(input);
    io::Sound const sound{shape.size() > 1 ? shape[1] : 1, spec.rate,
                          reference.file().read<float>(input)};
    std::vector<float> const got = io::waveform(sound, spec);
    reference.compare("outputs/feats" + wave.substr(wave.find('_')), {got.begin(), got.end()},
                      {.absolute = 1e-5});
  }
  ModalityConfig config;
  config.adapter = "convolution";
  std::vector<double> frames;
  for (double samples : reference.values("outputs/samples"))
    frames.push_back(static_cast<double>(
        adapter_family(config.adapter).tokens(config, static_cast<Index>(samples)) - 1));
  reference.compare("outputs/frames", frames, {});
}

}  // namespace accord::app
