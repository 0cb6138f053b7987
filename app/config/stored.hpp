#pragma once

#include "app/config/config.hpp"
#include "io/checkpoint/directory.hpp"

namespace accord::app {

/// The configuration that a checkpoint was saved with. \throws DataError if this version cannot
/// read it
Config stored_config(io::OpenCheckpoint const& checkpoint);

/// The same, and in it the contrasted modalities, with their contrasts, whose weights the
/// checkpoint only passes on (io/checkpoint/carried.hpp). \throws DataError likewise
Config whole_config(io::OpenCheckpoint const& checkpoint);

}  // namespace accord::app
