#include "core/base/error.hpp"
#include "io/text/train.hpp"
#include "tests/fuzz/format.hpp"
#include "tests/fuzz/parts.hpp"

namespace accord::fuzz {
namespace {

io::CaptionSource captions() {
  return [next = 0](std::string& caption) mutable {
    char const* const all[] = {"lower lower newest", "the newest of the wide", "low, wide 12 'd"};
    if (next == 3) return false;
    caption = all[next++];
    return true;
  };
}

}  // namespace

/// Parts: vocab.json, merges.txt, dict.txt (empty: none); or words.txt alone.
std::vector<std::string> seeds() {
  io::VocabularyFiles const files = io::train_bpe(captions(), 300);
  std::string const &vocabulary = files.at("vocab.json"), &merges = files.at("merges.txt");
  return {join_parts({vocabulary, merges, ""}),
          join_parts({vocabulary, merges, "0 1\n5 1\n260 1\n"}),
          io::train_words(captions(), 100).at("words.txt")};
}

void read(std::string const& input) {
  std::vector<std::string> const parts = split_parts(input, 3);
  io::VocabularyFiles files;
  if (parts[1].empty()) {
    files["words.txt"] = parts[0];
  } else {
    files = {{"vocab.json", parts[0]}, {"merges.txt", parts[1]}};
    if (!parts[2].empty()) files["dict.txt"] = parts[2];
  }
  auto const tokenizer = io::Tokenizer::load_from(files);
  for (std::int32_t const row : tokenizer->encode("The newest of 12 wide lowers, isn't it?", 70))
    if (row < 0 || row >= tokenizer->vocabulary()) throw Error("a row outside the vocabulary");
  tokenizer->decode(tokenizer->rows("low"));
}

}  // namespace accord::fuzz
