#pragma once

#include <filesystem>

namespace accord::io {

/// Marks a folder whose files are being made, from before the first one until finish(). A mark that
/// is found when the work begins is of a run that was interrupted: what lies there is half made,
/// and may be replaced.
class UnfinishedFolder {
 public:
  /// Whether `folder` bears the mark.
  static bool marked(std::filesystem::path const& folder);
  /// Marks it, durably. \throws IoError
  explicit UnfinishedFolder(std::filesystem::path folder);
  /// Takes the mark away, durably. \throws IoError
  void finish();

 private:
  std::filesystem::path folder_;
};

}  // namespace accord::io
