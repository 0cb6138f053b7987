#pragma once

#include "core/model/modality/adapter.hpp"

namespace accord {

/// Token ids (text, docs/model.md 1.2): u = [cls; embed_tokens[id]] + embed_positions. Row 1 of the
/// token table is the pad: zero, and never trained.
extern AdapterFamily const token_family;

}  // namespace accord
