#pragma once
// Which samples are wanted, of those that could be used.

#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::io {

/// "FIELD OP VALUE": OP is one of < <= > >= == !=, VALUE a number or a text in quotes. Compares a
/// field of KEY.json, or a cell of a table; nothing is computed.
class Condition {
 public:
  /// \throws UsageError
  explicit Condition(std::string const& text);

  std::string const& field() const { return field_; }
  std::string const& text() const { return text_; }
  /// False for a value that is not there, or no number where one is asked for.
  bool holds(std::optional<std::string> const& value) const;

 private:
  std::string text_, field_, operation_;
  std::variant<double, std::string> value_;
};

/// For reports: why a sample is left out, by the first condition that does not hold. Nothing: all
/// hold. `value_of` gives the value of a field.
std::optional<std::string> broken_condition(
    std::vector<Condition> const& conditions,
    std::function<std::optional<std::string>(std::string const&)> const& value_of);

/// Limits on items; 0: none.
struct ItemLimits {
  Index min_side = 0;                      ///< of a picture, pixels: the shorter one
  double max_aspect = 0;                   ///< of a picture: its longer side by its shorter
  Index min_caption = 0, max_caption = 0;  ///< of a caption, characters
};

/// For reports: which limit a caption or a picture, whose header is sound, does not keep.
std::optional<std::string> broken_limit(std::string const& item, std::string const& modality,
                                        ItemLimits const& limits);

}  // namespace accord::io
