#include "io/dataset/filter.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <span>

#include "core/base/error.hpp"
#include "io/dataset/item_kind.hpp"
#include "io/media/image.hpp"

namespace accord::io {
namespace {

std::optional<double> number_in(std::string_view text) {
  double value = 0;
  if (text.starts_with('+')) text.remove_prefix(1);
  auto const [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view without_blanks(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

template <class T>
bool compare(T const& a, std::string const& operation, T const& b) {
  return operation == "<"    ? a < b
         : operation == "<=" ? a <= b
         : operation == ">"  ? a > b
         : operation == ">=" ? a >= b
         : operation == "==" ? a == b
                             : a != b;
}

Index characters_of(std::string const& text) {
  return std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

}  // namespace

Condition::Condition(std::string const& text) : text_(without_blanks(text)) {
  auto const refuse = [&] {
    throw UsageError(fmt::format(
        "--where '{}': give FIELD OP VALUE, as 'similarity >= 0.28' or 'NSFW != \"NSFW\"'; OP is "
        "one of < <= > >= == !=, VALUE a number or a text in quotes",
        text));
  };
  std::size_t const begin = text_.find_first_of("<>=!");
  if (begin == std::string::npos) refuse();
  std::size_t const end = begin + (text_.substr(begin + 1, 1) == "=" ? 2 : 1);
  field_ = without_blanks(std::string_view(text_).substr(0, begin));
  operation_ = text_.substr(begin, end - begin);
  std::string_view const value = without_blanks(std::string_view(text_).substr(end));
  constexpr std::array<std::string_view, 6> operations{"<", "<=", ">", ">=", "==", "!="};
  if (field_.empty() || std::ranges::find(operations, operation_) == operations.end()) refuse();
  bool const quoted = value.size() >= 2 && (value.front() == '"' || value.front() == '\'') &&
                      value.back() == value.front();
  if (quoted)
    value_ = std::string(value.substr(1, value.size() - 2));
  else if (auto const number = number_in(value))
    value_ = *number;
  else
    refuse();
}

bool Condition::holds(std::optional<std::string> const& value) const {
  if (!value) return false;
  if (auto const* text = std::get_if<std::string>(&value_))
    return compare(*value, operation_, *text);
  auto const number = number_in(without_blanks(*value));
  return number && compare(*number, operation_, std::get<double>(value_));
}

std::optional<std::string> broken_condition(
    std::vector<Condition> const& conditions,
    std::function<std::optional<std::string>(std::string const&)> const& value_of) {
  for (Condition const& condition : conditions) {
    auto const value = value_of(condition.field());
    if (!condition.holds(value))
      return fmt::format("filtered: {}{}", value ? "not " : "no such field: ", condition.text());
  }
  return std::nullopt;
}

std::optional<std::string> broken_limit(std::string const& item, std::string const& modality,
                                        ItemLimits const& limits) {
  ItemKind const kind = item_kind(modality);
  if (kind == ItemKind::caption) {
    Index const characters = characters_of(item);
    if (characters < limits.min_caption) return "filtered: caption too short";
    if (limits.max_caption > 0 && characters > limits.max_caption)
      return "filtered: caption too long";
  }
  if (kind == ItemKind::picture && (limits.min_side > 0 || limits.max_aspect > 0)) {
    ImageSize const size = image_size(std::as_bytes(std::span(item)));
    auto const [shorter, longer] = std::minmax<Index>(size.width, size.height);
    if (shorter < limits.min_side) return "filtered: picture too small";
    if (limits.max_aspect > 0 &&
        static_cast<double>(longer) > limits.max_aspect * static_cast<double>(shorter))
      return "filtered: picture too long for its width";
  }
  return std::nullopt;
}

}  // namespace accord::io
