#pragma once
// Where work goes.

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "core/base/memory.hpp"
#include "core/base/stream.hpp"

namespace accord {

class Trace;
class Whereabouts;

/// One matrix product: C [m, n] from op(A) [m, k] and op(B) [k, n].
struct ProductShape {
  std::int64_t m = 0, n = 0, k = 0;
  bool transpose_a = false, transpose_b = false;
};

/// An ordered queue of operations on one backend, with the memory they use. First argument of every
/// op. On reference and cpu an op is done when the call returns; on cuda it is only enqueued, and
/// wait() or a copy to the host joins. Not thread-safe: one Queue per thread of control.
class Queue {
 public:
  /// \throws UsageError for cuda where there is no device to use, saying why.
  explicit Queue(Backend backend);
  Queue(Queue const&) = delete;
  Queue& operator=(Queue const&) = delete;

  Backend backend() const { return backend_; }
  Memory& memory() { return memory_; }
  /// The host waits until everything enqueued is done.
  void wait() {
    if (stream_) wait_for_stream();
  }
  /// Of a queue on the cuda backend.
  cuda::Stream& stream() { return *stream_; }

  /// Floating-point operations of the matrix products and attentions enqueued so far; multiply-add
  /// = 2.
  double flops() const { return flops_; }
  void count_flops(double flops) { flops_ += flops; }
  /// From now on every matrix product is noted in `products` (null: no more), for benchmarks to
  /// measure on its own.
  void record_products(std::vector<ProductShape>* products) { products_ = products; }
  void count_product(ProductShape const& shape) {
    count_flops(2.0 * static_cast<double>(shape.m) * static_cast<double>(shape.n) *
                static_cast<double>(shape.k));
    if (products_) products_->push_back(shape);
  }

  /// From now on spans of time are noted in `trace` (null: no more), which must outlive that.
  void record_trace(Trace* trace) { trace_ = trace; }
  Trace* trace() const { return trace_; }
  /// From now on every op and span of time is shown there while it lasts (null: no more).
  void record_whereabouts(Whereabouts* whereabouts) { whereabouts_ = whereabouts; }
  Whereabouts* whereabouts() const { return whereabouts_; }

 private:
  void wait_for_stream();

  Backend backend_;
  Trace* trace_ = nullptr;
  Whereabouts* whereabouts_ = nullptr;
  double flops_ = 0;
  std::vector<ProductShape>* products_ = nullptr;
  Memory memory_;
  std::unique_ptr<cuda::Stream, cuda::StreamDeleter> stream_;
};

}  // namespace accord
