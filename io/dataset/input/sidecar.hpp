#pragma once
// What KEY.json says of a sample.

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace accord::io {

struct Sidecar {
  std::vector<std::string> captions;  ///< of "caption", else "text"; a list holds several
  std::optional<std::string> label;
  std::map<std::string, std::string> fields;  ///< texts, numbers and truth values, as they stand
};

/// Why a file cannot be used: a reason to count by, and what was found.
struct SidecarFault {
  std::string reason, detail;
};

/// Reads captions and, with a `label_field`, the label. What is missing, null or NaN is left empty.
std::optional<SidecarFault> read_sidecar(std::string const& json, std::string const& label_field,
                                         Sidecar& sidecar);

/// For broken_condition(): looks a field up. The sidecar outlives what is returned.
inline auto value_in(Sidecar const& sidecar) {
  return [&sidecar](std::string const& name) -> std::optional<std::string> {
    auto const field = sidecar.fields.find(name);
    if (field == sidecar.fields.end()) return std::nullopt;
    return field->second;
  };
}

}  // namespace accord::io
