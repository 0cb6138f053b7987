#include "app/cli/build_info.hpp"

#include <fmt/format.h>

#include "core/base/build.hpp"
#include "io/file/file.hpp"
#include "io/file/hash.hpp"

namespace accord::app {

std::string version() { return ACCORD_VERSION; }

std::string build_description() {
  return fmt::format("{} ({}, {}, {} CUDA, g++ {})", ACCORD_VERSION, ACCORD_BUILD_TYPE,
                     ACCORD_INSTRUCTIONS, build::has_cuda ? "with" : "without", __VERSION__);
}

std::string binary_hash() {
  static std::string const hash = [] {
    std::string const program = io::read_file("/proc/self/exe");
    return io::to_hex(io::hash128(std::as_bytes(std::span(program))));
  }();
  return hash;
}

}  // namespace accord::app
