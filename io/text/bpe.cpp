#include "io/text/bpe.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <limits>
#include <nlohmann/json.hpp>
#include <queue>
#include <unordered_map>

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "io/file/json.hpp"
#include "io/text/lines.hpp"
#include "io/text/plain_text.hpp"

namespace accord::io {
namespace {

constexpr Index max_vocabulary = 1 << 24;

using Id = std::int32_t;

/// What a neighbouring pair of symbols becomes, and how early it was learnt.
struct Merge {
  std::int32_t rank;
  Id result;
};

std::uint64_t key_of(Id left, Id right) {
  return std::uint64_t{static_cast<std::uint32_t>(left)} << 32 | static_cast<std::uint32_t>(right);
}

class BpeTokenizer final : public Tokenizer {
 public:
  explicit BpeTokenizer(VocabularyFiles given) : Tokenizer(std::move(given)) {
    bool const official = files().contains("encoder.json");
    read_vocabulary(official ? "encoder.json" : "vocab.json");
    read_merges(official ? "vocab.bpe" : "merges.txt");
    if (files().contains("dict.txt"))
      read_dictionary();
    else
      for (std::size_t id = 0; id < tokens_.size(); ++id) {
        row_of_.push_back(static_cast<std::int32_t>(id) + SpecialRow::count);
        id_of_.push_back(static_cast<Id>(id));
      }
  }

  bool word_start(std::int32_t row) const override {
    if (row < SpecialRow::count) return true;
    Id const id = id_of_[static_cast<std::size_t>(row - SpecialRow::count)];
    return id < 0 || tokens_[static_cast<std::size_t>(id)].starts_with(' ');
  }
  Index vocabulary() const override {
    return static_cast<Index>(id_of_.size()) + SpecialRow::count;
  }

 private:
  void read_vocabulary(std::string const& name) {
    read_json(plain_text(files().at(name), name), name,
              [&](nlohmann::json const& json) { read_tokens(json); });
  }

  void read_tokens(nlohmann::json const& json) {
    if (!json.is_object() || json.empty()) throw DataError("expected an object {token: id, ...}");
    ByteAlphabet const alphabet;
    for (auto const& [token, value] : json.items()) {
      if (!value.is_number_integer() || value < 0 || value >= max_vocabulary)
        throw DataError(fmt::format("the id of \"{}\" is {}, expected an integer in [0, {})", token,
                                    value.dump(), max_vocabulary));
      auto const id = value.get<std::size_t>();
      if (id >= tokens_.size()) tokens_.resize(id + 1);
      if (!tokens_[id].empty()) throw DataError(fmt::format("id {} is given twice", id));
      std::string bytes;
      if (alphabet.read(token, bytes))
        symbols_.emplace(bytes, static_cast<Id>(id));
      else
        bytes = token;
      if (bytes.empty()) throw DataError(fmt::format("id {} is of an empty token", id));
      tokens_[id] = std::move(bytes);
    }
    for (int byte = 0; byte < 256; ++byte) {
      auto const found = symbols_.find(std::string(1, static_cast<char>(byte)));
      if (found == symbols_.end())
        throw DataError(fmt::format("no token for byte {}: not a byte-level vocabulary", byte));
      byte_ids_[static_cast<std::size_t>(byte)] = found->second;
    }
  }

  void read_merges(std::string const& name) {
    ByteAlphabet const alphabet;
    std::int32_t rank = 0;
    for_each_line(plain_text(files().at(name), name), [&](Index line, std::string_view text) {
      if (text.empty() || (line == 1 && text.starts_with("#version"))) return;
      std::size_t const blank = text.find(' ');
      std::string left, right;
      if (blank == std::string_view::npos || !alphabet.read(text.substr(0, blank), left) ||
          !alphabet.read(text.substr(blank + 1), right))
        throw DataError(fmt::format(
            "{}: line {} is \"{}\", expected two symbols and a blank between", name, line, text));
      auto const a = symbols_.find(left), b = symbols_.find(right),
                 both = symbols_.find(left + right);
      if (a == symbols_.end() || b == symbols_.end() || both == symbols_.end())
        throw DataError(
            fmt::format("{}: line {} joins \"{}\", but the vocabulary lacks a part or the result",
                        name, line, text));
      merges_.emplace(key_of(a->second, b->second), Merge{rank++, both->second});
    });
  }

