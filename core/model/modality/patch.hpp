#pragma once

#include "core/model/modality/adapter.hpp"

namespace accord {

/// Square images cut into a grid of patches (docs/model.md 1.3): u = [cls; stem(patch)] +
/// pos_embed. The stem is the hMLP of three kernel = stride convolutions with norms and GELU
/// between, or one plain convolution; it runs once per image, whatever the number of passes. 2-D
/// relative-position bias.
extern AdapterFamily const patch_family;

}  // namespace accord
