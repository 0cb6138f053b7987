#include "app/stored_config.hpp"

#include <fmt/format.h>

#include "core/base/error.hpp"

namespace accord::app {

Config stored_config(io::OpenCheckpoint const& checkpoint) {
  try {
    return parse_config(checkpoint.manifest.documents.configuration, checkpoint.folder.string());
  } catch (UsageError const& error) {
    throw DataError(fmt::format("{}: its configuration cannot be read by this version: {}",
                                checkpoint.folder.string(), error.what()));
  }
}

}  // namespace accord::app
