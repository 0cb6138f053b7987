// The way from libFuzzer to a format. The seeds go into the first corpus folder of the command line
// if that is empty.

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>

#include "core/base/error.hpp"
#include "tests/fuzz/format.hpp"

extern "C" int LLVMFuzzerInitialize(int* count, char*** arguments) {
  for (int i = 1; i < *count; ++i) {
    std::filesystem::path const folder = (*arguments)[i];
    if (!std::filesystem::is_directory(folder)) continue;
    if (!std::filesystem::is_empty(folder)) break;
    int number = 0;
    for (std::string const& seed : accord::fuzz::seeds())
      std::ofstream(folder / ("seed-" + std::to_string(number++)), std::ios::binary) << seed;
    break;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(std::uint8_t const* data, std::size_t size) {
  try {
    accord::fuzz::read(std::string(reinterpret_cast<char const*>(data), size));
  } catch (accord::UsageError const&) {
  } catch (accord::DataError const&) {
  }
  return 0;
}
