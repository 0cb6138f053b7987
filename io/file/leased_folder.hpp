#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "io/file/lease.hpp"

namespace accord::io {

/// A folder that results go to, and folders in it that get some: made if they are not there, and
/// held against other writers. One that was made and got nothing is removed again.
class LeasedFolder {
 public:
  /// \param below   names in `folder`
  /// `option` ("--out") and `purpose` ("accord data build") are for messages; that a dead holder's
  /// lease was taken over is announced.
  /// \throws UsageError or IoError as require_writable_folder() and Lease do
  LeasedFolder(std::filesystem::path const& folder, std::vector<std::string> const& below,
               std::string const& option, std::string const& purpose,
               std::function<void(std::string const&)> const& announce);

 private:
  /// One folder, and whether it was made.
  struct Held {
    Held(std::filesystem::path folder, std::string const& purpose);
    ~Held();
    Held(Held const&) = delete;
    Held& operator=(Held const&) = delete;

    std::filesystem::path folder;
    bool made;
    std::unique_ptr<Lease> lease;
    std::unique_ptr<Held> inner;  ///< goes first
  };
  std::unique_ptr<Held> outermost_;
};

}  // namespace accord::io
