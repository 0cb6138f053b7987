#include "io/shard/shard_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <deque>
#include <numeric>
#include <optional>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/hdf5/hdf5_writer.hpp"

namespace accord::io {
namespace {

constexpr std::size_t spool_bytes = 4 << 20;

/// Bytes that come in pieces and leave as one: in memory up to a limit, beyond it in a file without
/// a reader.
class Spool {
 public:
  explicit Spool(std::filesystem::path path) : path_(std::move(path)) {}
  ~Spool() {
    std::error_code ignored;
    if (file_) std::filesystem::remove(path_, ignored);
  }
  Spool(Spool const&) = delete;
  Spool& operator=(Spool const&) = delete;

  void append(std::span<std::byte const> bytes) {
    if (buffer_.size() + bytes.size() > spool_bytes) flush();
    if (bytes.size() > spool_bytes) {
      file_->write_at(in_file_, bytes);
      in_file_ += bytes.size();
    } else {
      buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
    }
  }
  std::uint64_t size() const { return in_file_ + buffer_.size(); }

  void copy_to(File& target, std::uint64_t offset) {
    std::vector<std::byte> piece(std::min<std::uint64_t>(spool_bytes, in_file_));
    for (std::uint64_t done = 0; done < in_file_; done += piece.size()) {
      piece.resize(std::min<std::uint64_t>(spool_bytes, in_file_ - done));
      file_->read_at(done, piece);
      target.write_at(offset + done, piece);
    }
    target.write_at(offset + in_file_, buffer_);
  }

 private:
  void flush() {
    if (!file_) {
      file_ = File::open_write(path_);
      file_->resize(0);
    }
    file_->write_at(in_file_, buffer_);
    in_file_ += buffer_.size();
    buffer_.clear();
  }

  std::filesystem::path path_;
  std::optional<File> file_;
  std::uint64_t in_file_ = 0;
  std::vector<std::byte> buffer_;
};

struct ModalityColumn {
  explicit ModalityColumn(std::filesystem::path const& spool) : blob(spool) {}

  Spool blob;
  Hasher64 hasher;  ///< of the blob
  std::vector<std::uint64_t> offsets{0};
  std::vector<std::uint64_t> first{0};

  bool one_item_each() const {
    for (std::size_t i = 0; i < first.size(); ++i)
      if (first[i] != i) return false;
    return true;
  }
};

/// Compares what lies in a file with what was to be written there.
class ReadBack {
 public:
  explicit ReadBack(std::filesystem::path const& path) : file_(File::open_read(path)) {}

  void values(Extent place, std::span<std::byte const> expected) const {
    std::vector<std::byte> found(place.bytes);
    file_.read_at(place.offset, found);
    require(std::ranges::equal(found, expected), place);
  }
  void texts(Extent place, std::vector<std::string> const& expected) const {
    std::size_t const width = place.bytes / expected.size();
    std::string padded(place.bytes, '\0');
    for (std::size_t i = 0; i < expected.size(); ++i)
      expected[i].copy(padded.data() + i * width, width);
    values(place, std::as_bytes(std::span(padded)));
  }
  void hash(Extent place, std::uint64_t expected) const {
    Hasher64 hasher;
    std::vector<std::byte> piece;
    for (std::uint64_t done = 0; done < place.bytes; done += piece.size()) {
      piece.resize(std::min<std::uint64_t>(place.bytes - done, 1 << 20));
      file_.read_at(place.offset + done, piece);
      hasher.update(piece);
    }
    require(hasher.digest() == expected, place);
  }

 private:
  void require(bool same, Extent place) const {
    if (!same)
      throw IoError(fmt::format("{}: {} bytes at {} are not what was written",
                                file_.path().string(), place.bytes, place.offset));
  }

