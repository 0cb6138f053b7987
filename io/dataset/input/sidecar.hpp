#pragma once
// What KEY.json says of a sample.

#include <optional>
#include <string>
#include <vector>

namespace accord::io {

struct Sidecar {
  std::vector<std::string> captions;  ///< of "caption", else "text"; a list holds several
  std::optional<std::string> label;
};

/// Why a file cannot be used: a reason to count by, and what was found.
struct SidecarFault {
  std::string reason, detail;
};

/// Reads captions and, with a `label_field`, the label. What is missing, null or NaN is left empty.
std::optional<SidecarFault> read_sidecar(std::string const& json, std::string const& label_field,
                                         Sidecar& sidecar);

}  // namespace accord::io
