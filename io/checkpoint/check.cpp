#include "io/checkpoint/check.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.hpp"

namespace accord::io {

Hash128 hash_outside(File const& file, std::span<ByteRange const> ranges) {
  constexpr std::uint64_t chunk = 1 << 20;
  std::vector<std::byte> buffer;
  Hasher128 hasher;
  auto const hash = [&](std::uint64_t begin, std::uint64_t end) {
    while (begin < end) {
      buffer.resize(std::min(chunk, end - begin));
      file.read_at(begin, buffer);
      hasher.update(buffer);
      begin += buffer.size();
    }
  };
  std::uint64_t at = 0;
  for (ByteRange const& range : ranges) {
    hash(at, range.offset);
    at = range.offset + range.bytes;
  }
  hash(at, file.size());
  return hasher.digest();
}

void check_outside(std::filesystem::path const& folder, CheckpointFile const& expected) {
  File const file = File::open_read(folder / expected.name);
  if (file.size() != expected.bytes)
    throw DataError(fmt::format("{}: {} bytes, the manifest says {}; the file is damaged",
                                file.path().string(), file.size(), expected.bytes));
  std::vector<ByteRange> ranges;
  ranges.reserve(expected.runs.size());
  for (HashedRun const& run : expected.runs) ranges.push_back({run.offset, run.bytes});
  if (hash_outside(file, ranges) != expected.outside)
    throw DataError(
        fmt::format("{}: what describes the tensors (bytes outside of their values) does not match "
                    "its hash in the manifest; the file is damaged",
                    file.path().string()));
}

void read_run(File const& file, HashedRun const& run, std::vector<std::byte>& buffer) {
  buffer.resize(run.bytes);
  file.read_at(run.offset, buffer);
  if (hash128(buffer) != run.hash)
    throw DataError(fmt::format(
        "{}: bytes [{}, {}) do not match their hash in the manifest; the file is damaged",
        file.path().string(), run.offset, run.offset + run.bytes));
}

}  // namespace accord::io
