#pragma once
// From TOML text to a flat list of "this key has this value, said there". The only user of the TOML
// library.

#include <string>
#include <vector>

#include "app/config/value.hpp"

namespace accord::app {

/// One key of the file. An entry of an array of tables is addressed by its name: {"modality",
/// "image", "size"}.
struct Entry {
  std::vector<std::string> path;
  Value value;
  std::string where;  ///< "jobs/configs/demo.toml:12" or "--set"
  /// Of an override the value as it was typed: 2024-06-01 may be a text. Else empty.
  std::string typed = {};
};

std::string dotted(std::vector<std::string> const& path);

/// All keys of a TOML document, in order. The tables of an array need a `name` each; `name` itself
/// is no entry, an array's element is announced by an entry whose path ends in its name and whose
/// value is the name. \throws UsageError with the line.
std::vector<Entry> entries_of(std::string const& toml, std::string const& file);

/// The entries of one override "section.key=value". \throws UsageError.
std::vector<Entry> entries_of_override(std::string const& override_text);

}  // namespace accord::app
