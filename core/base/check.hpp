#pragma once
// ACCORD_CHECK guards contracts between parts of the program and is always on; a failure is a bug
// (exit 70). What a user can cause (files, keys, shapes of data) throws UsageError, DataError or
// IoError with a message of its own.

#include <fmt/format.h>

#include "core/base/error.hpp"

/// ACCORD_CHECK(a == b, "gelu: x has {} elements, y has {}", a, b)
#define ACCORD_CHECK(condition, ...)                                                              \
  do {                                                                                            \
    if (!(condition)) [[unlikely]]                                                                \
      throw ::accord::Error(fmt::format("{} ({} at {}:{})", fmt::format(__VA_ARGS__), #condition, \
                                        __FILE_NAME__, __LINE__));                                \
  } while (0)

/// Debug builds only: conditions on hot paths.
#ifdef ACCORD_DEBUG
#define ACCORD_ASSERT(condition) ACCORD_CHECK(condition, "assertion failed")
#else
#define ACCORD_ASSERT(condition) ((void)0)
#endif

#ifndef __FILE_NAME__
#define __FILE_NAME__ __FILE__
#endif
