#pragma once
// Which tensors of a file are the weights, and what stands before their names: trainers wrap them
// in dictionaries of their own, and wrappers of modules put words in front.

#include <map>
#include <optional>
#include <set>
#include <string>

#include "io/interchange/tensor_file.hpp"

namespace accord::app {

/// What a user says of it; what is not said is found out.
struct TensorChoice {
  std::optional<std::string> key;     ///< dictionary, keys joined by dots
  std::optional<std::string> prefix;  ///< to take off names
};

struct ChosenTensors {
  std::string key, prefix;
  std::string others;  ///< dictionaries that would serve as well, for messages; empty: none
  std::map<std::string, io::FileTensor const*> by_name;  ///< into the file
};

/// Takes the dictionary and prefix under which most of the `wanted` names are found; the file
/// forgets what lies outside of that dictionary. Of several the first, but averages (EMA) last.
/// Names that do not have the prefix stay as they are. \throws DataError if the file has no
/// dictionary `key`, no name with `prefix`, or a name twice
ChosenTensors choose_tensors(io::TensorFile& file, std::set<std::string> const& wanted,
                             TensorChoice const& choice);

}  // namespace accord::app
