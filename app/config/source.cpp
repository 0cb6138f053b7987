#include "app/config/source.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <string_view>
#include <utility>

#include "app/cli/text.hpp"
#include "core/base/dtype.hpp"
#include "core/base/error.hpp"

namespace accord::app {
namespace {

constexpr std::size_t deepest = 16;          ///< parts of a key: four times what any of ours has
constexpr std::size_t most_elements = 1000;  ///< of an array of tables

/// A value that no key can have.
struct NoValue : UsageError {
  using UsageError::UsageError;
};

/// The first line with a key of more than `deepest` parts; 0 if there is none. Such keys are
/// refused before the library reads them: it makes a table in a table for each part, and takes them
/// apart by recursion.
Index line_of_deep_key(std::string_view toml) {
  Index line = 1;
  std::size_t parts = 1;
  std::size_t at = 0;
  auto const starts = [&](std::string_view text) { return toml.substr(at).starts_with(text); };
  while (at < toml.size()) {
    char const c = toml[at];
    if (c == '"' || c == '\'') {
      std::string const quotes(starts(std::string(3, c)) ? 3 : 1, c);
      for (at += quotes.size(); at < toml.size() && !starts(quotes); ++at) {
        if (toml[at] == '\\' && c == '"') ++at;
        if (at < toml.size() && toml[at] == '\n') {
          ++line;
          if (quotes.size() == 1) break;  // ends here; the library says that it should not
        }
      }
      at += quotes.size();
      // The last of these may have two more before them, which belong to the text.
      for (int more = 0; quotes.size() == 3 && more < 2 && at < toml.size() && toml[at] == c;
           ++more)
        ++at;
      continue;
    }
    if (c == '#') at = std::min(toml.find('\n', at), toml.size());
    if (at < toml.size() && toml[at] == '\n') ++line;
    if (c == '.' && ++parts > deepest) return line;
    if (std::string_view("=,[]{}#\n").find(c) != std::string_view::npos) parts = 1;
    ++at;
  }
  return 0;
}

class Flattener {
 public:
  explicit Flattener(std::string file) : file_(std::move(file)) {}

  void table(toml::table const& table, std::vector<std::string> const& at,
             std::string_view left_out = "") {
    // toml++ keeps keys sorted; the order of the file decides the order of [[tables]], so read by
    // position.
    if (at.size() > deepest)
      throw NoValue(fmt::format("{}: tables in tables, more than {} deep", place(table), deepest));
    std::vector<std::pair<toml::source_position, toml::key const*>> order;
    for (auto const& [key, node] : table)
      if (key.str() != left_out) order.emplace_back(begin_of(node), &key);
    std::stable_sort(order.begin(), order.end(),
                     [](auto const& a, auto const& b) { return a.first < b.first; });
    for (auto const& [position, key] : order) {
      std::vector<std::string> path = at;
      path.emplace_back(key->str());
      node(*table.get(key->str()), path);
    }
  }

  std::vector<Entry> take() { return std::move(entries_); }

 private:
  static toml::source_position begin_of(toml::node const& node) {
    // An array of tables begins, for our purpose, where its first table does.
    if (toml::array const* array = node.as_array(); array && !array->empty())
      return array->front().source().begin;
    return node.source().begin;
  }

  void node(toml::node const& node, std::vector<std::string> const& path) {
    std::string const where = place(node);
    if (toml::table const* inner = node.as_table()) {
      table(*inner, path);
    } else if (toml::array const* array = node.as_array()) {
      this->array(*array, path, where);
    } else if (auto const boolean = node.value_exact<bool>()) {
      entries_.push_back({path, *boolean, where});
    } else if (auto const integer = node.value_exact<std::int64_t>()) {
      entries_.push_back({path, *integer, where});
    } else if (auto const number = node.value_exact<double>()) {
      entries_.push_back({path, *number, where});
    } else if (auto const text = node.value_exact<std::string>()) {
      entries_.push_back({path, *text, where});
    } else {
      throw NoValue(fmt::format("{}: {} is a date or time; expected a number, text or list", where,
                                dotted(path)));
    }
  }

