// Mutants of a format's seeds, drawn with a fixed seed: flipped bits, overwritten bytes, cuts,
// pieces left out, said twice or put in from another seed.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "core/base/error.hpp"
#include "tests/fuzz/format.hpp"

namespace accord::fuzz {
namespace {

class Mutator {
 public:
  explicit Mutator(std::vector<std::string> seeds) : seeds_(std::move(seeds)) {}

  std::string next() {
    std::string text = any_seed();
    for (std::size_t edits = 1 + below(3); edits > 0; --edits) edit(text);
    return text;
  }

 private:
  std::size_t below(std::size_t n) { return n == 0 ? 0 : random_() % n; }
  std::string const& any_seed() { return seeds_[below(seeds_.size())]; }

  void edit(std::string& text) {
    std::size_t const at = below(text.size());
    std::size_t const length = std::min(text.size() - at, std::size_t{1} << below(12));
    switch (below(6)) {
      case 0:
        if (!text.empty()) text[at] = static_cast<char>(text[at] ^ (1 << below(8)));
        break;
      case 1:
        std::fill_n(text.begin() + static_cast<std::ptrdiff_t>(at),
                    std::min<std::size_t>(length, 8), "\0\x7f\x80\xff 90-"[below(8)]);
        break;
      case 2:
        text.resize(at);
        break;
      case 3:
        text.erase(at, length);
        break;
      case 4:
        text.insert(at, text.substr(at, length));
        break;
      default:
        std::string const& other = any_seed();
        text.insert(at, other, below(other.size()), length);
    }
  }

  std::vector<std::string> seeds_;
  std::mt19937 random_{20};
};

TEST(Seeds, AreRead) {
  for (std::string const& seed : seeds()) EXPECT_NO_THROW(read(seed));
}

TEST(Mutants, AreReadOrRefused) {
  constexpr int mutants = 1000;
  Mutator mutator(seeds());
  int refused = 0;
  for (int i = 0; i < mutants; ++i) {
    try {
      read(mutator.next());
    } catch (UsageError const&) {
      ++refused;
    } catch (DataError const&) {
      ++refused;
    } catch (std::exception const& error) {
      ADD_FAILURE() << "mutant " << i << ": " << error.what();
    }
  }
  RecordProperty("refused", refused);
  EXPECT_GT(refused, 0);
}

}  // namespace
}  // namespace accord::fuzz