  void read_dictionary() {
    row_of_.assign(tokens_.size(), SpecialRow::unknown);
    for_each_line(
        plain_text(files().at("dict.txt"), "dict.txt"), [&](Index line, std::string_view text) {
          if (text.empty()) return;
          std::string_view const symbol = text.substr(0, text.find(' '));
          Id id = -1;  // fillers such as madeupword0000 stand for nothing
          auto const end = symbol.data() + symbol.size();
          if (auto const [stop, error] = std::from_chars(symbol.data(), end, id);
              error == std::errc() && stop == end) {
            if (id < 0 || static_cast<std::size_t>(id) >= tokens_.size())
              throw DataError(
                  fmt::format("dict.txt: line {} has id {}, which the vocabulary of {} lacks", line,
                              id, tokens_.size()));
            std::int32_t& row = row_of_[static_cast<std::size_t>(id)];
            if (row != SpecialRow::unknown)
              throw DataError(fmt::format("dict.txt: line {} repeats id {}", line, id));
            row = static_cast<std::int32_t>(id_of_.size()) + SpecialRow::count;
          } else {
            id = -1;
          }
          id_of_.push_back(id);
        });
    if (id_of_.empty()) throw DataError("dict.txt: no lines in it");
  }

  /// Pieces repeat (Zipf), so each thread remembers those it met, of the tokenizer it used last.
  struct Cache {
    std::uint64_t owner = 0;
    std::unordered_map<std::string, std::vector<std::int32_t>> rows;
  };
  static constexpr std::size_t max_cached_pieces = 1 << 15, max_cached_bytes = 64;

  void append_rows(std::string_view text, std::vector<std::int32_t>& rows) const override {
    thread_local Cache cache;
    if (cache.owner != serial_) cache = {serial_, {}};
    bpe_pieces().for_each(text, [&](std::size_t begin, std::size_t end) {
      std::string const piece(text.substr(begin, end - begin));
      if (piece.size() > max_cached_bytes) {
        auto const found = rows_of_piece(piece);
        rows.insert(rows.end(), found.begin(), found.end());
        return;
      }
      auto found = cache.rows.find(piece);
      if (found == cache.rows.end()) {
        if (cache.rows.size() >= max_cached_pieces) cache.rows.clear();
        found = cache.rows.emplace(piece, rows_of_piece(piece)).first;
      }
      rows.insert(rows.end(), found->second.begin(), found->second.end());
    });
  }

  /// Joins, again and again, every occurrence of the pair learnt earliest, from left to right.
  std::vector<std::int32_t> rows_of_piece(std::string_view piece) const {
    struct Symbol {
      Id id;
      int previous, next;
    };
    struct Candidate {
      std::int32_t rank;
      int left;
      Id left_id, right_id;  // stale if the symbols have changed since
      bool operator>(Candidate const& other) const {
        return std::pair(rank, left) > std::pair(other.rank, other.left);
      }
    };
    std::vector<Symbol> symbols;
    for (std::size_t i = 0; i < piece.size(); ++i)
      symbols.push_back({byte_ids_[static_cast<unsigned char>(piece[i])], static_cast<int>(i) - 1,
                         i + 1 < piece.size() ? static_cast<int>(i) + 1 : -1});
    auto const at = [&](int i) -> Symbol& { return symbols[static_cast<std::size_t>(i)]; };
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> queue;
    auto const offer = [&](int left) {
      if (left < 0 || at(left).next < 0) return;
      Id const a = at(left).id, b = at(at(left).next).id;
      if (auto const found = merges_.find(key_of(a, b)); found != merges_.end())
        queue.push({found->second.rank, left, a, b});
    };
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) offer(static_cast<int>(i));
    std::vector<int> joined;
    while (!queue.empty()) {
      // One rank at a time: a pair that its joins bring about
      // waits until they are all done, even if learnt earlier.
      std::int32_t const rank = queue.top().rank;
      joined.clear();
      while (!queue.empty() && queue.top().rank == rank) {
        Candidate const best = queue.top();
        queue.pop();
        Symbol& left = at(best.left);
        if (left.id != best.left_id || left.next < 0 || at(left.next).id != best.right_id) continue;
        left.id = merges_.at(key_of(best.left_id, best.right_id)).result;
        at(left.next).id = -1;
        left.next = at(left.next).next;
        if (left.next >= 0) at(left.next).previous = best.left;
        joined.push_back(best.left);
      }
      for (int const i : joined) {
        offer(at(i).previous);
        offer(i);
      }
    }
    std::vector<std::int32_t> rows;
    for (int i = 0; i >= 0 && !symbols.empty(); i = at(i).next)
      rows.push_back(row_of_[static_cast<std::size_t>(at(i).id)]);
    return rows;
  }

