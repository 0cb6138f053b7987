#include "io/text/json_object.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

#include "core/base/error.hpp"
#include "io/text/plain_text.hpp"

namespace accord::io {
namespace {

constexpr std::uint32_t replacement = 0xFFFD;

void append_utf8(std::string& out, std::uint32_t c) {
  if (c < 0x80) {
    out += static_cast<char>(c);
    return;
  }
  int const tail = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
  constexpr std::uint32_t leads[] = {0, 0xC0, 0xE0, 0xF0};
  out += static_cast<char>(leads[tail] | c >> 6 * tail);
  for (int i = tail - 1; i >= 0; --i) out += static_cast<char>(0x80 | (c >> 6 * i & 0x3F));
}

bool is_high(std::uint32_t c) { return c >= 0xD800 && c < 0xDC00; }
bool is_low(std::uint32_t c) { return c >= 0xDC00 && c < 0xE000; }

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  std::map<std::string, JsonValue> document() {
    std::map<std::string, JsonValue> fields;
    blanks();
    expect('{', "an object");
    blanks();
    if (!take('}')) {
      do {
        std::string name = field_name();
        fields[std::move(name)] = field();
        blanks();
      } while (take(','));
      expect('}', "',' or '}'");
    }
    blanks();
    if (at_ < text_.size()) fail("the end");
    return fields;
  }

 private:
  [[noreturn]] void fail(char const* expected) const {
    throw DataError(at_ < text_.size()
                        ? fmt::format("{} was expected at byte {}", expected, at_)
                        : fmt::format("it ends at byte {}, where {} was expected", at_, expected));
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  bool take(std::string_view word) {
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  void expect(char c, char const* what) {
    if (!take(c)) fail(what);
  }
  void blanks() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != text_.npos) ++at_;
  }

  std::string field_name() {
    blanks();
    std::string name = string();
    blanks();
    expect(':', "':'");
    return name;
  }

  JsonValue field() {
    blanks();
    JsonValue value;
    if (peek() != '[') return plain();
    value.kind = JsonValue::Kind::list;
    ++at_;
    blanks();
    if (take(']')) return value;
    do {
      blanks();
      value.list.push_back(plain());
      blanks();
    } while (take(','));
    expect(']', "',' or ']'");
    return value;
  }

  /// A value whose content is kept unless it has values of its own.
  JsonValue plain() {
    using Kind = JsonValue::Kind;
    std::size_t const begin = at_;
    switch (peek()) {
      case '"':
        return {Kind::text, string(), {}};
      case '{':
        pass_nested();
        return {Kind::object, "", {}};
      case '[':
        pass_nested();
        return {Kind::list, "", {}};
      default:
        break;
    }
    if (take("null") || take("NaN")) return {};
    if (take("true") || take("false"))
      return {Kind::truth, std::string(text_.substr(begin, at_ - begin)), {}};
    number();
    return {Kind::number, std::string(text_.substr(begin, at_ - begin)), {}};
  }

  /// A list or an object, however deep: the brackets that are open are held here, not on the stack.
  void pass_nested() {
    std::string open;
    do {
      blanks();
      if (take('{') || take('[')) {
        open += text_[at_ - 1];
        blanks();
        if (!take(open.back() == '{' ? '}' : ']')) {
          if (open.back() == '{') field_name();
          continue;
        }
        open.pop_back();
      } else {
        plain();
      }
      while (!open.empty()) {  // behind a value
        blanks();
        bool const object = open.back() == '{';
        if (take(',')) {
          if (object) field_name();
          break;
        }
        expect(object ? '}' : ']', object ? "',' or '}'" : "',' or ']'");
        open.pop_back();
      }
    } while (!open.empty());
  }

  void digits() {
    std::size_t const begin = at_;
    while (peek() >= '0' && peek() <= '9') ++at_;
    if (at_ == begin) fail("a value");
  }
  void number() {
    take('-');
    if (take("Infinity")) return;
    if (!take('0')) digits();
    if (take('.')) digits();
    if (take('e') || take('E')) {
      if (!take('+')) take('-');
      digits();
    }
  }

  std::string string() {
    expect('"', "a text in quotes");
    std::string out;
    while (true) {
      std::size_t const end = std::min(text_.find_first_of("\"\\", at_), text_.size());
      for (; at_ < end; ++at_) {
        if (static_cast<unsigned char>(text_[at_]) < 0x20) fail("no control character");
        out += text_[at_];
      }
      if (take('"')) return out;
      expect('\\', "the end of a text");
      escape(out);
    }
  }

  void escape(std::string& out) {
    constexpr std::string_view names = "\"\\/bfnrt", values = "\"\\/\b\f\n\r\t";
    if (std::size_t const which = names.find(peek()); at_ < text_.size() && which != names.npos) {
      out += values[which];
      ++at_;
      return;
    }
    expect('u', "an escape");
    std::uint32_t const first = four_digits();
    std::size_t const behind = at_;
    if (is_high(first) && take("\\u")) {
      if (std::uint32_t const second = four_digits(); is_low(second))
        return append_utf8(out, 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00));
      at_ = behind;  // what follows is a character of its own
    }
    append_utf8(out, is_high(first) || is_low(first) ? replacement : first);
  }

  std::uint32_t four_digits() {
    std::uint32_t value = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      char const c = peek();
      std::uint32_t const digit = c >= '0' && c <= '9'   ? static_cast<std::uint32_t>(c - '0')
                                  : c >= 'a' && c <= 'f' ? static_cast<std::uint32_t>(c - 'a' + 10)
                                  : c >= 'A' && c <= 'F' ? static_cast<std::uint32_t>(c - 'A' + 10)
                                                         : 16;
      if (digit == 16) fail("four hexadecimal digits");
      value = value << 4 | digit;
    }
    return value;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

std::map<std::string, JsonValue> parse_json_object(std::string_view text) {
  return Parser(without_mark(text)).document();
}

}  // namespace accord::io
