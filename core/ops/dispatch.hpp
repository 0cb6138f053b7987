#pragma once
// From an op's untyped header to its typed implementation. An op named f has, in its header, the
// untyped contract f and ACCORD_BACKENDS(void f(Queue&, ...)), which declares reference::f<T>,
// cpu::f<T>, cuda::f<T>; in its .cpp the checks and one ACCORD_DISPATCH; in reference/f.cpp,
// cpu/f.cpp (cuda/f.cu) the implementations with explicit instantiations.
//
// Every op is asynchronous on its queue, as Queue is: done at the return on reference and cpu, only
// enqueued on cuda, where no op waits. What it reads and writes on the device must stay until the
// queue has passed the call. A Tensor of the same queue may end right behind it: its memory is
// given again only to what the queue does later. Memory of another queue, or of a stream of its
// own, must be held until a wait. Arguments on the host (shapes, options, plans' vectors) are read
// before the return.

#include "core/base/build.hpp"
#include "core/base/check.hpp"
#include "core/base/dtype.hpp"
#include "core/base/queue.hpp"
#include "core/base/trace.hpp"

#define ACCORD_BACKENDS(...) \
  namespace reference {      \
  template <class T>         \
  __VA_ARGS__;               \
  }                          \
  namespace cpu {            \
  template <class T>         \
  __VA_ARGS__;               \
  }                          \
  namespace cuda {           \
  template <class T>         \
  __VA_ARGS__;               \
  }

/// Calls backend::function<T>(queue, ...) and returns from the enclosing void function. reference
/// and cpu know float64 and float32, cuda float32 and bfloat16. A trace of ops has it as a span.
#define ACCORD_DISPATCH(queue, dtype, function, ...)                                            \
  do {                                                                                          \
    ::accord::DType const dispatch_dtype_ = (dtype);                                            \
    ::accord::OpSpan const dispatch_span_((queue), #function);                                  \
    switch ((queue).backend()) {                                                                \
      case ::accord::Backend::reference:                                                        \
        if (dispatch_dtype_ == ::accord::DType::float64)                                        \
          return reference::function<double>(queue, __VA_ARGS__);                               \
        if (dispatch_dtype_ == ::accord::DType::float32)                                        \
          return reference::function<float>(queue, __VA_ARGS__);                                \
        break;                                                                                  \
      case ::accord::Backend::cpu:                                                              \
        if (dispatch_dtype_ == ::accord::DType::float64)                                        \
          return cpu::function<double>(queue, __VA_ARGS__);                                     \
        if (dispatch_dtype_ == ::accord::DType::float32)                                        \
          return cpu::function<float>(queue, __VA_ARGS__);                                      \
        break;                                                                                  \
      case ::accord::Backend::cuda:                                                             \
        if constexpr (::accord::build::has_cuda) {                                              \
          if (dispatch_dtype_ == ::accord::DType::float32)                                      \
            return cuda::function<float>(queue, __VA_ARGS__);                                   \
          if (dispatch_dtype_ == ::accord::DType::bfloat16)                                     \
            return cuda::function<::accord::BFloat16>(queue, __VA_ARGS__);                      \
        } else {                                                                                \
          throw ::accord::UsageError(#function                                                  \
                                     ": built without CUDA; configure with ACCORD_CUDA=ON");    \
        }                                                                                       \
        break;                                                                                  \
    }                                                                                           \
    throw ::accord::UsageError(fmt::format(#function ": {} is not supported on the {} backend", \
                                           ::accord::name_of(dispatch_dtype_),                  \
                                           ::accord::name_of((queue).backend())));              \
  } while (0)
