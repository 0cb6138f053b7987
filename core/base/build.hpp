#pragma once
// Facts fixed when the program was compiled.
namespace accord::build {
#ifdef ACCORD_DEBUG
inline constexpr bool debug = true;
#else
inline constexpr bool debug = false;
#endif
#ifdef ACCORD_HAS_CUDA
inline constexpr bool has_cuda = true;
#else
inline constexpr bool has_cuda = false;
#endif
}  // namespace accord::build
