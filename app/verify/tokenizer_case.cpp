// Captions to rows of the vocabulary.

#include <fmt/format.h>

#include <sstream>

#include "app/verify/cases.hpp"
#include "core/base/error.hpp"
#include "io/file/integer_text.hpp"
#include "io/text/normalise.hpp"
#include "io/text/tokenizer.hpp"

namespace accord::app {
namespace {

std::vector<std::int64_t> numbers_in(std::string const& text) {
  std::istringstream stream(text);
  std::vector<std::int64_t> numbers;
  for (std::int64_t n = 0; stream >> n;) numbers.push_back(n);
  return numbers;
}

// The vocabulary a file holds itself: vocabulary/<file name>, each its bytes or one text.
io::VocabularyFiles held_vocabulary(io::Hdf5Reader const& file) {
  io::VocabularyFiles files;
  for (std::string const& name : file.members("vocabulary")) {
    std::string const dataset = "vocabulary/" + name;
    if (file.dataset(dataset).text) {
      files[name] = file.read_text(dataset).at(0);
    } else {
      auto const bytes = file.read<std::uint8_t>(dataset);
      files[name] = {bytes.begin(), bytes.end()};
    }
  }
  return files;
}

// Named on the command line, else held by the file, else in a folder `bpe` beside the file's or in
// it.
std::shared_ptr<io::Tokenizer const> vocabulary_of(Reference const& reference) {
  if (!reference.tokenizer().empty()) return io::Tokenizer::load(reference.tokenizer());
  io::Hdf5Reader const& file = reference.file();
  if (file.exists("vocabulary")) return io::Tokenizer::load_from(held_vocabulary(file));
  std::filesystem::path const folder = std::filesystem::canonical(file.path()).parent_path();
  for (std::filesystem::path const& place : {folder.parent_path() / "bpe", folder / "bpe"})
    if (std::filesystem::is_directory(place)) return io::Tokenizer::load(place.string());
  throw DataError(
      fmt::format("{}: it does not hold its vocabulary (vocabulary/<file>), and there is no folder "
                  "bpe in {} or beside it; name the folder with --tokenizer",
                  file.path().string(), folder.string()));
}

// Lists of unequal lengths as a file has them: one after another, and where each begins.
struct Ragged {
  std::vector<double> values, offsets{0};
  void append(std::vector<std::int32_t> const& list) {
    values.insert(values.end(), list.begin(), list.end());
    offsets.push_back(static_cast<double>(values.size()));
  }
  void compare(Reference& reference, std::string const& dataset) const {
    reference.compare(dataset, values, {});
    reference.compare(dataset + "_offsets", offsets, {});
  }
};

}  // namespace

void verify_tokenizer(Queue&, Reference& reference) {
  auto const tokenizer = vocabulary_of(reference);
  io::VocabularyFiles undecorated = tokenizer->files();
  undecorated.erase("dict.txt");
  auto const gpt2 = io::Tokenizer::load_from(undecorated);  // rows are GPT-2 ids + 4
  io::Hdf5Reader const& file = reference.file();
  auto const special = [&](char const* name, std::int32_t row) {
    reference.compare_values(std::string("config ") + name, {static_cast<double>(row)},
                             {reference.number(std::string("/") + name)}, {});
  };
  special("bos", io::SpecialRow::begin);
  special("pad", io::SpecialRow::pad);
  special("eos", io::SpecialRow::end);
  special("unk", io::SpecialRow::unknown);
  special("nspecial", io::SpecialRow::count);
  special("vocab_size", static_cast<std::int32_t>(tokenizer->vocabulary()));
  auto const longest = static_cast<Index>(reference.number("/max_src_length"));
  std::vector<std::string> const captions = file.read_text("inputs/captions");
  Ragged rows, untruncated, raw;
  std::vector<std::string> const processed = file.read_text("outputs/processed"),
                                 ids = file.read_text("outputs/bpe_ids");
  bool normalised = processed.size() == captions.size(), bpe = ids.size() == captions.size();
  for (std::size_t i = 0; i < captions.size(); ++i) {
    rows.append(tokenizer->encode(captions[i], longest));
    untruncated.append(tokenizer->encode(captions[i], 1 << 20));
    raw.append(tokenizer->rows(captions[i]));
    std::string const text = io::normalise(captions[i]);
    normalised = normalised && text == processed[i];
    std::vector<std::int64_t> found;
    for (std::int32_t row : gpt2->rows(" " + text)) found.push_back(row - io::SpecialRow::count);
    bpe = bpe && found == numbers_in(ids[i]);
  }
  reference.expect("outputs/processed", normalised);
  reference.expect("outputs/bpe_ids", bpe);
  rows.compare(reference, "outputs/ids");
  untruncated.compare(reference, "outputs/ids_untruncated");
  raw.compare(reference, "outputs/ids_raw");
  for (std::string const& name : file.members("outputs")) {  // the first so many words
    std::string const prefix = "max_length_";
    if (!name.starts_with(prefix)) continue;
    std::vector<std::string> const want = file.read_text("outputs/" + name);
    std::vector<std::string> got;
    for (std::string const& caption : captions)
      got.push_back(
          io::normalise(caption, io::integer_in<std::size_t>(name.substr(prefix.size()))));
    reference.expect("outputs/" + name, got == want);
  }
  std::vector<double> starts;
  for (std::int32_t row = 0; row < tokenizer->vocabulary(); ++row)
    starts.push_back(tokenizer->word_start(row));
  reference.compare("outputs/whole_word_start", starts, {});
}

}  // namespace accord::app
