#include "io/media/array.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>

#include "core/base/error.hpp"
#include "io/media/media_kind.hpp"

namespace accord::io {
namespace {

/// IEEE half precision, which C++20 has no type for.
struct Half {
  std::uint16_t bits;

  explicit operator float() const {
    int const exponent = bits >> 10 & 31, fraction = bits & 1023;
    float const size = exponent == 0 ? std::ldexp(static_cast<float>(fraction), -24)
                       : exponent == 31
                           ? (fraction == 0 ? INFINITY : NAN)
                           : std::ldexp(static_cast<float>(fraction + 1024), exponent - 25);
    return bits >> 15 ? -size : size;
  }
};

template <class T>
float element(std::byte const* at, bool swapped) {
  std::array<std::byte, sizeof(T)> bytes;
  std::memcpy(bytes.data(), at, sizeof(T));
  if (swapped) std::reverse(bytes.begin(), bytes.end());
  return static_cast<float>(std::bit_cast<T>(bytes));
}

struct ElementType {
  std::string_view code;  ///< in the header, behind the byte order
  std::string_view name;
  Index bytes;
  float (*read)(std::byte const* at, bool swapped);
};

// Of a truth value every byte but 0 is true; NumPy writes 1.
constexpr ElementType element_types[] = {
    {"b1", "bool", 1, [](std::byte const* at, bool) { return *at == std::byte{0} ? 0.0F : 1.0F; }},
    {"i1", "int8", 1, element<std::int8_t>},
    {"u1", "uint8", 1, element<std::uint8_t>},
    {"i2", "int16", 2, element<std::int16_t>},
    {"u2", "uint16", 2, element<std::uint16_t>},
    {"i4", "int32", 4, element<std::int32_t>},
    {"u4", "uint32", 4, element<std::uint32_t>},
    {"i8", "int64", 8, element<std::int64_t>},
    {"u8", "uint64", 8, element<std::uint64_t>},
    {"f2", "float16", 2, element<Half>},
    {"f4", "float32", 4, element<float>},
    {"f8", "float64", 8, element<double>},
};

/// Three short entries and their padding; NumPy itself reads no more than 10000.
constexpr std::size_t max_header_bytes = 1 << 16;

[[noreturn]] void refuse_header() {
  throw DataError(
      "a damaged .npy: its header should be like {'descr': '<f4', 'fortran_order': False, "
      "'shape': (50, 3)}");
}

/// The header, a Python dictionary of three entries, from left to right.
class HeaderText {
 public:
  explicit HeaderText(std::string_view text) : rest_(text) {}

  bool take(char c) {
    skip_blanks();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  void expect(char c) {
    if (!take(c)) refuse_header();
  }
  std::string_view quoted() {
    skip_blanks();
    char const quote = rest_.starts_with('"') ? '"' : '\'';
    expect(quote);
    std::size_t const length = rest_.find(quote);
    if (length == std::string_view::npos) refuse_header();
    return taken(length, 1);
  }
  bool truth() {
    skip_blanks();
    bool const value = rest_.starts_with("True");
    if (!value && !rest_.starts_with("False")) refuse_header();
    taken(value ? 4 : 5);
    return value;
  }
  Index number() {
    skip_blanks();
    Index value = 0;
    auto const [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    if (error != std::errc() || value < 0) refuse_header();
    taken(static_cast<std::size_t>(end - rest_.data()));
    if (rest_.starts_with('L')) taken(1);  // a long integer of Python 2
    return value;
  }
  void expect_end() {
    skip_blanks();
    if (!rest_.empty()) refuse_header();
  }
  /// Whether a list goes on: not if this was its last item, with a comma behind it or without.
  bool another(char end) {
    bool const comma = take(',');
    if (take(end)) return false;
    if (!comma) refuse_header();
    return true;
  }

 private:
  void skip_blanks() {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(" \t\r\n"), rest_.size()));
  }
  std::string_view taken(std::size_t length, std::size_t dropped = 0) {
    std::string_view const text = rest_.substr(0, length);
    rest_.remove_prefix(length + dropped);
    return text;
  }

