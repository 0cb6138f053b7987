#include <utility>

#include "core/base/error.hpp"
#include "io/text/train.hpp"
#include "tests/fuzz/format.hpp"

namespace accord::fuzz {

std::vector<std::string> seeds() {
  return {"A red square, left of  a blue circle!", "caf\u00e9 \u6f22\u5b57 \U0001f600 isn't \t\n x",
          "\u0130\u00df\u1e9e\u0301 12'3 <b>&amp;"};
}

void read(std::string const& input) {
  static auto const learnt = io::Tokenizer::load_from(io::train_bpe(
      [done = false](std::string& caption) mutable {
        caption = "the lowest of the lower, lowest caf\u00e9";
        return !std::exchange(done, true);
      },
      290));
  static auto const bytes = io::Tokenizer::load("bytes");
  for (auto const& tokenizer : {learnt, bytes}) {
    if (tokenizer->encode(input, 70).size() > 71) throw Error("more rows than asked for");
    if (tokenizer->decode(tokenizer->rows(input)) != input) throw Error("another text came back");
  }
}

}  // namespace accord::fuzz
