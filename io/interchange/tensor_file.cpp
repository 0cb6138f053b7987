#include "io/interchange/tensor_file.hpp"

#include <algorithm>

#include "core/base/check.hpp"
#include "io/interchange/safetensors.hpp"
#include "io/interchange/torch_file.hpp"

namespace accord::io {

TensorFile TensorFile::open(std::filesystem::path const& path) {
  TensorFile opened(File::open_read(path));
  if (looks_like_torch(opened.file_)) {
    TorchIndex index = read_torch_index(opened.file_);
    opened.tensors_ = std::move(index.tensors);
    opened.dictionaries_ = std::move(index.dictionaries);
    opened.checked_ = std::move(index.storages);
  } else {
    opened.tensors_ = read_safetensors_header(opened.file_);
  }
  return opened;
}

void TensorFile::keep_below(std::string const& dictionary) {
  if (dictionary.empty()) return;
  std::string const front = dictionary + ".";
  std::erase_if(tensors_, [&](FileTensor const& t) { return !t.name.starts_with(front); });
  std::erase_if(dictionaries_, [&](std::string const& name) { return !name.starts_with(front); });
  for (FileTensor& tensor : tensors_) tensor.name.erase(0, front.size());
  for (std::string& name : dictionaries_) name.erase(0, front.size());
  std::vector<std::uint64_t> offsets;
  for (FileTensor const& tensor : tensors_)
    if (tensor.unreadable.empty()) offsets.push_back(tensor.offset);
  std::ranges::sort(offsets);
  std::erase_if(checked_, [&](ZipMember const& member) {
    auto const first = std::ranges::lower_bound(offsets, member.data.offset);
    return first == offsets.end() || *first > member.data.offset + member.data.bytes;
  });
}

std::uint64_t TensorFile::bytes_to_check() const {
  std::uint64_t bytes = 0;
  for (ZipMember const& member : checked_) bytes += member.data.bytes;
  return bytes;
}

void TensorFile::check(std::function<void(std::uint64_t)> const& progress) const {
  std::uint64_t done = 0;
  for (ZipMember const& member : checked_) {
    check_crc(file_, member);
    progress(done += member.data.bytes);
  }
}

void TensorFile::read(FileTensor const& tensor, Index begin, Index count, std::byte* out) const {
  ACCORD_CHECK(begin >= 0 && count >= 0 && count <= tensor.shape.size() - begin,
               "{}: elements [{}, {} + {}) of {}", tensor.name, begin, begin, count,
               to_string(tensor.shape));
  if (!tensor.unreadable.empty())
    throw DataError(fmt::format("{}: {}: {}", path().string(), tensor.name, tensor.unreadable));
  std::size_t const element = size_of(tensor.encoding);
  std::vector<std::byte> stored(static_cast<std::size_t>(count) * element);
  file_.read_at(tensor.offset + static_cast<std::uint64_t>(begin) * element, stored);
  widen(tensor.encoding, stored.data(), count, out);
}

namespace {

template <class T, class Read>
std::vector<double> numbers(Index count, Read&& read) {
  std::vector<T> values(static_cast<std::size_t>(count));
  read(std::as_writable_bytes(std::span(values)));
  return {values.begin(), values.end()};
}

}  // namespace

std::vector<double> TensorFile::read_numbers(FileTensor const& tensor) const {
  Index const count = tensor.shape.size();
  if (tensor.encoding == Encoding::int64)
    return numbers<std::int64_t>(
        count, [&](std::span<std::byte> out) { file_.read_at(tensor.offset, out); });
  auto const widened = [&](std::span<std::byte> out) { read(tensor, 0, count, out.data()); };
  return exact_dtype(tensor.encoding) == DType::float64 ? numbers<double>(count, widened)
                                                        : numbers<float>(count, widened);
}

}  // namespace accord::io
