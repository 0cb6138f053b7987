#pragma once
// Whether a candidate may become a sample.

#include <optional>
#include <string>
#include <vector>

#include "io/dataset/source.hpp"

namespace accord::io {

enum class MediaCheck : std::uint8_t {
  header,  ///< kind and size of a picture, a sound or an array
  decode,  ///< they are decoded as well, so damage anywhere in them is found
};

/// Why a candidate is left out: a reason to count by, and what was found.
struct Fault {
  std::string reason, detail;
  bool missing = false;  ///< a modality that is not there at all
};

/// Checks key and items of the modalities wanted, each for what its kind asks (item_kind.hpp), and
/// cleans the captions, wanted or not: blanks and byte-order marks at both ends go. Of several
/// items of a modality those with faults are taken out and appended to `left_out`, as long as one
/// is good. Nothing: the candidate is good. Thread-safe.
std::optional<Fault> check_sample(Candidate& candidate, std::vector<std::string> const& modalities,
                                  MediaCheck check, std::vector<Fault>& left_out);

/// Checks a label and takes the blanks at both ends away; `number`: it must be a class number.
std::optional<Fault> check_label(std::optional<std::string>& label, bool number);

/// Sets the flag of each class that a label lists, separated by commas. `flags`: one per class.
std::optional<Fault> read_classes(std::string const& label, std::vector<std::string> const& classes,
                                  std::vector<std::uint8_t>& flags);

}  // namespace accord::io
