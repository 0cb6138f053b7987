#pragma once

#include "app/config.hpp"
#include "io/checkpoint/directory.hpp"

namespace accord::app {

/// The configuration that a checkpoint was saved with. \throws DataError if this version cannot
/// read it
Config stored_config(io::OpenCheckpoint const& checkpoint);

}  // namespace accord::app