  File file_;
};

}  // namespace

struct ShardWriter::State {
  std::filesystem::path path, temporary;
  std::vector<std::string> modalities;
  LabelKind label;
  std::string built_by;
  std::deque<ModalityColumn> columns;
  std::vector<std::string> keys;
  std::vector<std::uint64_t> checksums;
  std::vector<std::int64_t> labels;
  std::vector<std::uint8_t> multi_hot;
  std::size_t classes = 0;
};

ShardWriter::ShardWriter(std::filesystem::path path, std::vector<std::string> modalities,
                         LabelKind label, std::string built_by)
    : state_(std::make_unique<State>()) {
  state_->temporary = path.string() + ".tmp";
  state_->path = std::move(path);
  state_->modalities = std::move(modalities);
  state_->label = label;
  state_->built_by = std::move(built_by);
  for (std::string const& name : state_->modalities)
    state_->columns.emplace_back(state_->temporary.string() + "." + name);
}

ShardWriter::~ShardWriter() {
  std::error_code ignored;
  std::filesystem::remove(state_->temporary, ignored);
}

void ShardWriter::add(NewSample const& sample) {
  State& s = *state_;
  ACCORD_CHECK(sample.items.size() == s.columns.size(),
               "sample '{}' has {} modalities, the shard {}", sample.key, sample.items.size(),
               s.columns.size());
  ACCORD_CHECK(
      !sample.key.empty() && sample.key.size() <= 255 && sample.key.find('\0') == std::string::npos,
      "'{}' cannot be a key", sample.key);
  if (s.label == LabelKind::multi_hot) {
    if (s.keys.empty()) s.classes = sample.multi_hot.size();
    ACCORD_CHECK(sample.multi_hot.size() == s.classes && s.classes > 0,
                 "sample '{}' has {} classes, the shard {}", sample.key, sample.multi_hot.size(),
                 s.classes);
    s.multi_hot.insert(s.multi_hot.end(), sample.multi_hot.begin(), sample.multi_hot.end());
  }
  Hasher64 hasher;
  for (std::size_t m = 0; m < s.columns.size(); ++m) {
    ModalityColumn& column = s.columns[m];
    for (auto const item : sample.items[m]) {
      column.blob.append(item);
      column.hasher.update(item);
      column.offsets.push_back(column.blob.size());
      hasher.update(item);
    }
    column.first.push_back(column.offsets.size() - 1);
  }
  s.keys.push_back(sample.key);
  s.checksums.push_back(hasher.digest());
  s.labels.push_back(sample.label);
}

Index ShardWriter::samples() const { return static_cast<Index>(state_->keys.size()); }

std::uint64_t ShardWriter::bytes() const {
  std::uint64_t total = 0;
  for (ModalityColumn const& column : state_->columns) total += column.blob.size();
  return total;
}

ShardEntry ShardWriter::finish() {
  State& s = *state_;
  ACCORD_CHECK(!s.keys.empty(), "{}: a shard without samples", s.path.string());
  ShardEntry entry;
  entry.file = s.path.filename().string();
  entry.samples = samples();

  {
    Hdf5Writer file(s.temporary);
    file.attribute_text("/", "format", "accord-shard");
    file.attribute<std::int64_t>("/", "version", 1);
    file.attribute_texts("/", "modalities", s.modalities);
    file.attribute<std::int64_t>("/", "samples", entry.samples);
    file.attribute_text("/", "built_by", s.built_by);
    entry.modalities.resize(s.columns.size());
    // What is read when the shard is opened comes first, together; then the blobs, the small ones
    // in what alignment leaves free before the large ones.
    for (std::size_t m = 0; m < s.columns.size(); ++m) {
      ModalityColumn const& column = s.columns[m];
      std::string const group = s.modalities[m];
      ModalityExtents& places = entry.modalities[m];
      places.offsets = file.write<std::uint64_t>(group + "/offsets", column.offsets);
      if (!column.one_item_each())
        places.first = file.write<std::uint64_t>(group + "/first", column.first);
      file.attribute<std::int64_t>(group, "items", static_cast<Index>(column.offsets.size()) - 1);
    }
    entry.key = file.write_text("key", s.keys);
    entry.checksum = file.write<std::uint64_t>("checksum", s.checksums);
    if (s.label == LabelKind::single) entry.label = file.write<std::int64_t>("label", s.labels);
    if (s.label == LabelKind::multi_hot) {
      Index const shape[] = {entry.samples, static_cast<Index>(s.classes)};
      entry.label = file.write<std::uint8_t>("label", s.multi_hot, shape);
    }
    std::vector<std::size_t> by_size(s.columns.size());
    std::iota(by_size.begin(), by_size.end(), std::size_t{0});
    std::stable_sort(by_size.begin(), by_size.end(), [&](std::size_t a, std::size_t b) {
      return s.columns[a].blob.size() < s.columns[b].blob.size();
    });
    for (std::size_t const m : by_size) {
      std::uint64_t const bytes = s.columns[m].blob.size();
      Index const size[] = {static_cast<Index>(bytes)};
      entry.modalities[m].bytes = {
          file.create_dataset(s.modalities[m] + "/bytes", DType::uint8, size), bytes};
    }
    file.close();
  }

  {
    File file = File::open_write(s.temporary);
    for (std::size_t m = 0; m < s.columns.size(); ++m)
      s.columns[m].blob.copy_to(file, entry.modalities[m].bytes.offset);
    file.sync();
    entry.bytes = file.size();
  }
  ReadBack const written(s.temporary);
  for (std::size_t m = 0; m < s.columns.size(); ++m) {
    ModalityColumn const& column = s.columns[m];
    written.values(entry.modalities[m].offsets, std::as_bytes(std::span(column.offsets)));
    if (!column.one_item_each())
      written.values(entry.modalities[m].first, std::as_bytes(std::span(column.first)));
    written.hash(entry.modalities[m].bytes, column.hasher.digest());
  }
  written.texts(entry.key, s.keys);
  written.values(entry.checksum, std::as_bytes(std::span(s.checksums)));
  if (s.label == LabelKind::single) written.values(entry.label, std::as_bytes(std::span(s.labels)));
  if (s.label == LabelKind::multi_hot)
    written.values(entry.label, std::as_bytes(std::span(s.multi_hot)));
  entry.hash = hash_outside(s.temporary, entry, Holes::blobs);
  rename_durably(s.temporary, s.path);
  return entry;
}

Hash128 hash_outside(std::filesystem::path const& path, ShardEntry const& entry, Holes holes) {
  std::vector<Extent> left_out;
  for (ModalityExtents const& m : entry.modalities) left_out.push_back(m.bytes);
  if (holes == Holes::blobs_and_label) left_out.push_back(entry.label);
  std::erase_if(left_out, [](Extent const& extent) { return extent.bytes == 0; });
  std::sort(left_out.begin(), left_out.end(),
            [](Extent const& a, Extent const& b) { return a.offset < b.offset; });
  left_out.push_back({entry.bytes, 0});

  File const file = File::open_read(path);
  Hasher128 hasher;
  std::vector<std::byte> buffer;
  std::uint64_t at = 0;
  for (Extent const& hole : left_out) {
    while (at < hole.offset) {
      buffer.resize(std::min<std::uint64_t>(hole.offset - at, 1 << 20));
      file.read_at(at, buffer);
      hasher.update(buffer);
      at += buffer.size();
    }
    at = std::max(at, hole.offset + hole.bytes);
  }
  return hasher.digest();
}

}  // namespace accord::io
