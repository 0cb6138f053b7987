#include "app/build_info.hpp"

#include <fmt/format.h>

#include "core/base/build.hpp"

namespace accord::app {

std::string version() { return ACCORD_VERSION; }

std::string build_description() {
  return fmt::format("{} ({}, {}, {} CUDA, g++ {})", ACCORD_VERSION, ACCORD_BUILD_TYPE,
                     ACCORD_INSTRUCTIONS, build::has_cuda ? "with" : "without", __VERSION__);
}

}  // namespace accord::app
