#include "io/checkpoint/file_layout.hpp"

#include <algorithm>
#include <numeric>

namespace accord::io {
namespace {

std::uint64_t bytes_of(TensorInfo const& info) {
  return static_cast<std::uint64_t>(info.shape.size()) * size_of(info.dtype);
}

}  // namespace

std::vector<int> deal_over_files(std::span<TensorInfo const> infos, int files) {
  std::vector<std::size_t> order(infos.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return bytes_of(infos[a]) > bytes_of(infos[b]);
  });
  std::vector<std::uint64_t> filled(std::clamp<std::size_t>(
      static_cast<std::size_t>(std::max(files, 1)), 1, std::max<std::size_t>(infos.size(), 1)));
  std::vector<int> file_of(infos.size());
  for (std::size_t i : order) {
    auto const least = std::min_element(filled.begin(), filled.end());
    *least += bytes_of(infos[i]);
    file_of[i] = static_cast<int>(least - filled.begin());
  }
  return file_of;
}

void check_coverage(std::span<TensorInfo const> infos, std::span<ConstPiece const> pieces) {
  std::vector<ConstPiece> sorted(pieces.begin(), pieces.end());
  std::sort(sorted.begin(), sorted.end(), [](ConstPiece const& a, ConstPiece const& b) {
    return a.tensor != b.tensor ? a.tensor < b.tensor : a.begin < b.begin;
  });
  std::size_t next = 0;
  for (std::size_t t = 0; t < infos.size(); ++t) {
    TensorInfo const& info = infos[t];
    Index covered = 0;
    for (; next < sorted.size() && sorted[next].tensor == static_cast<int>(t); ++next) {
      ConstPiece const& piece = sorted[next];
      ACCORD_CHECK(piece.begin <= covered, "checkpoint: elements [{}, {}) of {} belong to no rank",
                   covered, piece.begin, info.path());
      ACCORD_CHECK(piece.begin >= covered, "checkpoint: elements from {} of {} belong to two ranks",
                   piece.begin, info.path());
      ACCORD_CHECK(piece.count > 0, "checkpoint: an empty piece of {}", info.path());
      covered += piece.count;
    }
    ACCORD_CHECK(covered >= info.shape.size(),
                 "checkpoint: elements [{}, {}) of {} belong to no rank", covered,
                 info.shape.size(), info.path());
    ACCORD_CHECK(covered <= info.shape.size(), "checkpoint: {} has {} elements, pieces reach {}",
                 info.path(), info.shape.size(), covered);
  }
  ACCORD_CHECK(next == sorted.size(), "checkpoint: a piece of tensor {}, there are {}",
               sorted[next].tensor, infos.size());
}

std::vector<FileRun> runs_of(std::span<TensorInfo const> infos,
                             std::span<Placement const> placements,
                             std::span<ConstPiece const> pieces, std::uint64_t run_bytes) {
  struct Extent {
    int file;
    std::uint64_t offset, bytes;
    int piece;
    std::uint64_t element;
  };
  std::vector<Extent> extents;
  extents.reserve(pieces.size());
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    auto const tensor = static_cast<std::size_t>(pieces[i].tensor);
    std::uint64_t const element = size_of(infos[tensor].dtype);
    extents.push_back(
        {placements[tensor].file,
         placements[tensor].offset + static_cast<std::uint64_t>(pieces[i].begin) * element,
         static_cast<std::uint64_t>(pieces[i].count) * element, static_cast<int>(i), element});
  }
  std::sort(extents.begin(), extents.end(), [](Extent const& a, Extent const& b) {
    return a.file != b.file ? a.file < b.file : a.offset < b.offset;
  });

  std::vector<FileRun> runs;
  for (Extent const& extent : extents) {
    std::uint64_t const end = extent.offset + extent.bytes;
    for (std::uint64_t at = extent.offset; at < end;) {
      bool const joins = !runs.empty() && runs.back().file == extent.file &&
                         runs.back().offset + runs.back().bytes == at &&
                         runs.back().offset / run_bytes == at / run_bytes;
      if (!joins) runs.push_back({extent.file, at, 0, {}});
      std::uint64_t const multiple = (at / run_bytes + 1) * run_bytes;
      std::uint64_t const cut = (multiple - extent.offset) % extent.element;
      std::uint64_t const border = multiple + (cut ? extent.element - cut : 0);
      std::uint64_t const bytes = std::min(end, border) - at;
      runs.back().fragments.push_back({at, bytes, extent.piece, at - extent.offset});
      runs.back().bytes += bytes;
      at += bytes;
    }
  }
  return runs;
}

}  // namespace accord::io
