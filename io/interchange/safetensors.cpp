#include "io/interchange/safetensors.hpp"

#include <algorithm>
#include <bit>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/check.hpp"
#include "io/interchange/unfinished_file.hpp"

namespace accord::io {
namespace {

using Json = nlohmann::ordered_json;

static_assert(std::endian::native == std::endian::little);
constexpr std::uint64_t length_bytes = 8, max_header_bytes = 32 << 20;
constexpr char const* metadata_key = "__metadata__";

DataError damaged_safetensors(File const& file, std::string const& what) {
  return DataError(
      fmt::format("{}: {}; this is not a sound safetensors file", file.path().string(), what));
}

/// JSON forgets which keys came twice: they are counted while it is read.
Json parse_header(File const& file, std::string const& text) {
  std::set<std::string> names;
  auto const refuse_twice = [&](int depth, Json::parse_event_t event, Json& value) {
    if (depth == 1 && event == Json::parse_event_t::key &&
        !names.insert(value.get<std::string>()).second)
      throw damaged_safetensors(file, fmt::format("{} is there twice", value.get<std::string>()));
    if (depth > 3) throw damaged_safetensors(file, "its header is nested more deeply than any");
    return true;
  };
  try {
    return Json::parse(text, refuse_twice);
  } catch (Json::exception const& error) {
    throw damaged_safetensors(file, fmt::format("its header is not JSON: {}", error.what()));
  }
}

Encoding encoding_from(std::string const& name) {
  std::string known;
  for (EncodingNames const& names : known_encodings()) {
    if (names.safetensors == name) return names.encoding;
    known += fmt::format("{}{}", known.empty() ? "" : ", ", names.safetensors);
  }
  throw DataError(fmt::format("dtype \"{}\"; {} are read", name, known));
}

/// \param values_begin where offsets count from
FileTensor tensor_from(std::string const& name, Json const& entry, std::uint64_t values_begin,
                       std::uint64_t file_bytes) {
  FileTensor tensor;
  tensor.name = name;
  tensor.encoding = encoding_from(entry.at("dtype").get<std::string>());
  tensor.shape = checked_shape(entry.at("shape").get<std::vector<std::int64_t>>());
  auto const range = entry.at("data_offsets").get<std::vector<std::int64_t>>();
  if (range.size() != 2 || range[0] < 0 || range[1] < range[0])
    throw DataError("data_offsets are no range");
  auto const begin = static_cast<std::uint64_t>(range[0]),
             end = static_cast<std::uint64_t>(range[1]);
  if (end > file_bytes - values_begin)
    throw DataError(fmt::format("bytes [{}, {}) lie beyond the {} that the file has for values",
                                begin, end, file_bytes - values_begin));
  if (end - begin != tensor.bytes())
    throw DataError(fmt::format("{} bytes for shape {} of {}", end - begin, to_string(tensor.shape),
                                names_of(tensor.encoding).name));
  tensor.offset = values_begin + begin;
  return tensor;
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
  Json const header = parse_header(file, text);
  if (!header.is_object()) throw damaged_safetensors(file, "its header is not an object");

  std::uint64_t const values_begin = length_bytes + header_bytes;
  std::vector<FileTensor> tensors;
  for (auto const& [name, entry] : header.items()) {
    if (name == metadata_key) continue;
    try {
      tensors.push_back(tensor_from(name, entry, values_begin, file_bytes));
    } catch (Json::exception const& error) {
      throw damaged_safetensors(file, fmt::format("{}: {}", name, error.what()));
    } catch (DataError const& error) {
      throw damaged_safetensors(file, fmt::format("{}: {}", name, error.what()));
    }
  }
  std::stable_sort(tensors.begin(), tensors.end(), [](FileTensor const& a, FileTensor const& b) {
    return a.offset != b.offset ? a.offset < b.offset : a.bytes() < b.bytes();
  });
  std::uint64_t end = values_begin;
  for (FileTensor const& tensor : tensors) {
    if (tensor.offset < end)
      throw damaged_safetensors(file, fmt::format("{} overlaps the tensor before it", tensor.name));
    if (tensor.offset > end)
      throw damaged_safetensors(file, fmt::format("{} bytes before {} belong to no tensor",
                                                  tensor.offset - end, tensor.name));
    end += tensor.bytes();
  }
  if (end != file_bytes)
    throw damaged_safetensors(
        file, fmt::format("{} bytes at its end belong to no tensor", file_bytes - end));
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
  Json header;
  header[metadata_key] = metadata;
  std::uint64_t end = 0;
  for (std::size_t const i : order) {
    FileTensor const& tensor = tensors[i];
    Json shape = Json::array();
    for (int k = 0; k < tensor.shape.rank(); ++k) shape.push_back(tensor.shape[k]);
    header[tensor.name] = {{"dtype", names_of(tensor.encoding).safetensors},
                           {"shape", std::move(shape)},
                           {"data_offsets", {end, end + tensor.bytes()}}};
    end += tensor.bytes();
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');  // values begin at a multiple of 8

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
