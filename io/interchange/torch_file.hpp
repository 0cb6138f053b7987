#pragma once
// What torch.save writes since PyTorch 1.6: a ZIP archive of one pickle, which describes tensors,
// and one member per storage, which holds values.

#include <filesystem>
#include <vector>

#include "io/interchange/file_tensor.hpp"
#include "io/interchange/zip.hpp"

namespace accord::io {

struct TorchIndex {
  /// Those of all dictionaries, in their order; a name is the keys on the way, joined by dots.
  std::vector<FileTensor> tensors;
  std::vector<std::string> dictionaries;  ///< names of those with tensors in them or below; not ""
  std::vector<ZipMember> storages;        ///< the members that hold their values, by offset
};

/// True if the file begins as a ZIP archive, or as what torch.save wrote before.
bool looks_like_torch(File const& file);

/// The tensors of the dictionary that the file is, and of those in it at any depth: what a trainer
/// calls its weights differs. What lies beside them (configuration, numbers) is passed over;
/// nothing of it is run. A dictionary that stands in several places is that of the first. Tensors
/// of another kind, or that are not contiguous, are there and unreadable. \throws DataError naming
/// what is damaged or refused: a global that has no place in a checkpoint, a tensor whose values
/// lie outside of its storage, the format of PyTorch before 1.6
TorchIndex read_torch_index(File const& file);

/// Writes a new file of {"model": {name: tensor}} that torch.load(weights_only=True) reads. Durable
/// when this returns, or not there. \throws IoError
void write_torch(std::filesystem::path const& path, std::vector<FileTensor> const& tensors,
                 TensorValues const& values);

}  // namespace accord::io
