#pragma once

#include <string>

namespace accord::app {

/// "0.1.0"
std::string version();
/// "0.1.0 (Release, native, without CUDA, g++ 12.2.0)": what decides whether two binaries compute
/// the same bits.
std::string build_description();
/// xxh3-128 of the file of this program: the same on two machines if and only if they run the same
/// binary. \throws IoError
std::string binary_hash();

}  // namespace accord::app
