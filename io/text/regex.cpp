#include "io/text/regex.hpp"

#include <fmt/format.h>

#include "core/base/error.hpp"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace accord::io {
namespace {

std::string reason(int code) {
  unsigned char text[256];
  pcre2_get_error_message(code, text, sizeof text);
  return reinterpret_cast<char const*>(text);
}

struct MatchDeleter {
  void operator()(pcre2_match_data* data) const noexcept { pcre2_match_data_free(data); }
};

}  // namespace

struct Regex::Code {
  pcre2_code* code = nullptr;
  ~Code() { pcre2_code_free(code); }
};

Regex::Regex(std::string const& pattern) : code_(std::make_unique<Code>()) {
  int error = 0;
  PCRE2_SIZE offset = 0;
  code_->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(),
                              PCRE2_UTF | PCRE2_UCP, &error, &offset, nullptr);
  if (!code_->code)
    throw Error(fmt::format("pattern {} at {}: {}", pattern, offset, reason(error)));
  // Where the system forbids making code at run time, matching is interpreted: slower and the same.
  pcre2_jit_compile(code_->code, PCRE2_JIT_COMPLETE);
}

Regex::~Regex() = default;

bool Regex::find(std::string_view text, std::size_t from, Range& range) const {
  // One range is all that is asked for, whatever the
  // pattern, so the block serves every Regex of the thread.
  thread_local std::unique_ptr<pcre2_match_data, MatchDeleter> const match(
      pcre2_match_data_create(1, nullptr));
  int const code = pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(text.data()), text.size(),
                               from, PCRE2_NO_UTF_CHECK, match.get(), nullptr);
  if (code == PCRE2_ERROR_NOMATCH) return false;
  if (code < 0) throw Error(fmt::format("matching failed: {}", reason(code)));
  PCRE2_SIZE const* const ends = pcre2_get_ovector_pointer(match.get());
  range = {ends[0], ends[1]};
  return true;
}

}  // namespace accord::io
