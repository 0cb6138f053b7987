#pragma once
// What lies below a folder, and what of it cannot or must not be looked at.

#include <filesystem>
#include <string>
#include <vector>

#include "io/dataset/tally.hpp"

namespace accord::io {

struct FolderListing {
  std::filesystem::path folder;
  std::vector<std::string> files;  ///< regular ones, links to them included; relative, in order
  /// Linked folders and names that begin with a dot, neither followed nor opened; links that lead
  /// nowhere; folders that may not be opened; pipes and devices.
  Tallies left_out;
};

/// At any depth. \throws DataError if the folder itself cannot be opened
FolderListing list_folder(std::filesystem::path folder);

inline constexpr char const* hidden_name = "name that begins with a dot";

}  // namespace accord::io
