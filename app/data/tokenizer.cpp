// `accord tokenizer`: vocabularies learnt from captions, and what a vocabulary makes of a text.

#include "io/text/tokenizer.hpp"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <iostream>
#include <memory>

#include "app/cli/commands.hpp"
#include "app/cli/text.hpp"
#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/file/leased_folder.hpp"
#include "io/file/unfinished_folder.hpp"
#include "io/text/caption_source.hpp"
#include "io/text/plain_text.hpp"
#include "io/text/train.hpp"

namespace accord::app {
namespace {

/// What `work` returns; what it finds wrong with a text is said of `where`.
template <class Work>
auto naming(std::string const& where, Work&& work) {
  try {
    return work();
  } catch (DataError const& error) {
    throw DataError(fmt::format("{}: {}", where, error.what()));
  }
}

struct TrainOptions {
  std::string from, kind = "bpe", out;
  Index size = 32768;
};

int train(TrainOptions const& options) {
  io::CaptionSource const source = io::captions_from(options.from);
  Index captions = 0;
  io::CaptionSource const counted = [&](std::string& caption) {
    bool const more = source(caption);
    captions += more;
    return more;
  };
  std::filesystem::path const out(options.out);
  io::LeasedFolder const held(out, {}, "--out", "accord tokenizer train",
                              [](std::string const& text) { std::cerr << text << std::endl; });
  bool const begun = io::UnfinishedFolder::marked(out);
  for (char const* name :
       {"words.txt", "vocab.json", "merges.txt", "encoder.json", "vocab.bpe", "dict.txt"})
    if (!begun && std::filesystem::exists(out / name))
      throw UsageError(fmt::format("{} already exists: give another folder, or remove it",
                                   (out / name).string()));
  io::VocabularyFiles const files = naming(options.from, [&] {
    return options.kind == "words" ? io::train_words(counted, options.size)
                                   : io::train_bpe(counted, options.size);
  });
  auto const tokenizer = io::Tokenizer::load_from(files);
  io::UnfinishedFolder mark(out);
  for (auto const& [name, content] : files) io::write_file_atomically(out / name, content);
  mark.finish();
  std::cout << fmt::format("{}: {} rows from {} captions, hash {}\n", out.string(),
                           tokenizer->vocabulary(), captions, tokenizer->hash());
  return 0;
}

struct EncodeOptions {
  std::string tokenizer = "bytes";
  std::vector<std::string> texts;
  Index max_tokens = 70;
  bool raw = false;
};

int encode(EncodeOptions const& options) {
  auto const tokenizer = io::Tokenizer::load(options.tokenizer);
  auto const print = [&](char const* kind, std::size_t number, std::string const& text) {
    auto const rows = naming(fmt::format("{} {}", kind, number), [&] {
      return options.raw ? tokenizer->rows(text) : tokenizer->encode(text, options.max_tokens);
    });
    std::cout << joined(rows, " ") << '\n';
  };
  std::size_t number = 0;
  if (options.texts.empty())
    for (std::string line; std::getline(std::cin, line);) {
      if (number == 0) line = io::plain_text(line, "standard input");
      print("standard input, line", ++number, line);
    }
  for (std::string const& text : options.texts) print("text", ++number, text);
  return 0;
}

void add_tokenizer_train(CLI::App& parent, Run& run) {
  auto options = std::make_shared<TrainOptions>();
  CLI::App* command = parent.add_subcommand("train", "Learn a vocabulary from captions");
  command
      ->add_option("--from", options->from,
                   "Captions: a text file, one per line, or a dataset folder")
      ->required();
  command
      ->add_option(
          "--kind", options->kind,
          "bpe: byte-level pairs (vocab.json, merges.txt); words: words and marks (words.txt)")
      ->check(CLI::IsMember({"bpe", "words"}))
      ->capture_default_str();
  command
      ->add_option("--size", options->size,
                   "Rows of the vocabulary at most, the four special ones included")
      ->capture_default_str();
  command->add_option("--out", options->out, "Folder to write the vocabulary to: a data.tokenizer")
      ->required();
  command->callback([options, &run] { run = [options] { return train(*options); }; });
}

void add_tokenizer_encode(CLI::App& parent, Run& run) {
  auto options = std::make_shared<EncodeOptions>();
  CLI::App* command = parent.add_subcommand("encode", "Print the rows of texts, one line each");
  command
      ->add_option("--tokenizer", options->tokenizer,
                   "\"bytes\", or a folder with vocabulary files")
      ->capture_default_str();
  command->add_option("--max-tokens", options->max_tokens, "Rows kept before the end mark")
      ->check(CLI::NonNegativeNumber)
      ->capture_default_str();
  command->add_flag("--raw", options->raw,
                    "The text as it is: not normalised, no blank in front, not cut, no end mark");
  command->add_option("text", options->texts, "Texts; without any, lines of standard input");
  command->callback([options, &run] { run = [options] { return encode(*options); }; });
}

}  // namespace

void add_tokenizer(CLI::App& app, Run& run) {
  CLI::App* command =
      app.add_subcommand("tokenizer", "Learn a vocabulary from captions; encode texts");
  command->require_subcommand(1);
  add_tokenizer_train(*command, run);
  add_tokenizer_encode(*command, run);
}

}  // namespace accord::app
