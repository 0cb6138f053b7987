#pragma once
// Loops over the threads of the cpu backend.

#include <omp.h>

#include <algorithm>

#include "core/base/dtype.hpp"

namespace accord {

/// Calls body(begin, end) over consecutive chunks of [0, count), one chunk per thread; on the
/// calling thread alone when the work is small. Chunk borders depend on the thread count only,
/// never on timing. `grain`: the least count worth a thread.
template <class Body>
void parallel_for(Index count, Index grain, Body&& body) {
  Index const threads =
      omp_in_parallel() ? 1
                        : std::min<Index>(omp_get_max_threads(), count / std::max<Index>(grain, 1));
  if (threads <= 1) {
    if (count > 0) body(Index{0}, count);
    return;
  }
#pragma omp parallel num_threads(static_cast <int>(threads))
  {
    Index const t = omp_get_thread_num(), n = omp_get_num_threads();
    Index const begin = count * t / n, end = count * (t + 1) / n;
    if (begin < end) body(begin, end);
  }
}

}  // namespace accord
