#include "io/dataset/input/archive_bytes.hpp"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "io/dataset/media_file.hpp"
#include "io/file/file.hpp"
#include "io/media/media_kind.hpp"

namespace accord::io {
namespace {

using namespace std::string_view_literals;

class PlainBytes final : public ArchiveBytes {
 public:
  explicit PlainBytes(File file) : file_(std::move(file)), size_(file_.size()) {}

  std::size_t read(std::uint64_t offset, std::span<std::byte> out) override {
    if (offset >= size_) return 0;
    out = out.first(std::min<std::uint64_t>(out.size(), size_ - offset));
    file_.read_at(offset, out);
    return out.size();
  }
  std::optional<std::uint64_t> size() const override { return size_; }

 private:
  File file_;
  std::uint64_t size_;
};

/// One gzip stream after another, as pigz and concatenation leave them.
class GzipBytes final : public ArchiveBytes {
 public:
  explicit GzipBytes(File file) : file_(std::move(file)), size_(file_.size()), packed_(1 << 18) {
    if (::inflateInit2(&stream_, 15 + 16) != Z_OK) throw Error("zlib: inflateInit2 failed");
  }
  ~GzipBytes() override { ::inflateEnd(&stream_); }

  std::size_t read(std::uint64_t offset, std::span<std::byte> out) override {
    while (position_ < offset) {
      std::byte passed[1 << 14];
      std::size_t const n = unpack(
          std::span(passed).first(std::min<std::uint64_t>(sizeof(passed), offset - position_)));
      if (n == 0) return 0;
    }
    return unpack(out);
  }
  std::optional<std::uint64_t> size() const override { return std::nullopt; }
  /// Reaches the checksum behind the data.
  void finish() override {
    constexpr std::uint64_t most = 1ull << 30;  // nobody pads an archive with more
    read(position_ + most, {});
  }

 private:
  std::size_t unpack(std::span<std::byte> out) {
    constexpr std::size_t at_once = 1 << 30;  // zlib counts in 32 bits
    std::size_t done = 0;
    while (done < out.size() && !ended_) {
      if (stream_.avail_in == 0) refill();
      auto const want = std::min(out.size() - done, at_once);
      stream_.next_out = reinterpret_cast<Bytef*>(out.data() + done);
      stream_.avail_out = static_cast<uInt>(want);
      int const code = ::inflate(&stream_, Z_NO_FLUSH);
      std::size_t const made = want - stream_.avail_out;
      done += made;
      if (code == Z_STREAM_END)
        next_stream();
      else if (code == Z_BUF_ERROR || (code == Z_OK && made == 0 && at_end()))
        ended_ = at_end();  // cut short: whoever reads misses the rest
      else if (code != Z_OK)
        throw DataError(fmt::format("{}: damaged gzip data before byte {}", file_.path().string(),
                                    read_ - stream_.avail_in));
    }
    position_ += done;
    return done;
  }

  bool at_end() const { return stream_.avail_in == 0 && read_ == size_; }

  void refill() {
    auto const n = std::min<std::uint64_t>(packed_.size(), size_ - read_);
    file_.read_at(read_, std::span(packed_).first(n));
    read_ += n;
    stream_.next_in = reinterpret_cast<Bytef*>(packed_.data());
    stream_.avail_in = static_cast<uInt>(n);
  }

  /// What follows a stream is another one, or, as gzip has it, nothing that counts.
  void next_stream() {
    if (stream_.avail_in == 0) refill();
    ended_ = stream_.avail_in == 0 || *stream_.next_in != 0x1F;
    if (!ended_) ::inflateReset(&stream_);
  }

  File file_;
  std::uint64_t size_, read_ = 0, position_ = 0;
  std::vector<std::byte> packed_;
  z_stream stream_{};
  bool ended_ = false;
};

}  // namespace

std::unique_ptr<ArchiveBytes> ArchiveBytes::open(std::filesystem::path const& path) {
  require_readable(path);
  File file = File::open_read(path);
  std::string head(std::min<std::uint64_t>(6, file.size()), '\0');
  file.read_at(0, std::as_writable_bytes(std::span(head)));
  if (head.starts_with("\x1F\x8B")) return std::make_unique<GzipBytes>(std::move(file));
  for (auto const& [magic, name] : {std::pair("\x28\xB5\x2F\xFD"sv, "zstd"),
                                    {"BZh"sv, "bzip2"},
                                    {"\xFD"
                                     "7zXZ\0"sv,
                                     "xz"},
                                    {"\x04\x22\x4D\x18"sv, "lz4"}})
    if (head.starts_with(magic))
      throw DataError(
          fmt::format("{}: compressed by {}, which is not read; unpack it, or compress it by gzip",
                      path.string(), name));
  return std::make_unique<PlainBytes>(std::move(file));
}

bool is_archive_name(std::string_view name) {
  return has_extension(name, {".tar", ".tar.gz", ".tgz"});
}

bool is_foreign_archive_name(std::string_view name) {
  return has_extension(name, {".tar.zst", ".tzst", ".tar.bz2", ".tbz2", ".tbz", ".tar.xz", ".txz",
                              ".tar.lz4", ".tar.lzma", ".tar.z"});
}

}  // namespace accord::io
