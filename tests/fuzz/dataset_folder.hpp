#pragma once
// A small sound dataset in memory, to be damaged and read.

#include <unistd.h>

#include <fstream>

#include "io/file/file.hpp"
#include "tests/io/shard/small_dataset.hpp"

namespace accord::fuzz {

class DatasetFolder {
 public:
  DatasetFolder() {
    std::filesystem::remove_all(folder_);
    io::write_dataset(folder_, {12, 5});
    index_ = io::read_index(folder_);
    shard_ = io::read_file(shard_path());
  }
  ~DatasetFolder() { std::filesystem::remove_all(folder_); }
  DatasetFolder(DatasetFolder const&) = delete;
  DatasetFolder& operator=(DatasetFolder const&) = delete;

  std::filesystem::path index_path() const { return folder_ / "index.json"; }
  std::filesystem::path shard_path() const { return folder_ / io::shard_file(0); }
  io::DatasetIndex const& index() const { return index_; }  ///< as it was when sound
  std::string const& shard() const { return shard_; }       ///< likewise

  static void put(std::filesystem::path const& path, std::string const& content) {
    std::ofstream(path, std::ios::binary) << content;
  }
  /// Every sample of `index`, over what lies in the folder. The hashes are made to fit, or nothing
  /// behind them would ever be tried.
  void read_all(io::DatasetIndex index) const {
    for (io::ShardEntry& entry : index.shards) {
      std::filesystem::path const shard = folder_ / entry.file;
      entry.bytes = io::File::open_read(shard).size();
      entry.hash = io::hash_outside(shard, entry, io::Holes::blobs);
    }
    io::write_index(folder_, index);
    io::Dataset const dataset = io::Dataset::open(folder_);
    for (Index i = 0; i < std::min<Index>(dataset.size(), 100); ++i) {
      try {
        dataset.read(i);
      } catch (io::SampleError const&) {  // the next one may be sound
      }
    }
  }

 private:
  std::filesystem::path folder_ =
      (std::filesystem::is_directory("/dev/shm") ? std::filesystem::path("/dev/shm")
                                                 : std::filesystem::temp_directory_path()) /
      fmt::format("accord-dataset-{}", ::getpid());
  io::DatasetIndex index_;
  std::string shard_;
};

}  // namespace accord::fuzz
