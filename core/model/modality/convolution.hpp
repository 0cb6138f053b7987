#pragma once

#include "core/model/modality/adapter.hpp"

namespace accord {

/// Sampled signals (sound, docs/model.md 1.4): a stem of convolutions turns an item into frames,
/// and u = [cls; frame] + [cls_pos; convolutional position]. The stem runs once per item, the
/// positions once per pass, over the frames that the pass keeps, moved together: a masked pass has
/// positions within what it sees (quirk Q6). 1-D relative-position bias of the true positions.
extern AdapterFamily const convolution_family;

}  // namespace accord