  std::string text_of(std::int32_t row) const override {
    Id const id = id_of_[static_cast<std::size_t>(row - SpecialRow::count)];
    return id < 0 ? std::string() : tokens_[static_cast<std::size_t>(id)];
  }

  static std::uint64_t next_serial() {
    static std::atomic<std::uint64_t> counter{0};
    return ++counter;
  }

  std::uint64_t const serial_ = next_serial();
  std::vector<std::string> tokens_;              ///< bytes by id
  std::unordered_map<std::string, Id> symbols_;  ///< ids by bytes
  std::array<Id, 256> byte_ids_{};
  std::unordered_map<std::uint64_t, Merge> merges_;
  std::vector<std::int32_t> row_of_;  ///< by id
  std::vector<Id> id_of_;             ///< by row, special ones left out; -1: a filler
};

}  // namespace

ByteAlphabet::ByteAlphabet() {
  byte_of_.fill(-1);
  int other = 0x100;
  std::vector<std::uint8_t> last;
  std::size_t printable = 0;
  for (int byte = 0; byte < 256; ++byte) {
    bool const shown =
        (byte >= '!' && byte <= '~') || (byte >= 0xa1 && byte <= 0xac) || byte >= 0xae;
    int const code = shown ? byte : other++;
    auto& spelling = spelling_[static_cast<std::size_t>(byte)];
    if (code < 0x80)
      spelling = static_cast<char>(code);
    else
      spelling = {static_cast<char>(0xc0 | code >> 6), static_cast<char>(0x80 | (code & 0x3f))};
    byte_of_[static_cast<std::size_t>(code)] = static_cast<std::int16_t>(byte);
    if (shown)
      order_[printable++] = static_cast<std::uint8_t>(byte);
    else
      last.push_back(static_cast<std::uint8_t>(byte));
  }
  std::ranges::copy(last, order_.begin() + static_cast<std::ptrdiff_t>(printable));
}

std::string ByteAlphabet::spell(std::string_view bytes) const {
  std::string spelled;
  for (char const c : bytes) spelled += spelling_[static_cast<unsigned char>(c)];
  return spelled;
}

bool ByteAlphabet::read(std::string_view spelled, std::string& bytes) const {
  bytes.clear();
  for (std::size_t i = 0; i < spelled.size(); ++i) {
    unsigned code = static_cast<unsigned char>(spelled[i]);
    if (code >= 0x80) {  // only two-byte characters are in the alphabet
      if (code < 0xc2 || code > 0xdf || i + 1 >= spelled.size()) return false;
      code = (code & 0x1f) << 6 | (static_cast<unsigned char>(spelled[++i]) & 0x3f);
    }
    if (code >= byte_of_.size() || byte_of_[code] < 0) return false;
    bytes += static_cast<char>(byte_of_[code]);
  }
  return true;
}

Regex const& bpe_pieces() {
  // White space is spelled out: \s of PCRE2 has U+180E,
  // which the vocabulary's own pre-tokenizer does not.
  static std::string const space =
      R"(\t-\r\x20\x85\xa0\x{1680}\x{2000}-\x{200a}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000})";
  static Regex const pattern("'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^" + space +
                             "\\p{L}\\p{N}]+|[" + space + "]+(?![^" + space + "])|[" + space +
                             "]+");
  return pattern;
}

std::shared_ptr<Tokenizer const> make_bpe_tokenizer(VocabularyFiles files) {
  return std::make_shared<BpeTokenizer>(std::move(files));
}

}  // namespace accord::io
