#pragma once
// Captions one after another, for learning a vocabulary.

#include <filesystem>

#include "io/text/train.hpp"

namespace accord::io {

/// One caption per line of a text file, or every item of modality "text" of a dataset (a folder
/// with index.json), in order. Only the texts of a dataset are read; checksums cover whole samples
/// and are not verified here.
/// \throws DataError if the path is neither, or the dataset has no texts
CaptionSource captions_from(std::filesystem::path const& path);

}  // namespace accord::io
