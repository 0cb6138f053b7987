#include "io/dataset/input/sidecar.hpp"

#include <fmt/format.h>

#include "core/base/error.hpp"
#include "io/text/json_object.hpp"
#include "io/text/plain_text.hpp"

namespace accord::io {
namespace {

using Kind = JsonValue::Kind;

/// False: neither a text nor a list of texts.
bool read_captions(JsonValue const& value, std::vector<std::string>& captions) {
  if (value.kind == Kind::text) captions.push_back(value.text);
  for (JsonValue const& entry : value.list) {
    if (entry.kind == Kind::text)
      captions.push_back(entry.text);
    else if (entry.kind != Kind::null)
      return false;
  }
  return value.kind == Kind::text || value.kind == Kind::list || value.kind == Kind::null;
}

}  // namespace

std::optional<SidecarFault> read_sidecar(std::string const& json, std::string const& label_field,
                                         Sidecar& sidecar) {
  std::map<std::string, JsonValue> fields;
  try {
    fields = parse_json_object(plain_text(json, "encoding"));
  } catch (DataError const& error) {
    return SidecarFault{"damaged .json", error.what()};
  }
  for (auto const& [name, value] : fields)
    if (value.kind == Kind::text || value.kind == Kind::number || value.kind == Kind::truth)
      sidecar.fields[name] = value.text;
  for (char const* name : {"caption", "text"}) {
    auto const field = fields.find(name);
    if (!sidecar.captions.empty() || field == fields.end()) continue;
    if (!read_captions(field->second, sidecar.captions))
      return SidecarFault{"caption that is neither text nor a list of texts",
                          fmt::format("field {} of its .json", name)};
  }
  auto const label = fields.find(label_field);
  if (label_field.empty() || label == fields.end()) return std::nullopt;
  switch (label->second.kind) {
    case Kind::list:
    case Kind::object:
      return SidecarFault{"label that is neither text nor number",
                          fmt::format("field {} of its .json", label_field)};
    case Kind::null:
      return std::nullopt;
    default:
      sidecar.label = label->second.text;
      return std::nullopt;
  }
}

}  // namespace accord::io
