#include "tests/fuzz/dataset_folder.hpp"
#include "tests/fuzz/format.hpp"

namespace accord::fuzz {
namespace {

DatasetFolder const& folder() {
  static DatasetFolder const folder;
  return folder;
}

}  // namespace

std::vector<std::string> seeds() { return {folder().shard()}; }

void read(std::string const& input) {
  DatasetFolder::put(folder().shard_path(), input);
  folder().read_all(folder().index());
}

}  // namespace accord::fuzz
