#include "io/checkpoint/verify.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/base/error.hpp"
#include "io/checkpoint/check.hpp"
#include "io/checkpoint/finite.hpp"
#include "io/checkpoint/read.hpp"

namespace accord::io {
namespace {

std::string tensors_in(Manifest const& manifest, int file, HashedRun const& run) {
  std::string names;
  for (StoredTensor const& tensor : manifest.tensors)
    if (tensor.file == file && tensor.offset < run.offset + run.bytes &&
        run.offset < tensor.offset + tensor.bytes())
      names += (names.empty() ? "" : ", ") + tensor.info.path();
  return names;
}

/// \throws DataError
void require_finite(Manifest const& manifest, int file, HashedRun const& run,
                    std::span<std::byte const> bytes) {
  for (StoredTensor const& tensor : manifest.tensors) {
    std::uint64_t const begin = std::max(tensor.offset, run.offset),
                        end = std::min(tensor.offset + tensor.bytes(), run.offset + run.bytes);
    if (tensor.file != file || begin >= end) continue;
    if (first_not_finite(tensor.info.dtype, bytes.subspan(begin - run.offset, end - begin)))
      throw DataError(fmt::format("bytes [{}, {}) hold a value that is not a finite number",
                                  run.offset, run.offset + run.bytes));
  }
}

class Sums {
 public:
  void add(double a, double b) {
    double const difference = a == b || (std::isnan(a) && std::isnan(b)) ? 0 : std::abs(a - b);
    if (difference > largest_) largest_ = difference;
    squares_ += difference * difference;
    if (std::isfinite(b)) norm_ += b * b;
    odd_ = odd_ || std::isnan(difference);
  }
  TensorDistance result(std::string tensor) const {
    if (odd_) return {std::move(tensor), std::nan(""), std::nan("")};
    double const root = std::sqrt(squares_);
    return {std::move(tensor), largest_, norm_ > 0 ? root / std::sqrt(norm_) : root};
  }

 private:
  double largest_ = 0, squares_ = 0, norm_ = 0;
  bool odd_ = false;
};

}  // namespace

std::vector<std::string> verify_checkpoint(OpenCheckpoint const& checkpoint,
                                           Progress const& progress, Share share) {
  Manifest const& manifest = checkpoint.manifest;
  std::uint64_t total = 0, done = 0;
  for (CheckpointFile const& file : manifest.files) total += file.bytes;
  std::vector<std::string> problems;
  std::vector<std::byte> buffer;
  std::size_t part = 0;  // runs, and what lies outside of those of a file, are dealt in turn
  auto const is_mine = [&] {
    return part++ % static_cast<std::size_t>(share.ranks) == static_cast<std::size_t>(share.rank);
  };
  for (std::size_t k = 0; k < manifest.files.size(); ++k) {
    CheckpointFile const& entry = manifest.files[k];
    std::uint64_t left = entry.bytes;
    try {
      if (is_mine()) check_outside(checkpoint.folder, entry);
    } catch (DataError const& error) {
      problems.emplace_back(error.what());
    }
    try {
      File const file = File::open_read(checkpoint.folder / entry.name);
      for (HashedRun const& run : entry.runs) {
        try {
          if (is_mine()) {
            read_run(file, run, buffer);
            require_finite(manifest, static_cast<int>(k), run, buffer);
          }
        } catch (DataError const& error) {
          problems.push_back(fmt::format("{} (values of {})", error.what(),
                                         tensors_in(manifest, static_cast<int>(k), run)));
        }
        done += run.bytes;
        left -= run.bytes;
        if (progress) progress(done, total);
      }
    } catch (DataError const& error) {  // the file is absent: check_outside has said so
    }
    done += left;
    if (progress) progress(done, total);
  }
  return problems;
}

CheckpointDistance distance(OpenCheckpoint const& a, OpenCheckpoint const& b,
                            Progress const& progress) {
  constexpr Index chunk = 4 << 20;  // elements held at a time
  CheckpointDistance result;
  std::map<std::string, StoredTensor const*> others;
  for (StoredTensor const& tensor : b.manifest.tensors) others.emplace(tensor.info.path(), &tensor);
  std::uint64_t total = 0, done = 0;
  for (StoredTensor const& tensor : a.manifest.tensors) total += tensor.bytes();

  DType const float64 = DType::float64;
  std::vector<double> left, right;
  for (StoredTensor const& tensor : a.manifest.tensors) {
    std::string const path = tensor.info.path();
    auto const other = others.extract(path);
    done += tensor.bytes();
    if (other.empty()) {
      result.differences.push_back(fmt::format("{} is only in {}", path, a.folder.string()));
      continue;
    }
    StoredTensor const* const pair[] = {&tensor, other.mapped()};
    if (!(pair[1]->info.shape == tensor.info.shape)) {
      result.differences.push_back(fmt::format("{} has shapes {} and {}", path,
                                               to_string(tensor.info.shape),
                                               to_string(pair[1]->info.shape)));
      continue;
    }
    Sums sums;
    for (Index begin = 0; begin < tensor.info.shape.size(); begin += chunk) {
      Index const count = std::min(chunk, tensor.info.shape.size() - begin);
      left.resize(static_cast<std::size_t>(count));
      right.resize(static_cast<std::size_t>(count));
      Piece const left_piece{0, begin, count, left.data()};
      Piece const right_piece{0, begin, count, right.data()};
      read_pieces(a, {&pair[0], 1}, {&float64, 1}, {&left_piece, 1});
      read_pieces(b, {&pair[1], 1}, {&float64, 1}, {&right_piece, 1});
      for (std::size_t i = 0; i < left.size(); ++i) sums.add(left[i], right[i]);
    }
    result.tensors.push_back(sums.result(path));
    if (progress) progress(done, total);
  }
  for (auto const& [path, tensor] : others)
    result.differences.push_back(fmt::format("{} is only in {}", path, b.folder.string()));
  return result;
}

}  // namespace accord::io
