#pragma once

#include <exception>

#include "core/base/error.hpp"

namespace accord {

/// Any exception as the error that a program ends with: an Error as it is, a failing file system as
/// IoError, all others internal.
Error as_error(std::exception_ptr const& failure);

}  // namespace accord
