#pragma once
// Images to matrices for the patch stem. Every convolution of the stem has kernel = stride, so each
// is a GEMM over rows.
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include <array>

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

struct PatchLayout {
  Index size = 0;    ///< side of the square image
  Index patch = 16;  ///< side of a patch
  Index kernel =
      4;  ///< side of the first convolution: 4 (hMLP: patch = 4 * 2 * 2) or patch (plain)
  std::array<double, 3> mean{0.48145466, 0.4578275,
                             0.40821073};  ///< of CLIP (docs/model.md 3.3), for uint8 pixels
  std::array<double, 3> deviation{0.26862954, 0.26130258, 0.27577711};
};

/// pixels: uint8 [b, size * size * 3] interleaved RGB, made (v / 255 - mean) / deviation in the
/// output's type; or the output's type [b, 3 * size * size] planar, taken as it is. out [b *
/// (size/patch)^2 * (patch/kernel)^2, 3 * kernel * kernel]; a row is one kernel window, columns
/// (channel, ky, kx). Rows: image, patch row, patch column, then inside a patch by halves: (coarse
/// row, coarse column, fine row, fine column), so that the four windows a 2 x 2 convolution joins
/// are always neighbours.
void patchify(Queue& queue, ConstView pixels, PatchLayout const& layout, View out);

/// out [o, k, i] = weight [o, i, k] (k = kh * kw): a convolution's weight as the matrix [o, k * i]
/// that multiplies rows of k neighbouring windows with i channels each.
void kernel_to_matrix(Queue& queue, ConstView weight, View out);
/// dweight [o, i, k] += dout [o, k, i]
void kernel_to_matrix_backward(Queue& queue, ConstView dout, View dweight);

ACCORD_BACKENDS(void patchify(Queue& queue, ConstView pixels, PatchLayout const& layout, View out))
ACCORD_BACKENDS(void kernel_to_matrix(Queue& queue, ConstView weight, View out))
ACCORD_BACKENDS(void kernel_to_matrix_backward(Queue& queue, ConstView dout, View dweight))

}  // namespace accord
