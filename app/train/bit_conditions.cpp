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

std::map<std::string, std::string> bit_conditions(Queue const& queue,
                                                  parallel::MeshShape const& mesh) {
  std::map<std::string, std::string> conditions = {
      {"program", binary_hash()},
      {"device", std::string(name_of(queue.backend()))},
      {"processor", processor()},
      {"threads", std::to_string(threads_per_rank())},
      {"layout",
       fmt::format("data {} x pipeline {} x tensor {}", mesh.data, mesh.pipeline, mesh.tensor)}};
  if constexpr (build::has_cuda)
    if (queue.backend() == Backend::cuda) {
      conditions["device"] += ": " + cuda::device_description();
      conditions["library"] = cuda::blas_description();
    }
  return conditions;
}

std::vector<std::string> changed_conditions(std::map<std::string, std::string> const& saved,
                                            std::map<std::string, std::string> const& now) {
  std::vector<std::string> changed;
  for (auto const& [name, value] : now)
    if (auto const before = saved.find(name); before != saved.end() && before->second != value)
      changed.push_back(fmt::format("{} was '{}', is '{}'", name, before->second, value));
  return changed;
}

}  // namespace accord::app
