#pragma once
// JSON that others wrote: read within bounds, and what is wrong with it is a DataError.

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace accord::io {

/// Whether the brackets of a JSON text are nowhere deeper than any document of ours by far. The
/// library and its users walk values by recursion, whose depth is the text's.
bool is_shallow_json(std::string_view text);

/// The document in `text`. \throws DataError without place if it is none, or too deep
template <class Json = nlohmann::json>
Json parse_json(std::string_view text) {
  if (!is_shallow_json(text)) throw DataError("brackets too deep to be read");
  try {
    return Json::parse(text);
  } catch (typename Json::parse_error const& error) {
    // Not its own words: they quote the text.
    throw DataError(fmt::format("not valid JSON at byte {}", error.byte));
  }
}

/// The same of a text that may be none: then the value is_discarded().
template <class Json = nlohmann::json>
Json try_parse_json(std::string_view text) {
  return is_shallow_json(text) ? Json::parse(text, nullptr, /*allow_exceptions=*/false)
                               : Json(Json::value_t::discarded);
}

/// What read(document) makes of `text`. \throws DataError that begins with `origin`, whether the
/// text is no JSON or its content is not what `read` expects
template <class Json = nlohmann::json, class Read>
auto read_json(std::string_view text, std::string const& origin, Read&& read) {
  try {
    return read(parse_json<Json>(text));
  } catch (typename Json::exception const& error) {
    throw DataError(fmt::format("{}: {}", origin, error.what()));
  } catch (DataError const& error) {
    throw DataError(fmt::format("{}: {}", origin, error.what()));
  }
}

}  // namespace accord::io
