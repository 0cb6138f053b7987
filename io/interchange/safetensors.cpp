#include "io/interchange/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "core/base/check.hpp"
#include "io/interchange/safetensors_header.hpp"
#include "io/interchange/unfinished_file.hpp"

namespace accord::io {
namespace {

static_assert(std::endian::native == std::endian::little);
constexpr std::uint64_t length_bytes = 8, max_header_bytes = 32 << 20;
constexpr char const* metadata_key = "__metadata__";

DataError damaged_safetensors(File const& file, std::string const& what) {
  return DataError(
      fmt::format("{}: {}; this is not a sound safetensors file", file.path().string(), what));
}

std::optional<Encoding> encoding_from(std::string const& name) {
  for (EncodingNames const& names : known_encodings())
    if (names.safetensors == name) return names.encoding;
  return std::nullopt;
}

/// \param values_begin where offsets count from
FileTensor tensor_from(HeaderEntry const& entry, std::uint64_t values_begin,
                       std::uint64_t file_bytes) {
  FileTensor tensor;
  tensor.name = entry.name;
  tensor.offset = values_begin + entry.begin;
  if (entry.end > file_bytes - values_begin)
    throw DataError(fmt::format("bytes [{}, {}) lie beyond the {} that the file has for values",
                                entry.begin, entry.end, file_bytes - values_begin));
  std::optional<Encoding> const encoding = encoding_from(entry.dtype);
  if (!encoding || entry.shape.size() > Shape::max_rank) {
    tensor.unreadable = encoding ? too_many_dimensions(entry.shape.size())
                                 : fmt::format("dtype {}", entry.dtype.substr(0, 32));
    return tensor;
  }
  tensor.encoding = *encoding;
  tensor.shape = checked_shape(entry.shape);
  if (entry.end - entry.begin != tensor.bytes())
    throw DataError(fmt::format("{} bytes for shape {} of {}", entry.end - entry.begin,
                                to_string(tensor.shape), names_of(tensor.encoding).name));
  return tensor;
}

/// Values lie one behind the other, from the header to the end. \throws DataError naming a tensor
void check_ranges(std::vector<HeaderEntry> entries, std::uint64_t value_bytes) {
  std::ranges::sort(entries, [](HeaderEntry const& a, HeaderEntry const& b) {
    return std::pair(a.begin, a.end) < std::pair(b.begin, b.end);
  });
  std::uint64_t end = 0;
  for (HeaderEntry const& entry : entries) {
    if (entry.begin < end)
      throw DataError(fmt::format("{} overlaps the tensor before it", entry.name));
    if (entry.begin > end)
      throw DataError(
          fmt::format("{} bytes before {} belong to no tensor", entry.begin - end, entry.name));
    end = entry.end;
  }
  if (end != value_bytes)
    throw DataError(fmt::format("{} bytes at its end belong to no tensor", value_bytes - end));
}

/// The header that `tensors` get, in the order of their values.
std::string header_of(std::vector<FileTensor> const& tensors, std::vector<std::size_t> const& order,
                      std::map<std::string, std::string> const& metadata) {
  std::string text = fmt::format("{{\"{}\":{}", metadata_key, nlohmann::json(metadata).dump());
  std::uint64_t end = 0;
  for (std::size_t const i : order) {
    FileTensor const& tensor = tensors[i];
    std::string shape;
    for (int k = 0; k < tensor.shape.rank(); ++k)
      shape += fmt::format("{}{}", k > 0 ? "," : "", tensor.shape[k]);
    text += fmt::format(R"(,{}:{{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})",
                        nlohmann::json(tensor.name).dump(), names_of(tensor.encoding).safetensors,
                        shape, end, end + tensor.bytes());
    end += tensor.bytes();
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');  // values begin at a multiple of 8
  return text;
}

}  // namespace

std::vector<FileTensor> read_safetensors_header(File const& file) {
  std::uint64_t const file_bytes = file.size();
  if (file_bytes < length_bytes)
    throw damaged_safetensors(file, fmt::format("it has {} bytes", file_bytes));
  std::uint64_t header_bytes = 0;
  file.read_at(0, std::as_writable_bytes(std::span(&header_bytes, 1)));
  if (header_bytes > max_header_bytes || header_bytes > file_bytes - length_bytes)
    throw damaged_safetensors(
        file, fmt::format("a header of {} bytes in a file of {} (at most {} are read)",
                          header_bytes, file_bytes, max_header_bytes));
  std::string text(header_bytes, '\0');
  file.read_at(length_bytes, std::as_writable_bytes(std::span(text)));
  std::uint64_t const values_begin = length_bytes + header_bytes;
  std::vector<FileTensor> tensors;
  try {
    std::vector<HeaderEntry> entries = parse_safetensors_header(text);
    for (HeaderEntry const& entry : entries) {
      try {
        tensors.push_back(tensor_from(entry, values_begin, file_bytes));
      } catch (DataError const& error) {
        throw DataError(fmt::format("{}: {}", entry.name, error.what()));
      }
    }
    check_ranges(std::move(entries), file_bytes - values_begin);
  } catch (DataError const& error) {
    throw damaged_safetensors(file, error.what());
  }
  std::stable_sort(tensors.begin(), tensors.end(), [](FileTensor const& a, FileTensor const& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.bytes() < b.bytes();
  });
  return tensors;
}

void write_safetensors(std::filesystem::path const& path, std::vector<FileTensor> const& tensors,
                       std::map<std::string, std::string> const& metadata,
                       TensorValues const& values) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < tensors.size(); ++i) order.push_back(i);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return size_of(tensors[a].encoding) > size_of(tensors[b].encoding);
  });
  std::string const text = header_of(tensors, order, metadata);
  UnfinishedFile out(path);
  std::uint64_t const header_bytes = text.size();
  out.append(std::as_bytes(std::span(&header_bytes, 1)));
  out.append(std::as_bytes(std::span(text)));
  for (std::size_t const i : order)
    stream_values(tensors[i], i, values,
                  [&](std::span<std::byte const> bytes) { out.append(bytes); });
  out.publish();
}

}  // namespace accord::io
