#pragma once

#include <cstdint>

namespace accord {

/// What the items of a modality are: how files and shards hold them, and which reader turns their
/// bytes into the elements of an adapter's input. In the order in which datasets list modalities.
enum class ItemKind : std::uint8_t {
  picture,
  caption,  ///< words, and behind them an end mark that is never masked
  sound,
  array,
};

}  // namespace accord
