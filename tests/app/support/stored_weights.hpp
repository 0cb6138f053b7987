#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "io/checkpoint/read.hpp"

namespace accord::testing {

/// The weights of a checkpoint, or of the newest in a folder of checkpoints, by name.
inline std::map<std::string, std::vector<double>> stored_weights(
    std::filesystem::path const& folder) {
  io::OpenCheckpoint const checkpoint = io::open_or_find(folder, {});
  std::map<std::string, std::vector<double>> weights;
  for (io::StoredTensor const& tensor : checkpoint.manifest.tensors) {
    if (tensor.info.kind != "weight") continue;
    std::vector<double>& values = weights[tensor.info.name];
    values.resize(static_cast<std::size_t>(tensor.info.shape.size()));
    io::StoredTensor const* const stored[] = {&tensor};
    DType const dtype[] = {DType::float64};
    io::Piece const piece[] = {{0, 0, tensor.info.shape.size(), values.data()}};
    io::read_pieces(checkpoint, stored, dtype, piece);
  }
  return weights;
}

}  // namespace accord::testing
