#pragma once
// Every key of the configuration file, once: where it lives in Config, its type, default, range and
// meaning. Parsing, the resolved print, the messages about unknown keys and the configuration
// reference are all read from this list.

#include <functional>
#include <limits>
#include <string>
#include <vector>

#include "app/config/config.hpp"
#include "app/config/value.hpp"

namespace accord::app {

struct Key {
  enum class Type : std::uint8_t {
    boolean,
    integer,
    number,
    text,
    choice,
    texts,
    integers,
    numbers
  };

  std::string name;
  Type type = Type::text;
  std::string doc;                   ///< one line
  std::vector<std::string> choices;  ///< of a choice, or of each of `integers` when not empty
  double minimum = -std::numeric_limits<double>::infinity();
  double maximum = std::numeric_limits<double>::infinity();
  bool above_minimum = false;         ///< the minimum itself is not allowed
  std::vector<std::string> adapters;  ///< key of modalities with one of these; empty: of all
  /// Of a modality key: whether modalities with this adapter have it.
  bool belongs_to(std::string const& adapter) const;
  bool first = false;       ///< set before the other keys, whose defaults depend on it
  bool free = false;        ///< may differ from the checkpoint's when a run resumes
  bool on_request = false;  ///< likewise, where `train --allow-change` names it

  /// `table` points at the struct that the section's `table` function gave.
  std::function<Value(Config const&, void const* table)> get;
  /// The value has the right type and lies in the range. \throws UsageError without place or key,
  /// which the caller adds.
  std::function<void(Config&, void* table, Value const&)> set;

  /// "an integer >= 1", "\"exact\" or \"anchor\""
  std::string expectation() const;
};

struct Section {
  std::vector<std::string> path;  ///< {"model", "decoder"}
  std::string doc;
  std::vector<Key> keys;
  bool array = false;  ///< [[path]] with a name each

  /// The struct of this section; of an array, that of the element called `name`, made if there is
  /// none.
  std::function<void*(Config&, std::string const& name)> table;
  /// Names of an array's elements, in order.
  std::function<std::vector<std::string>(Config const&)> names;

  Key const* find(std::string const& key) const;
};

std::vector<Section> const& schema();

}  // namespace accord::app
