#include "tests/fuzz/format.hpp"
#include "tests/fuzz/read_tensors.hpp"
#include "tests/io/interchange/handmade.hpp"

namespace accord::fuzz {

std::vector<std::string> seeds() {
  using namespace accord::testing;
  std::string const pickle = pickle_begin + "}" + text("model") + "}" + text("w") +
                             pickled({.elements = 4, .shape = {2, 2}, .strides = {2, 1}}) + "ss.";
  std::string const values = raw(std::vector<float>{1, 2, 3, 4});
  return {handmade_torch(pickle, {{"0", values}}),
          handmade_zip({{.name = "x/data.pkl", .content = pickle, .wide = true},
                        {.name = "x/byteorder", .content = "little"},
                        {.name = "x/data/0", .content = values, .wide = true}},
                       true)};
}

void read(std::string const& input) { read_tensors(input); }

}  // namespace accord::fuzz
