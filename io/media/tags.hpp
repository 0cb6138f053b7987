#pragma once
// What taggers put before and behind a sound: ID3, APE, Lyrics3. No part of the sound.

#include <cstddef>
#include <span>

namespace accord::io {

/// Bytes of the ID3v2 tags at the front, one behind another; never more than there are.
std::size_t leading_tag_bytes(std::span<std::byte const> bytes);

/// Without the tags at the end: ID3v1, APEv1 and APEv2, Lyrics3v2, ID3v2 with a footer.
std::span<std::byte const> without_trailing_tags(std::span<std::byte const> bytes);

}  // namespace accord::io
