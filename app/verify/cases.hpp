#pragma once
// What each kind of reference file is checked against: one function per kind, found by the file's
// `case`.

#include <string>

#include "app/verify/reference.hpp"

namespace accord::app {

using Case = void (*)(Queue& queue, Reference& reference);

/// The function for a case; null when this build cannot check it.
Case find_case(std::string const& name);

void verify_model_vl(Queue& queue, Reference& reference);

}  // namespace accord::app
