#pragma once
// Ties keys and sections of the schema to members of the configuration structs; only
// config_schema.cpp needs it.

#include <functional>
#include <limits>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "app/config/schema.hpp"

namespace accord::app {

/// The struct a key's accessor wants: the section's own, or the whole Config for keys that live
/// elsewhere in it.
template <class Table>
Table& table_of(Config& config, void const* table) {
  if constexpr (std::is_same_v<Table, Config>)
    return config;
  else
    return *static_cast<Table*>(const_cast<void*>(table));
}

/// One key of struct Table, reached through `access`, a pointer to member or a function
/// Member&(Table&). The type follows from the member's.
template <class Table, class Access>
class Bound {
  using Member = std::remove_reference_t<std::invoke_result_t<Access, Table&>>;

 public:
  Bound(std::string name, Access access, std::string doc) {
    key_.name = std::move(name);
    key_.doc = std::move(doc);
    if constexpr (std::is_same_v<Member, bool>)
      key_.type = Key::Type::boolean;
    else if constexpr (std::is_integral_v<Member>)
      key_.type = Key::Type::integer;
    else if constexpr (std::is_floating_point_v<Member>)
      key_.type = Key::Type::number;
    else if constexpr (std::is_same_v<Member, std::string>)
      key_.type = Key::Type::text;
    else if constexpr (std::is_same_v<Member, std::vector<std::string>>)
      key_.type = Key::Type::texts;
    else if constexpr (std::is_same_v<Member, std::vector<double>>)
      key_.type = Key::Type::numbers;
    else
      key_.type = Key::Type::integers;
    key_.get = [access](Config const& config, void const* table) {
      Member const& x = std::invoke(access, table_of<Table>(const_cast<Config&>(config), table));
      if constexpr (std::is_integral_v<Member> && !std::is_same_v<Member, bool>)
        return Value(static_cast<std::int64_t>(x));
      else
        return Value(x);
    };
    key_.set = [access](Config& config, void* table, Value const& value) {
      Member& x = std::invoke(access, table_of<Table>(config, table));
      if constexpr (std::is_integral_v<Member> && !std::is_same_v<Member, bool>)
        x = static_cast<Member>(std::get<std::int64_t>(value));
      else
        x = std::get<Member>(value);
    };
    if constexpr (std::is_integral_v<Member> && sizeof(Member) < sizeof(std::int64_t) &&
                  !std::is_same_v<Member, bool>)
      at_least(static_cast<double>(std::numeric_limits<Member>::min()))
          .at_most(static_cast<double>(std::numeric_limits<Member>::max()));
    else if (key_.type == Key::Type::integer || key_.type == Key::Type::integers)
      at_most(std::numeric_limits<int>::max());  // products of two still fit
  }

  Bound& at_least(double minimum) { return key_.minimum = minimum, *this; }
  Bound& at_most(double maximum) { return key_.maximum = maximum, *this; }
  /// An integer that counts what comes one after another, as steps: as large as doubles hold.
  Bound& a_count() { return at_least(0).at_most(static_cast<double>(Index{1} << 53)); }
  /// No limit here: a check that knows what else depends on it says more.
  Bound& checked_later() { return at_most(std::numeric_limits<double>::infinity()); }
  Bound& above(double minimum) { return key_.above_minimum = true, at_least(minimum); }
  Bound& one_of(std::vector<std::string> names) {
    key_.type = Key::Type::choice;
    key_.choices = std::move(names);
    return *this;
  }
  operator Key() const { return key_; }

 private:
  Key key_;
};

template <class Table, class Access>
Bound<Table, Access> key(std::string name, Access access, std::string doc) {
  return {std::move(name), access, std::move(doc)};
}

/// A key that names a value of an enumeration (or a flag with named states).
template <class Table, class Access, class Choice>
Key choice(std::string name, Access access,
           std::vector<std::pair<std::string, Choice>> const& named, std::string doc) {
  Key key;
  key.name = std::move(name);
  key.type = Key::Type::choice;
  key.doc = std::move(doc);
  for (auto const& [text, value] : named) key.choices.push_back(text);
  key.get = [access, named](Config const& config, void const* table) {
    auto const& x = std::invoke(access, table_of<Table>(const_cast<Config&>(config), table));
    for (auto const& [text, value] : named)
      if (value == x) return Value(text);
    return Value(std::string());
  };
  key.set = [access, named](Config& config, void* table, Value const& text) {
    for (auto const& [name, value] : named)
      if (name == std::get<std::string>(text))
        std::invoke(access, table_of<Table>(config, table)) = value;
  };
  return key;
}

template <class Access>
Section section(std::vector<std::string> path, Access access, std::string doc,
                std::vector<Key> keys) {
  Section out;
  out.path = std::move(path);
  out.doc = std::move(doc);
  out.keys = std::move(keys);
  out.table = [access](Config& config, std::string const&) -> void* {
    return &std::invoke(access, config);
  };
  return out;
}

template <class Access, class Element = typename std::remove_reference_t<
                            std::invoke_result_t<Access, Config&>>::value_type>
Section array_section(std::vector<std::string> path, Access access, std::string doc,
                      std::vector<Key> keys, Element const& fresh = {}) {
  Section out = section(std::move(path), access, std::move(doc), std::move(keys));
  out.array = true;
  out.table = [access, fresh](Config& config, std::string const& name) -> void* {
    std::vector<Element>& elements = std::invoke(access, config);
    for (Element& element : elements)
      if (element.name == name) return &element;
    elements.push_back(fresh);
    elements.back().name = name;
    return &elements.back();
  };
  out.names = [access](Config const& config) {
    std::vector<std::string> names;
    for (Element const& element : std::invoke(access, const_cast<Config&>(config)))
      names.push_back(element.name);
    return names;
  };
  return out;
}

/// Marks a key that may change when a run resumes.
inline Key may_change(Key key) {
  key.free = true;
  return key;
}

/// Marks one that may change where that is asked for (`train --allow-change`).
inline Key on_request(Key key) {
  key.on_request = true;
  return key;
}

inline Section may_change(Section section) {
  for (Key& key : section.keys) key.free = true;
  return section;
}

}  // namespace accord::app
