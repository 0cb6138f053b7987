#include "tests/fuzz/dataset_folder.hpp"
#include "tests/fuzz/format.hpp"

namespace accord::fuzz {
namespace {

DatasetFolder const& folder() {
  static DatasetFolder const folder;
  return folder;
}

}  // namespace

// The first line of index.json is the hash of what follows, which nothing but the right text would
// pass: the input is what follows, and is sealed here.
std::vector<std::string> seeds() {
  io::write_index(folder().shard_path().parent_path(), folder().index());
  std::string const text = io::read_file(folder().index_path());
  return {text.substr(text.find('\n') + 1)};
}

void read(std::string const& input) {
  DatasetFolder::put(folder().index_path(),
                     fmt::format("{{\"checksum\": \"{:016x}\",\n{}",
                                 io::hash64(std::as_bytes(std::span(input))), input));
  folder().read_all(io::read_index(folder().shard_path().parent_path()));
}

}  // namespace accord::fuzz
