#include "io/shard/shard.hpp"

#include <fmt/format.h>

#include <cstring>

#include "core/base/error.hpp"
#include "io/shard/shard_writer.hpp"

namespace accord::io {

Shard::Shard(std::filesystem::path const& dataset, DatasetIndex const& index,
             ShardEntry const& entry, Hash hash)
    : entry_(entry), file_(File::open_read(dataset / entry.file)) {
  std::uint64_t const size = file_.size();
  if (size != entry.bytes)
    throw DataError(
        fmt::format("{}: {} bytes, index.json says {}; the shard is truncated or was replaced: "
                    "restore it or build the dataset again",
                    path().string(), size, entry.bytes));
  // Before any of its numbers is believed.
  if (hash == Hash::compare && hash_outside(path(), entry, Holes::blobs) != entry.hash)
    throw DataError(fmt::format(
        "{}: its index (everything outside the blobs) differs from the hash in index.json; "
        "the shard is damaged or was replaced: restore it or build the dataset again",
        path().string()));

  auto const n = static_cast<std::uint64_t>(entry.samples);
  for (std::size_t m = 0; m < index.modalities.size(); ++m)
    columns_.push_back(load_column(entry.modalities[m], index.modalities[m]));
  if (entry.key.bytes % n != 0 || entry.key.bytes == 0) refuse("key", "has a wrong size");
  key_width_ = entry.key.bytes / n;
  keys_ = load<char>(entry.key, entry.key.bytes, "key");
  checksums_ = load<std::uint64_t>(entry.checksum, n, "checksum");
  if (index.label == LabelKind::single) labels_ = load<std::int64_t>(entry.label, n, "label");
  if (index.label == LabelKind::multi_hot) {
    if (entry.label.bytes % n != 0) refuse("label", "has a wrong size");
    classes_ = entry.label.bytes / n;
    multi_hot_ = load<std::uint8_t>(entry.label, entry.label.bytes, "label");
  }
}

template <class T>
std::vector<T> Shard::load(Extent extent, std::uint64_t count, std::string const& name) const {
  if (extent.bytes / sizeof(T) != count || extent.bytes % sizeof(T) != 0)
    refuse(name, "has a wrong size");
  std::vector<T> values(count);
  file_.read_at(extent.offset, std::as_writable_bytes(std::span(values)));
  return values;
}

Shard::Column Shard::load_column(ModalityExtents const& places, std::string const& name) const {
  auto const rises = [](std::vector<std::uint64_t> const& values, std::uint64_t end) {
    for (std::size_t i = 1; i < values.size(); ++i)
      if (values[i] < values[i - 1]) return false;
    return !values.empty() && values.front() == 0 && values.back() == end;
  };
  Column column;
  auto const n = static_cast<std::uint64_t>(entry_.samples);
  column.offsets = load<std::uint64_t>(places.offsets, places.offsets.bytes / 8, name + "/offsets");
  if (!rises(column.offsets, places.bytes.bytes))
    refuse(name + "/offsets", "does not rise from 0 to the size of the blob");
  std::uint64_t const items = column.offsets.size() - 1;
  if (places.first.bytes > 0) {
    column.first = load<std::uint64_t>(places.first, n + 1, name + "/first");
    if (!rises(column.first, items))
      refuse(name + "/first", "does not rise from 0 to the number of items");
  } else if (items != n) {
    refuse(name + "/offsets", "has not one item per sample, and there is no /first");
  }
  return column;
}

void Shard::refuse(std::string const& name, char const* problem) const {
  throw DataError(
      fmt::format("{}: /{} {}; the shard is damaged: restore it or build the dataset again",
                  path().string(), name, problem));
}

std::string Shard::key(Index sample) const {
  char const* text = keys_.data() + static_cast<std::size_t>(sample) * key_width_;
  return std::string(text, strnlen(text, key_width_));
}

std::int64_t Shard::label(Index sample) const {
  return labels_.empty() ? -1 : labels_[static_cast<std::size_t>(sample)];
}

std::span<std::uint8_t const> Shard::multi_hot(Index sample) const {
  return std::span(multi_hot_).subspan(static_cast<std::size_t>(sample) * classes_, classes_);
}

std::uint64_t Shard::first_item(std::size_t modality, Index sample) const {
  Column const& column = columns_[modality];
  auto const s = static_cast<std::uint64_t>(sample);
  return column.first.empty() ? s : column.first[s];
}

void Shard::read_blob(std::size_t modality, std::uint64_t begin, std::span<std::byte> out) const {
  file_.read_at(entry_.modalities[modality].bytes.offset + begin, out);
}

}  // namespace accord::io
