#pragma once

#include <cstdint>
#include <string_view>

namespace accord {

enum class Backend : std::uint8_t {
  reference,  ///< single-threaded loops, written to be read: the oracle
  cpu,        ///< vectorised loops, OpenMP threads, BLAS
  cuda,
};

constexpr std::string_view name_of(Backend backend) {
  switch (backend) {
    case Backend::reference:
      return "reference";
    case Backend::cpu:
      return "cpu";
    case Backend::cuda:
      return "cuda";
  }
  return "?";
}

}  // namespace accord