  void array(toml::array const& array, std::vector<std::string> const& path,
             std::string const& where) {
    if (array.is_array_of_tables()) {
      for (toml::node const& element : array) named_table(*element.as_table(), path);
      return;
    }
    std::vector<std::string> texts;
    std::vector<std::int64_t> integers;
    std::vector<double> numbers;
    for (toml::node const& element : array) {
      if (auto const text = element.value_exact<std::string>()) texts.push_back(*text);
      if (auto const integer = element.value_exact<std::int64_t>()) integers.push_back(*integer);
      if (element.is_number()) numbers.push_back(*element.value<double>());
    }
    if (!array.empty() && integers.size() == array.size())
      entries_.push_back({path, integers, where});
    else if (!array.empty() && numbers.size() == array.size())
      entries_.push_back({path, numbers, where});
    else if (texts.size() == array.size())
      entries_.push_back({path, texts, where});
    else
      throw NoValue(
          fmt::format("{}: {} must be a list of texts or a list of numbers", where, dotted(path)));
  }

  void named_table(toml::table const& table, std::vector<std::string> path) {
    auto const name = table["name"].value_exact<std::string>();
    if (!name || name->empty())
      throw UsageError(
          fmt::format("{}: this [[{}]] has no name; give it one, as in name = \"image\"",
                      place(table), dotted(path)));
    auto& elements = elements_[path];
    auto const [earlier, fresh] = elements.emplace(*name, place(table));
    if (!fresh)
      throw UsageError(fmt::format("{}: a second [[{}]] named \"{}\" (the first is at {})",
                                   place(table), dotted(path), *name, earlier->second));
    if (elements.size() > most_elements)
      throw UsageError(
          fmt::format("{}: more than {} [[{}]]", place(table), most_elements, dotted(path)));
    path.push_back(*name);
    entries_.push_back({path, *name, place(table)});
    this->table(table, path, "name");
  }

  std::string place(toml::node const& node) const {
    return node.source().begin.line ? fmt::format("{}:{}", file_, node.source().begin.line) : file_;
  }

  std::string file_;
  std::vector<Entry> entries_;
  /// Of each array of tables the names, and where they stand.
  std::map<std::vector<std::string>, std::map<std::string, std::string>> elements_;
};

}  // namespace

std::string dotted(std::vector<std::string> const& path) { return joined(path, "."); }

std::vector<Entry> entries_of(std::string const& toml, std::string const& file) {
  try {
    if (Index const line = line_of_deep_key(toml); line > 0)
      throw UsageError(fmt::format("{}:{}: a key of more than {} parts", file, line, deepest));
    Flattener flattener(file);
    flattener.table(toml::parse(toml), {});
    return flattener.take();
  } catch (toml::parse_error const& error) {
    throw UsageError(fmt::format("{}:{}: not valid TOML: {}", file, error.source().begin.line,
                                 error.description()));
  }
}

namespace {

/// What `key = value` holds; nothing if that is no TOML.
std::vector<Entry> entries_of_line(std::string const& key, std::string const& value) {
  std::string const line = key + " = " + value;
  if (line_of_deep_key(line) > 0) return {};
  try {
    Flattener flattener("--set");
    flattener.table(toml::parse(line), {});
    return flattener.take();
  } catch (toml::parse_error const&) {
    return {};
  } catch (NoValue const&) {
    return {};
  }
}

}  // namespace

std::vector<Entry> entries_of_override(std::string const& override_text) {
  std::size_t const equals = override_text.find('=');
  if (equals == std::string::npos || equals == 0)
    throw UsageError(
        fmt::format("--set {}: expected section.key=value, as in train.steps=1000", override_text));
  std::string const key = override_text.substr(0, equals), value = override_text.substr(equals + 1);
  std::vector<Entry> entries = entries_of_line(key, value);
  // Not a TOML value: a bare string. The key alone must still be one.
  if (entries.empty()) entries = entries_of_line(key, to_toml(Value(value)));
  if (entries.empty())
    throw UsageError(
        fmt::format("--set {}: \"{}\" is not a key; expected section.key=value, as in "
                    "train.steps=1000",
                    override_text, key));
  for (Entry& entry : entries) entry.where = "--set";
  if (entries.size() == 1) entries.front().typed = value;
  return entries;
}

}  // namespace accord::app
