#include "io/checkpoint/run_state.hpp"

#include <fmt/format.h>

#include <cstdio>
#include <nlohmann/json.hpp>

#include "core/base/error.hpp"
#include "io/file/integer_text.hpp"
#include "io/file/json.hpp"
#include "io/file/json_integer.hpp"

namespace accord::io {
namespace {

using Json = nlohmann::ordered_json;

void put(Json& json, char const* name, std::string const& text) {
  if (!text.empty()) json[name] = text;
}

/// Null where the object has no such field.
Json const* field(Json const& object, char const* name) {
  if (!object.is_object())
    throw DataError(fmt::format("{} where an object is expected", object.dump()));
  auto const found = object.find(name);
  return found == object.end() ? nullptr : &*found;
}

std::string text_of(Json const& object, char const* name) {
  Json const* const value = field(object, name);
  return value ? value->get<std::string>() : "";
}

template <class T>
T integer_of(Json const& object, char const* name) {
  Json const* const value = field(object, name);
  return value ? json_integer<T>(*value) : 0;
}

std::string note(std::map<std::string, std::string> const& notes, std::string const& name) {
  auto const found = notes.find(name);
  return found == notes.end() ? "" : found->second;
}

}  // namespace

std::string to_string(RunLayout const& layout) {
  if (layout == RunLayout{}) return "";
  return fmt::format("data {} x pipeline {} x tensor {}", layout.data, layout.pipeline,
                     layout.tensor);
}

std::string to_json(RunState const& state) {
  Json json = Json::object();
  put(json, "id", state.id);
  put(json, "build", state.build);
  put(json, "made_from", state.made_from);
  BitConditions const& conditions = state.conditions;
  Json bits = Json::object();
  put(bits, "program", conditions.program);
  put(bits, "device", conditions.device);
  put(bits, "library", conditions.library);
  put(bits, "processor", conditions.processor);
  if (conditions.threads > 0) bits["threads"] = conditions.threads;
  if (RunLayout const& layout = conditions.layout; layout != RunLayout{})
    bits["layout"] = {
        {"data", layout.data}, {"pipeline", layout.pipeline}, {"tensor", layout.tensor}};
  if (!bits.empty()) json["conditions"] = std::move(bits);
  if (state.total_steps) json["total_steps"] = *state.total_steps;
  json["skipped_samples"] = state.skipped_samples;
  put(json, "carried_configuration", state.carried_configuration);
  for (RunChange const& change : state.history)
    json["changes"].push_back({{"step", change.step},
                               {"key", change.key},
                               {"before", change.before},
                               {"after", change.after}});
  return json.dump();
}

RunState run_state_from_json(std::string_view text) {
  try {
    Json const json = parse_json<Json>(text);
    RunState state;
    state.id = text_of(json, "id");
    state.build = text_of(json, "build");
    state.made_from = text_of(json, "made_from");
    if (Json const* const bits = field(json, "conditions")) {
      state.conditions = {text_of(*bits, "program"), text_of(*bits, "device"),
                          text_of(*bits, "library"), text_of(*bits, "processor"),
                          integer_of<int>(*bits, "threads")};
      if (Json const* const at = field(*bits, "layout"))
        state.conditions.layout = {integer_of<int>(*at, "data"), integer_of<int>(*at, "pipeline"),
                                   integer_of<int>(*at, "tensor")};
    }
    if (field(json, "total_steps")) state.total_steps = integer_of<Index>(json, "total_steps");
    state.skipped_samples = integer_of<Index>(json, "skipped_samples");
    state.carried_configuration = text_of(json, "carried_configuration");
    if (Json const* const history = field(json, "changes"))
      for (Json const& change : *history)
        state.history.push_back({integer_of<Index>(change, "step"), text_of(change, "key"),
                                 text_of(change, "before"), text_of(change, "after")});
    return state;
  } catch (Json::exception const& error) {
    throw DataError(fmt::format("the state of the run cannot be read: {}", error.what()));
  }
}

RunState run_state_from_notes(std::map<std::string, std::string> const& notes) {
  RunState state;
  state.build = note(notes, "build");
  for (char const* verb : {"imported", "exported", "merged"})
    if (std::string const from = note(notes, std::string(verb) + "_from"); !from.empty())
      state.made_from = fmt::format("{} from {}", verb, from);
  BitConditions& conditions = state.conditions;
  conditions.program = note(notes, "program");
  conditions.device = note(notes, "device");
  conditions.library = note(notes, "library");
  conditions.processor = note(notes, "processor");
  if (std::string const threads = note(notes, "threads"); !threads.empty())
    conditions.threads = integer_in<int>(threads);
  if (std::string const text = note(notes, "layout"); !text.empty()) {
    RunLayout& layout = conditions.layout;
    if (std::sscanf(text.c_str(), "data %d x pipeline %d x tensor %d", &layout.data,
                    &layout.pipeline, &layout.tensor) != 3)
      throw DataError(fmt::format("layout '{}'", text));
  }
  if (std::string const steps = note(notes, "total_steps"); !steps.empty())
    state.total_steps = integer_in<Index>(steps);
  if (std::string const skipped = note(notes, "skipped_samples"); !skipped.empty())
    state.skipped_samples = integer_in<Index>(skipped);
  state.carried_configuration = note(notes, "carried_from");
  return state;
}

}  // namespace accord::io
