#include "app/train/bit_conditions.hpp"

#include <fmt/format.h>

#include <fstream>

#include "app/cli/build_info.hpp"
#include "app/cli/launch.hpp"
#include "core/base/build.hpp"
#include "core/base/device.hpp"

namespace accord::app {
namespace {

/// As Linux names it; empty on machines whose processors have no name.
std::string processor() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name"))
      return line.substr(std::min(line.find(':') + 2, line.size()));
  return "";
}

}  // namespace

io::BitConditions bit_conditions(Queue const& queue, parallel::MeshShape const& mesh) {
  io::BitConditions conditions{.program = binary_hash(),
                               .device = std::string(name_of(queue.backend())),
                               .processor = processor(),
                               .threads = threads_per_rank(),
                               .layout = {mesh.data, mesh.pipeline, mesh.tensor}};
  if constexpr (build::has_cuda)
    if (queue.backend() == Backend::cuda) {
      conditions.device += ": " + cuda::device_description();
      conditions.library = cuda::blas_description();
    }
  return conditions;
}

std::vector<std::string> changed_conditions(io::BitConditions const& saved,
                                            io::BitConditions const& now) {
  std::vector<std::string> changed;
  auto const compare = [&](char const* name, std::string const& before, std::string const& after) {
    if (!before.empty() && !after.empty() && before != after)
      changed.push_back(fmt::format("{} was '{}', is '{}'", name, before, after));
  };
  auto const count = [](int n) { return n > 0 ? std::to_string(n) : ""; };
  compare("device", saved.device, now.device);
  compare("layout", to_string(saved.layout), to_string(now.layout));
  compare("library", saved.library, now.library);
  compare("processor", saved.processor, now.processor);
  compare("program", saved.program, now.program);
  compare("threads", count(saved.threads), count(now.threads));
  return changed;
}

}  // namespace accord::app