  std::string_view rest_;
};

struct Header {
  ElementType const* type = nullptr;
  bool swapped = false;  ///< bytes in the other order than this machine's
  bool fortran = false;
  std::vector<Index> shape;
  Index elements = 1;
  std::span<std::byte const> data;
};

void read_type(std::string_view text, Header& header) {
  // '|': of a single byte, '=': of the machine that wrote it
  static_assert(std::endian::native == std::endian::little);
  bool const ordered =
      !text.empty() && std::string_view("<>|=").find(text[0]) != std::string_view::npos;
  std::string_view const code = text.substr(ordered ? 1 : 0);
  for (ElementType const& type : element_types)
    if (code == type.code) header.type = &type;
  if (!header.type)
    throw DataError(fmt::format(
        "an array of elements {:?}; bool, int8 to int64, uint8 to uint64, float16, float32 and "
        "float64 are accepted",
        text.substr(0, 40)));
  header.swapped = text[0] == '>';
}

std::vector<Index> read_shape(HeaderText& text) {
  std::vector<Index> shape;
  text.expect('(');
  if (text.take(')')) return shape;
  do shape.push_back(text.number());
  while (text.another(')'));
  return shape;
}

void read_dictionary(std::string_view dictionary, Header& header) {
  HeaderText text(dictionary);
  bool order = false, shape = false;
  text.expect('{');
  do {
    std::string_view const key = text.quoted();
    text.expect(':');
    if (key == "descr" && !header.type) {
      // Of several fields: a list.
      if (text.take('['))
        throw DataError("an array of records; save each field as an array of its own");
      read_type(text.quoted(), header);
    } else if (key == "fortran_order" && !std::exchange(order, true)) {
      header.fortran = text.truth();
    } else if (key == "shape" && !std::exchange(shape, true)) {
      header.shape = read_shape(text);
    } else {
      refuse_header();
    }
  } while (text.another('}'));
  text.expect_end();
  if (!header.type || !order || !shape) refuse_header();
}

void count_elements(Header& header, ArrayLimits const& limits) {
  if (header.shape.size() > limits.max_dimensions)
    throw DataError(fmt::format("an array of {} dimensions; up to {} are accepted",
                                header.shape.size(), limits.max_dimensions));
  for (Index const extent : header.shape) {
    if (extent == 0)
      throw DataError(fmt::format("an array of {}: without elements", shape_text(header.shape)));
    if (extent > limits.max_elements / header.elements)
      throw DataError(
          fmt::format("an array of {}; up to {} elements are accepted: cut it into pieces",
                      shape_text(header.shape), limits.max_elements));
    header.elements *= extent;
  }
}

Header read_header(std::span<std::byte const> bytes, ArrayLimits const& limits) {
  if (media_kind(bytes) != MediaKind::npy)
    throw DataError(fmt::format(
        "not an array: found {} bytes of another kind, expected NumPy's .npy", bytes.size()));
  constexpr std::size_t version_at = 6, length_at = 8;
  int const version = bytes.size() > version_at ? std::to_integer<int>(bytes[version_at]) : 0;
  if (version < 1 || version > 3)
    throw DataError(fmt::format("a .npy of format {}; 1, 2 and 3 are accepted", version));
  std::size_t const text_at = length_at + (version == 1 ? 2 : 4);
  std::size_t length = 0;
  if (bytes.size() >= text_at)
    for (std::size_t i = text_at; i-- > length_at;)
      length = length << 8 | std::to_integer<std::size_t>(bytes[i]);
  if (bytes.size() < text_at || length > bytes.size() - text_at)
    throw DataError("a damaged .npy: the data end within its header");
  if (length > max_header_bytes) refuse_header();

  Header header;
  read_dictionary({reinterpret_cast<char const*>(bytes.data() + text_at), length}, header);
  count_elements(header, limits);
  header.data = bytes.subspan(text_at + length);
  auto const needed = static_cast<std::size_t>(header.elements * header.type->bytes);
  if (header.data.size() != needed)
    throw DataError(fmt::format("a damaged .npy: {} bytes of values, where {} of {} take {}",
                                header.data.size(), shape_text(header.shape), header.type->name,
                                needed));
  return header;
}

/// Element i in C order, counted in Fortran order.
Index fortran_place(std::vector<Index> const& shape, Index elements, Index i) {
  Index place = 0, stride = elements;
  for (std::size_t d = shape.size(); d-- > 0; i /= shape[d]) {
    stride /= shape[d];
    place += i % shape[d] * stride;
  }
  return place;
}

}  // namespace

std::string shape_text(std::vector<Index> const& shape) {
  if (shape.empty()) return "a single number";
  std::string text;
  for (Index const extent : shape) text += fmt::format("{}{}", text.empty() ? "" : " x ", extent);
  return text;
}

ArrayShape array_shape(std::span<std::byte const> bytes, ArrayLimits const& limits) {
  Header header = read_header(bytes, limits);
  return {header.type->name, std::move(header.shape)};
}

Array decode_array(std::span<std::byte const> bytes, ArrayLimits const& limits) {
  Header const header = read_header(bytes, limits);
  Array array{header.shape, std::vector<float>(static_cast<std::size_t>(header.elements))};
  for (Index i = 0; i < header.elements; ++i) {
    Index const place = header.fortran ? fortran_place(header.shape, header.elements, i) : i;
    float const value =
        header.type->read(header.data.data() + place * header.type->bytes, header.swapped);
    if (!std::isfinite(value))
      throw DataError(fmt::format("an array whose element {} is {} in float32", i, value));
    array.values[static_cast<std::size_t>(i)] = value;
  }
  return array;
}

}  // namespace accord::io
