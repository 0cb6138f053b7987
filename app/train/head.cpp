#include "app/train/head.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "app/cli/build_info.hpp"
#include "app/cli/launch.hpp"
#include "app/cli/options.hpp"
#include "app/cli/text.hpp"
#include "parallel/pipeline/stages.hpp"

namespace accord::app {
namespace {

/// "2+2 | 2+2": layers of each chunk of each stage.
std::string stage_layers(Config const& config) {
  ParallelConfig const& parallel = config.parallel;
  std::vector<std::string> stages;
  for (int stage = 0; stage < parallel.pipeline; ++stage) {
    std::vector<Index> layers;
    for (LayerChunk const& chunk :
         parallel::chunks_of_stage(config.model.encoder.layers, stage, parallel.pipeline,
                                   parallel.virtual_stages, parallel.stage_layers))
      layers.push_back(chunk.layer_end - chunk.layer_begin);
    stages.push_back(joined(layers, "+"));
  }
  return joined(stages, " | ");
}

}  // namespace

std::string layout_text(Training& training, int ranks) {
  Config const& config = training.config();
  parallel::MeshShape const& mesh = training.mesh();
  return fmt::format("{} rank{} (data {} x pipeline {} x tensor {}{}), {} thread{} each, {}, {}{}",
                     ranks, ranks == 1 ? "" : "s", mesh.data, mesh.pipeline, mesh.tensor,
                     config.parallel.sequence ? ", rows split" : "", threads_per_rank(),
                     threads_per_rank() == 1 ? "" : "s", name_of(training.queue().backend()),
                     name_of(config.train.dtype),
                     mesh.pipeline > 1 ? ", layers by stage " + stage_layers(config) : "");
}

std::string head_text(Training& training, int ranks, std::string const& begun) {
  Index parameters = 0, trained = 0;
  for (ParameterSpec const& parameter : training.parameters()) {
    parameters += parameter.shape.size();
    if (parameter.trainable) trained += parameter.shape.size();
  }
  return fmt::format(
      "accord {}\n{}\n{}\nseed {}, {} parameters, {} of them trained\n{} steps to do, "
      "{} steps per epoch\n{}\n\n{}\n",
      build_description(), layout_text(training, ranks), device_line(training.queue().backend()),
      training.config().train.seed, parameters, trained,
      std::max<Index>(training.total_steps() - training.completed(), 0), training.steps_per_epoch(),
      begun, to_toml(training.config()));
}

}  // namespace accord::app
