#include "tests/fuzz/format.hpp"
#include "tests/fuzz/read_tensors.hpp"
#include "tests/io/interchange/handmade.hpp"

namespace accord::fuzz {

std::vector<std::string> seeds() {
  using accord::testing::handmade_safetensors;
  return {
      handmade_safetensors(
          R"({"__metadata__":{"format":"pt"},"a":{"dtype":"F32","shape":[2,3],"data_offsets":[0,24]},)"
          R"("b":{"dtype":"BF16","shape":[],"data_offsets":[24,26]}}  )",
          std::string(26, '?')),
      handmade_safetensors(R"({"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}})",
                           std::string(8, 1))};
}

void read(std::string const& input) { read_tensors(input); }

}  // namespace accord::fuzz
