#pragma once
// Which classes a classification knows.

#include <string>
#include <vector>

#include "app/config/config.hpp"
#include "io/shard/shard_reader.hpp"

namespace accord::app {

/// Gives the labelled objective, if there is one, the classes that the training data name, as far
/// as the configuration leaves them open. \throws UsageError when the two differ, DataError when
/// nobody says how many classes there are
void use_classes(Config& config);

/// Names of the classes of a dataset: those of index.json, or the lines of `file` if given.
/// \throws DataError when there are none, or the file has another number of them
std::vector<std::string> class_names(io::Dataset const& dataset, std::string const& file);

/// The lines of a file that are not empty. \throws DataError if there are none
std::vector<std::string> read_lines(std::filesystem::path const& file);

/// The truth about every sample of a dataset.
struct Labels {
  std::vector<std::int64_t> single;     ///< [samples]; empty: multi-hot
  std::vector<std::uint8_t> multi_hot;  ///< [samples * classes]; empty: single
};
/// \throws DataError for a dataset without labels, or with one outside [0, classes)
Labels labels_of(io::Dataset const& dataset, Index classes);

}  // namespace accord::app
