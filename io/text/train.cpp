#include "io/text/train.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <queue>
#include <set>
#include <unordered_map>

#include "core/base/error.hpp"
#include "io/text/bpe.hpp"
#include "io/text/normalise.hpp"
#include "io/text/words.hpp"

namespace accord::io {
namespace {

using Id = std::int32_t;
using Pair = std::pair<Id, Id>;

/// How often each match of `pattern` stands in the captions, sorted.
std::map<std::string, Index> count_matches(CaptionSource const& next, Regex const& pattern) {
  std::unordered_map<std::string, Index> counts;
  std::string caption;
  Index number = 0;
  for (; next(caption); ++number) {
    std::string text;
    try {
      text = ' ' + normalise(caption);
    } catch (DataError const& error) {
      throw DataError(fmt::format("caption {}: {}", number + 1, error.what()));
    }
    pattern.for_each(text, [&](std::size_t begin, std::size_t end) {
      ++counts[text.substr(begin, end - begin)];
    });
  }
  if (number == 0) throw DataError("no captions to learn a vocabulary from");
  return {counts.begin(), counts.end()};
}

/// A distinct piece of text as symbols, and how often it stands.
struct Piece {
  std::vector<Id> symbols;
  Index count;
};

/// Counts of neighbouring pairs, kept up to date while pairs are joined.
class PairCounts {
 public:
  explicit PairCounts(std::vector<Piece> pieces) : pieces_(std::move(pieces)) {
    for (std::size_t i = 0; i < pieces_.size(); ++i) {
      auto const& symbols = pieces_[i].symbols;
      for (std::size_t k = 0; k + 1 < symbols.size(); ++k)
        add({symbols[k], symbols[k + 1]}, pieces_[i].count, i);
    }
    for (auto const& [pair, entry] : entries_) queue_.push({entry.count, pair});
  }

  /// The most frequent pair, the smaller ids first among equals. False if none stands twice.
  bool most_frequent(Pair& pair) {
    while (!queue_.empty()) {
      Candidate const best = queue_.top();
      if (best.count < 2) return false;
      if (entries_.at(best.pair).count == best.count) {
        pair = best.pair;
        return true;
      }
      queue_.pop();  // its count has changed since, and a newer candidate says so
    }
    return false;
  }

  void join(Pair pair, Id result) {
    std::set<Pair> changed;
    for (std::size_t const i : std::exchange(entries_.at(pair).pieces, {})) {
      Piece& piece = pieces_[i];
      auto const count_pairs = [&](Index sign) {
        for (std::size_t k = 0; k + 1 < piece.symbols.size(); ++k) {
          Pair const one{piece.symbols[k], piece.symbols[k + 1]};
          add(one, sign * piece.count, i);
          changed.insert(one);
        }
      };
      count_pairs(-1);
      std::vector<Id> joined;
      for (std::size_t k = 0; k < piece.symbols.size(); ++k) {
        bool const here = k + 1 < piece.symbols.size() && piece.symbols[k] == pair.first &&
                          piece.symbols[k + 1] == pair.second;
        joined.push_back(here ? result : piece.symbols[k]);
        k += here;
      }
      piece.symbols = std::move(joined);
      count_pairs(1);
    }
    for (Pair const& one : changed) queue_.push({entries_.at(one).count, one});
  }

 private:
  struct Entry {
    Index count = 0;
    std::set<std::size_t> pieces;  ///< all that hold the pair, and some that held it once
  };
  struct Candidate {
    Index count;
    Pair pair;
    bool operator<(Candidate const& other) const {
      return count != other.count ? count < other.count : pair > other.pair;
    }
  };
  struct Hash {
    std::size_t operator()(Pair const& pair) const {
      return std::hash<std::uint64_t>()(std::uint64_t{static_cast<std::uint32_t>(pair.first)}
                                            << 32 |
                                        static_cast<std::uint32_t>(pair.second));
    }
  };

  void add(Pair const& pair, Index count, std::size_t piece) {
    Entry& entry = entries_[pair];
    entry.count += count;
    if (count > 0) entry.pieces.insert(piece);
  }

  std::vector<Piece> pieces_;
  std::unordered_map<Pair, Entry, Hash> entries_;
  std::priority_queue<Candidate> queue_;
};

}  // namespace

VocabularyFiles train_bpe(CaptionSource const& next, Index rows) {
  if (rows < SpecialRow::count + 256)
    throw UsageError(
        fmt::format("a BPE vocabulary of {} rows; it has at least {}: special marks and bytes",
                    rows, SpecialRow::count + 256));
  ByteAlphabet const alphabet;
  std::vector<std::string> tokens;
  std::array<Id, 256> id_of_byte{};
  std::unordered_map<std::string, Id> ids;
  for (std::uint8_t const byte : alphabet.order()) {
    id_of_byte[byte] = static_cast<Id>(tokens.size());
    tokens.emplace_back(1, static_cast<char>(byte));
    ids.emplace(tokens.back(), id_of_byte[byte]);
  }
  std::vector<Piece> pieces;
  for (auto const& [text, count] : count_matches(next, bpe_pieces())) {
    Piece& piece = pieces.emplace_back(Piece{{}, count});
    for (char const c : text) piece.symbols.push_back(id_of_byte[static_cast<unsigned char>(c)]);
  }

  std::string merges = "#version: 0.2\n";
  PairCounts counts(std::move(pieces));
  for (Pair pair; static_cast<Index>(tokens.size()) + SpecialRow::count < rows &&
                  counts.most_frequent(pair);) {
    std::string const& left = tokens[static_cast<std::size_t>(pair.first)];
    std::string const& right = tokens[static_cast<std::size_t>(pair.second)];
    merges += fmt::format("{} {}\n", alphabet.spell(left), alphabet.spell(right));
    // Two ways of joining may lead to one string, which is one token.
    auto const [found, fresh] = ids.emplace(left + right, static_cast<Id>(tokens.size()));
    if (fresh) tokens.push_back(found->first);
    counts.join(pair, found->second);
  }

  std::string vocabulary;
  for (std::size_t id = 0; id < tokens.size(); ++id)
    vocabulary += fmt::format("{}{}: {}", id == 0 ? "{" : ", ",
                              nlohmann::json(alphabet.spell(tokens[id])).dump(), id);
  return {{"vocab.json", vocabulary + "}\n"}, {"merges.txt", merges}};
}

VocabularyFiles train_words(CaptionSource const& next, Index rows) {
  if (rows < SpecialRow::count + 1)
    throw UsageError(fmt::format("a word vocabulary of {} rows; it has at least {}", rows,
                                 SpecialRow::count + 1));
  auto const counts = count_matches(next, words_and_marks());
  std::vector<std::pair<std::string, Index>> words(counts.begin(), counts.end());
  if (words.empty()) throw DataError("no word in the captions");
  std::ranges::stable_sort(words, std::greater<>(), [](auto const& word) { return word.second; });
  if (static_cast<Index>(words.size()) > rows - SpecialRow::count)
    words.resize(static_cast<std::size_t>(rows - SpecialRow::count));
  std::string text;
  for (auto const& [word, count] : words) text += word + '\n';
  return {{"words.txt", text}};
}

}  // namespace accord::io
