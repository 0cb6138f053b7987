#include "app/config/config.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <set>

#include "app/cli/text.hpp"
#include "app/config/presets.hpp"
#include "app/config/schema.hpp"
#include "app/config/source.hpp"
#include "core/base/check.hpp"
#include "core/model/modality/adapter.hpp"
#include "io/file/file.hpp"

namespace accord::app {
namespace {

/// What an entry's path means: a key of a section (and of an array's element), or an array's
/// element itself.
struct Target {
  Section const* section = nullptr;
  std::string element;
  Key const* key = nullptr;
};

std::size_t edit_distance(std::string const& a, std::string const& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      std::size_t const substituted = diagonal + (a[i - 1] != b[j - 1]);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

/// Every key there is, as the user would write it; elements of arrays under the name used in
/// `path`.
std::vector<std::string> known_keys(std::vector<std::string> const& path) {
  std::vector<std::string> known;
  for (Section const& section : schema()) {
    std::string prefix = dotted(section.path) + ".";
    if (section.array)
      prefix += (path.size() > section.path.size() ? path[section.path.size()] : "NAME") + ".";
    for (Key const& key : section.keys) known.push_back(prefix + key.name);
  }
  return known;
}

[[noreturn]] void unknown_key(Entry const& entry) {
  std::string const written = dotted(entry.path);
  if (written.size() > 200)  // no typo is like that, and comparing takes long
    throw UsageError(fmt::format("{}: unknown key {}", entry.where, written));
  std::string best;
  std::size_t least = std::string::npos;
  for (std::string const& known : known_keys(entry.path)) {
    // The right key in the wrong section is as likely as a typo in the right one.
    auto const last = [](std::string const& text) { return text.substr(text.rfind('.') + 1); };
    std::size_t const distance =
        std::min(edit_distance(written, known), edit_distance(last(written), last(known)) + 3);
    if (distance < least) {
      least = distance;
      best = known;
    }
  }
  throw UsageError(fmt::format("{}: unknown key {}; did you mean {}?", entry.where, written, best));
}

Target resolve(Entry const& entry) {
  Target found;
  std::size_t longest = 0;
  for (Section const& section : schema()) {
    std::size_t const n = section.path.size();
    std::size_t const key_at = n + (section.array ? 1 : 0);
    if (n < longest || entry.path.size() <= n ||
        !std::equal(section.path.begin(), section.path.end(), entry.path.begin()))
      continue;
    if (section.array && entry.path.size() == key_at) {
      found = {&section, entry.path[n], nullptr};
    } else if (entry.path.size() == key_at + 1) {
      Key const* key = section.find(entry.path[key_at]);
      if (!key) continue;
      found = {&section, section.array ? entry.path[n] : "", key};
    } else {
      continue;
    }
    longest = n;
  }
  if (!found.section) unknown_key(entry);
  if (!found.key && entry.value != Value(found.element)) unknown_key(entry);
  return found;
}

/// The text that an entry gives: also what was typed as one but reads as a number.
std::optional<Value> text_of(Entry const& entry) {
  if (std::holds_alternative<std::string>(entry.value)) return entry.value;
  if (!entry.typed.empty()) return Value(entry.typed);
  return std::nullopt;
}

/// The value in the type of the key. Integers serve as numbers, an empty list as any list.
std::optional<Value> converted(Key const& key, Entry const& entry) {
  Value const& value = entry.value;
  auto const within = [&](double x) {
    return x <= key.maximum && (key.above_minimum ? x > key.minimum : x >= key.minimum);
  };
  switch (key.type) {
    case Key::Type::boolean:
      if (std::holds_alternative<bool>(value)) return value;
      break;
    case Key::Type::integer:
      if (auto const* x = std::get_if<std::int64_t>(&value); x && within(static_cast<double>(*x)))
        return value;
      break;
    case Key::Type::number: {
      double x = std::numeric_limits<double>::quiet_NaN();
      if (auto const* real = std::get_if<double>(&value)) x = *real;
      if (auto const* whole = std::get_if<std::int64_t>(&value)) x = static_cast<double>(*whole);
      if (std::isfinite(x) && within(x)) return Value(x);
      break;
    }
    case Key::Type::text:
      return text_of(entry);
    case Key::Type::choice: {
      std::optional<Value> const text = text_of(entry);
      if (text && std::ranges::count(key.choices, std::get<std::string>(*text)) > 0) return text;
      break;
    }
    case Key::Type::texts:
      if (std::holds_alternative<std::vector<std::string>>(value)) return value;
      break;
    case Key::Type::integers:
      if (auto const* x = std::get_if<std::vector<std::int64_t>>(&value))
        if (std::all_of(x->begin(), x->end(),
                        [&](std::int64_t i) { return within(static_cast<double>(i)); }))
          return value;
      if (auto const* x = std::get_if<std::vector<std::string>>(&value); x && x->empty())
        return Value(std::vector<std::int64_t>{});
      break;
    case Key::Type::numbers: {
      std::vector<double> numbers;
      if (auto const* x = std::get_if<std::vector<double>>(&value)) numbers = *x;
      if (auto const* x = std::get_if<std::vector<std::int64_t>>(&value))
        numbers.assign(x->begin(), x->end());
      auto const* texts = std::get_if<std::vector<std::string>>(&value);
      bool const list = !numbers.empty() || (texts && texts->empty());
      if (list && std::all_of(numbers.begin(), numbers.end(),
                              [&](double x) { return std::isfinite(x) && within(x); }))
        return Value(numbers);
      break;
    }
  }
  return std::nullopt;
}

void set(Config& config, Entry const& entry, Target const& target) {
  void* const table = target.section->table(config, target.element);
  std::optional<Value> const value = converted(*target.key, entry);
  if (!value)
    throw UsageError(fmt::format("{}: {} = {}: expected {}", entry.where, dotted(entry.path),
                                 to_toml(entry.value), target.key->expectation()));
  try {
    target.key->set(config, table, *value);
  } catch (UsageError const& error) {
    throw UsageError(fmt::format("{}: {} = {}: {}", entry.where, dotted(entry.path),
                                 to_toml(entry.value), error.what()));
  }
}

Value const* last_value(std::vector<Entry> const& entries, std::vector<std::string> const& path) {
  Value const* value = nullptr;
  for (Entry const& entry : entries)
    if (entry.path == path) value = &entry.value;
  return value;
}

/// Preset, stage, file and overrides one after another; later entries win.
std::vector<Entry> layered(std::vector<Entry> const& file, std::vector<Entry> const& overrides) {
  std::vector<Entry> given = file;
  given.insert(given.end(), overrides.begin(), overrides.end());
  std::vector<Entry> all;
  auto const add = [&](std::string_view toml, std::string const& name) {
    for (Entry& entry : entries_of(std::string(toml), name)) all.push_back(std::move(entry));
  };
  if (Value const* preset = last_value(given, {"model", "preset"}))
    if (auto const* name = std::get_if<std::string>(preset))
      if (auto const known = preset_names();
          std::find(known.begin(), known.end(), *name) != known.end())
        add(preset_toml(*name), "preset " + *name);
  bool const own_objectives = std::any_of(file.begin(), file.end(),
                                          [](Entry const& e) { return e.path[0] == "objective"; });
  if (!own_objectives) {
    Value const* stage = last_value(given, {"train", "stage"});
    auto const* number = stage ? std::get_if<std::int64_t>(stage) : nullptr;
    add(stage_toml(number ? static_cast<int>(*number) : TrainConfig().stage), "train.stage");
  }
  all.insert(all.end(), given.begin(), given.end());
  return all;
}

Config assemble(std::vector<Entry> const& entries) {
  Config config;
  std::vector<Target> targets;
  for (Entry const& entry : entries) targets.push_back(resolve(entry));

  // Only a file may add to a list; an override that names no element is a typo.
  std::set<std::pair<Section const*, std::string>> announced;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    Target const& target = targets[i];
    if (!target.section->array) continue;
    if (!target.key) {
      announced.emplace(target.section, target.element);
      target.section->table(config, target.element);
    } else if (!announced.contains({target.section, target.element})) {
      throw UsageError(fmt::format("{}: {}: there is no [[{}]] named \"{}\"; there is {}",
                                   entries[i].where, dotted(entries[i].path),
                                   dotted(target.section->path), target.element,
                                   joined(target.section->names(config))));
    }
  }
  for (bool const first : {true, false})
    for (std::size_t i = 0; i < entries.size(); ++i)
      if (targets[i].key && targets[i].key->first == first) set(config, entries[i], targets[i]);

  for (std::size_t i = 0; i < entries.size(); ++i) {
    Target const& target = targets[i];
    if (!target.key || target.key->adapters.empty()) continue;
    auto const* modality =
        static_cast<ModalityConfig const*>(target.section->table(config, target.element));
    if (!target.key->belongs_to(modality->adapter))
      throw UsageError(fmt::format(
          "{}: {} belongs to modalities with adapter = \"{}\"; \"{}\" has adapter = \"{}\"",
          entries[i].where, dotted(entries[i].path), joined(target.key->adapters), modality->name,
          modality->adapter));
  }
  return config;
}

/// Fills in what follows from other keys.
void derive(Config& config) {
  if (config.data.max_tokens == 0)
    config.data.max_tokens = config.data.tokenizer == "bytes" ? 200 : 70;
  for (ModalityConfig& modality : config.model.modalities)
    if (reads_text(modality)) modality.max_tokens = config.data.max_tokens;
  for (ObjectiveConfig& objective : config.model.objectives) {
    std::sort(objective.student.begin(), objective.student.end());
    std::sort(objective.teacher.begin(), objective.teacher.end());
    bool const alone = objective.student.size() == 1;
    if (objective.modality == Modality::none && alone)
      objective.modality = objective.student.front();
  }
}

Config resolved(std::vector<Entry> const& file, std::vector<std::string> const& overrides) {
  std::vector<Entry> given;
  for (std::string const& text : overrides)
    for (Entry& entry : entries_of_override(text)) given.push_back(std::move(entry));
  Config config = assemble(layered(file, given));
  derive(config);
  check(config);
  return config;
}

}  // namespace

Config::Config() {
  model.encoder.layer_scale_init = 1e-6;
  model.no_decay = published_no_decay();
}

Config load_config(std::filesystem::path const& file, std::vector<std::string> const& overrides) {
  if (!std::filesystem::exists(file))
    throw UsageError(fmt::format("{}: there is no such configuration file", file.string()));
  if (!std::filesystem::is_regular_file(file))
    throw UsageError(fmt::format("{}: not a file; give a configuration in TOML", file.string()));
  constexpr std::uint64_t most = 16 << 20;  // bytes
  return resolved(entries_of(io::read_file(file, most), file.string()), overrides);
}

Config parse_config(std::string const& toml, std::string const& name,
                    std::vector<std::string> const& overrides) {
  return resolved(entries_of(toml, name), overrides);
}

std::string to_toml(Config const& config) {
  std::string out;
  auto const write_keys = [&](Section const& section, std::string const& element) {
    void* const table = section.table(const_cast<Config&>(config), element);
    for (Key const& key : section.keys) {
      if (!key.adapters.empty() &&
          !key.belongs_to(static_cast<ModalityConfig const*>(table)->adapter))
        continue;
      out += fmt::format("{} = {}\n", key.name, to_toml(key.get(config, table)));
    }
    out += '\n';
  };
  for (Section const& section : schema()) {
    if (!section.array) {
      out += fmt::format("[{}]\n", dotted(section.path));
      write_keys(section, "");
      continue;
    }
    for (std::string const& name : section.names(config)) {
      out += fmt::format("[[{}]]\nname = {}\n", dotted(section.path), to_toml(Value(name)));
      write_keys(section, name);
    }
  }
  out.pop_back();
  return out;
}

std::string configuration_reference() {
  std::string out;
  Config const fresh;
  for (Section const& section : schema()) {
    std::string const title = section.array ? fmt::format("[[{}]]", dotted(section.path))
                                            : fmt::format("[{}]", dotted(section.path));
    out += fmt::format("## `{}`\n\n{}\n\n| key | default | value | meaning |\n|---|---|---|---|\n",
                       title, section.doc);
    Config scratch = fresh;
    void* const table = section.table(scratch, "NAME");
    for (Key const& key : section.keys)
      out += fmt::format("| `{}`{} | `{}` | {} | {} |\n", key.name,
                         key.adapters.empty() ? "" : fmt::format(" ({})", joined(key.adapters)),
                         to_toml(key.get(scratch, table)), key.expectation(), key.doc);
    out += '\n';
  }
  return out;
}

}  // namespace accord::app
