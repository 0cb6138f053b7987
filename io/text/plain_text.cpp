#include "io/text/plain_text.hpp"

#include <fmt/format.h>

#include "core/base/error.hpp"
#include "io/file/file.hpp"

namespace accord::io {

std::string_view without_mark(std::string_view text) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);
  return text;
}

char const* foreign_encoding(std::string_view bytes) {
  using namespace std::string_view_literals;
  // UTF-32's mark begins with that of UTF-16.
  if (bytes.starts_with("\xFF\xFE\0\0"sv) || bytes.starts_with("\0\0\xFE\xFF"sv)) return "UTF-32";
  if (bytes.starts_with("\xFF\xFE"sv) || bytes.starts_with("\xFE\xFF"sv)) return "UTF-16";
  if (bytes.size() < 4 || bytes.size() % 2 != 0) return nullptr;
  bytes = bytes.substr(0, 1 << 16);
  std::size_t zeros[2] = {0, 0};
  for (std::size_t i = 0; i < bytes.size(); ++i) zeros[i % 2] += bytes[i] == '\0';
  auto const letters = [&](std::size_t high, std::size_t low) {
    return zeros[low] == 0 && zeros[high] * 4 >= bytes.size();  // half of all pairs
  };
  return letters(0, 1) || letters(1, 0) ? "UTF-16" : nullptr;
}

std::string_view plain_text(std::string_view bytes, std::string const& name) {
  if (char const* encoding = foreign_encoding(bytes))
    throw DataError(fmt::format("{}: it is in {}; save it as UTF-8", name, encoding));
  return without_mark(bytes);
}

std::string read_text_file(std::filesystem::path const& path, std::uint64_t limit) {
  return std::string(plain_text(read_file(path, limit), path.string()));
}

}  // namespace accord::io
