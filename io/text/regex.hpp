#pragma once
// Regular expressions over UTF-8 with Unicode properties
// (PCRE2), compiled once and used by any thread.

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

namespace accord::io {

class Regex {
 public:
  /// \throws Error with the place if the pattern is wrong
  explicit Regex(std::string const& pattern);
  ~Regex();
  Regex(Regex const&) = delete;
  Regex& operator=(Regex const&) = delete;

  /// Calls found(begin, end) with the byte range of
  /// each match, from left to right, without overlap.
  /// \pre text is UTF-8, and no match is empty
  template <class Found>
  void for_each(std::string_view text, Found&& found) const {
    Range range;
    for (std::size_t from = 0; from < text.size() && find(text, from, range); from = range.end)
      found(range.begin, range.end);
  }

 private:
  struct Range {
    std::size_t begin = 0, end = 0;
  };
  bool find(std::string_view text, std::size_t from, Range& range) const;

  struct Code;
  std::unique_ptr<Code> code_;
};

}  // namespace accord::io
