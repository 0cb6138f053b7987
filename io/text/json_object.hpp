#pragma once
// JSON objects as Python writes them, which is more than JSON.

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace accord::io {

struct JsonValue {
  enum class Kind : std::uint8_t {
    null,    ///< null, or NaN: Python's libraries write either for what is missing
    truth,   ///< `text` is "true" or "false"
    number,  ///< `text` is it as it stands, of any size; "Infinity", "-Infinity"
    text,
    list,
    object,  ///< its content is not kept
  };
  Kind kind = Kind::null;
  std::string text;
  std::vector<JsonValue> list;  ///< of a list within a list the content is not kept
};

/// The fields of an object; of two with one name the last one counts. NaN, Infinity, numbers of any
/// size and escaped halves of surrogate pairs, which become U+FFFD, are taken; a byte-order mark is
/// skipped. Bytes that are no UTF-8 stay in the texts. No depth is too much for the stack.
/// \throws DataError saying what was expected at which byte
std::map<std::string, JsonValue> parse_json_object(std::string_view text);

}  // namespace accord::io
