#pragma once
// A value of the configuration file, free of the TOML library.

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

namespace accord::app {

using Value = std::variant<bool, std::int64_t, double, std::string, std::vector<std::string>,
                           std::vector<std::int64_t>, std::vector<double>>;

/// As TOML writes it. Doubles get the fewest digits that read back to the same double.
std::string to_toml(Value const& value);

}  // namespace accord::app
