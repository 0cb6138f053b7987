#pragma once

#include <span>

#include "core/base/dtype.hpp"
#include "core/comm/communicator.hpp"

namespace accord::parallel {

/// result[i] = ((sources[0][i] op sources[1][i]) op sources[2][i]) ... for i in [0, count), on the
/// host, in the elements' own type. max takes a NaN wherever one is. The result may be one of the
/// sources; otherwise nothing overlaps.
/// \throws UsageError for types that have no such arithmetic on the host (bfloat16, uint8).
void ordered_fold(DType dtype, Reduce op, std::span<void const* const> sources, void* result,
                  Index count);

}  // namespace accord::parallel
