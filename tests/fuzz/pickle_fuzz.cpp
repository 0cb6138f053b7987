#include "tests/fuzz/format.hpp"
#include "tests/fuzz/read_tensors.hpp"
#include "tests/io/interchange/handmade.hpp"

namespace accord::fuzz {
namespace {

using namespace accord::testing;

std::string const values = raw(std::vector<float>{1, 2, 3, 4, 5, 6});

}  // namespace

std::vector<std::string> seeds() {
  std::string const tensor = pickled({.elements = 6, .shape = {2, 3}, .strides = {3, 1}});
  std::string const plain = "](K\x01" + integer(-2) + "G" + std::string(8, '?') + "N\x88\x89" + "e";
  return {pickle_begin + "}(" + text("cfg") + "}q\x01" + text("names") + plain + "s" +
              text("again") + "h\x01" + text("model") + global("collections", "OrderedDict") +
              ")Rq\x02(" + text("w") + tensor + text("scale") +
              pickled({.elements = 6, .offset = 5}) + "u}" + text("_metadata") + "}sbu.",
          "\x80\x04\x95" + u64(40) + "}\x94(\x8c\x04" + "args\x94\x8c\x08" +
              "argparse\x94\x8c\x09" + "Namespace\x93)\x81}b\x8c\x05" + "model}\x8c\x01" + "w" +
              tensor + "su.",
          pickle_begin + "}" + text("w") + global("torch._utils", "_rebuild_parameter") + "(" +
              tensor + "\x88" + global("collections", "OrderedDict") + ")RtRs."};
}

// Its CRC-32 guards the pickle of an archive, which hardly anything but the right bytes would pass:
// the input is the pickle, and is sealed here.
void read(std::string const& input) { read_tensors(handmade_torch(input, {{"0", values}})); }

}  // namespace accord::fuzz
