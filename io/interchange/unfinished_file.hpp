#pragma once

#include <filesystem>

#include "io/file/file.hpp"

namespace accord::io {

/// A new file under another name until it is whole: it appears at `path`, durable, by publish(), or
/// not at all.
class UnfinishedFile {
 public:
  /// \throws IoError
  explicit UnfinishedFile(std::filesystem::path path)
      : path_(std::move(path)),
        unfinished_(path_.string() + ".tmp"),
        file_(File::open_write(unfinished_)) {
    file_.resize(0);
  }
  ~UnfinishedFile() {
    std::error_code ignored;  // after publish() there is nothing under that name
    std::filesystem::remove(unfinished_, ignored);
  }
  UnfinishedFile(UnfinishedFile const&) = delete;
  UnfinishedFile& operator=(UnfinishedFile const&) = delete;

  File& file() { return file_; }
  void append(std::span<std::byte const> bytes) {
    file_.write_at(end_, bytes);
    end_ += bytes.size();
  }
  void publish() {
    file_.sync();
    rename_durably(unfinished_, path_);
  }

 private:
  std::filesystem::path path_, unfinished_;
  File file_;
  std::uint64_t end_ = 0;
};

}  // namespace accord::io
