#pragma once
// Text of unknown origin, made harmless for a terminal.

#include <cstddef>
#include <string>
#include <string_view>

namespace accord {

/// `text` with everything that steers a terminal or hides what stands there spelled out: control
/// characters, line ends and tabs included ("\n", "\x1B", "\u009B"), marks that turn the direction
/// of writing, and bytes that are not UTF-8. Anything else stays as it is, so printing what is
/// printable already changes nothing.
std::string printable(std::string_view text);

/// The beginning of it, if there is more than `most` bytes, and how many there are.
std::string printable(std::string_view text, std::size_t most);

/// A message of ours that may hold such text: its line ends stay.
std::string printable_lines(std::string_view text);

}  // namespace accord
