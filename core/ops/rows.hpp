#pragma once
// Moving rows by index: packing, embedding tables, class tokens.
// Asynchronous on the queue; dispatch.hpp says what must outlive a call.

#include "core/ops/dispatch.hpp"
#include "core/tensor/view.hpp"

namespace accord {

/// to[i] = from[from_rows[i]]   from_rows int32 [m]   to [m, d]
void gather_rows(Queue& queue, ConstView from, ConstView from_rows, View to);
/// to[to_rows[i]] += from[from_rows[i]] for i = 0..m-1 in this order, whatever repeats (an
/// embedding's gradient). Either index int32 [m] may be empty: row i. `to` may be
/// accumulator_of(from's type); each addition is rounded to its type. Deterministic for any thread
/// count.
void add_rows(Queue& queue, ConstView from, ConstView from_rows, View to, ConstView to_rows);

ACCORD_BACKENDS(void gather_rows(Queue& queue, ConstView from, ConstView from_rows, View to))
ACCORD_BACKENDS(void add_rows(Queue& queue, ConstView from, ConstView from_rows, View to,
                              ConstView to_rows))

}  // namespace accord
