#pragma once

#include <memory>

#include "io/dataset/input/listing.hpp"
#include "io/dataset/source.hpp"

namespace accord::io {

/// open_folder() of a folder that was listed already.
std::unique_ptr<Source> open_folder(FolderListing listing, SourceOptions const& options);

}  // namespace accord::io
