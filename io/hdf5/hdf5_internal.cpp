#include "io/hdf5/hdf5_internal.hpp"

#include <fmt/format.h>

#include "core/base/error.hpp"

namespace accord::io::hdf5 {
namespace {

std::mutex& global_mutex() {
  static std::mutex mutex;
  return mutex;
}

herr_t innermost(unsigned, H5E_error2_t const* error, void* out) {
  auto& text = *static_cast<std::string*>(out);
  if (text.empty() && error->desc != nullptr) text = error->desc;
  return 0;
}

}  // namespace

Lock::Lock() : guard_(global_mutex()) {
  static bool const prepared = [] {
    // A file whose close failed on a full disk stays half open inside the library, and its exit
    // handler would crash on it: the program's exit code would be lost. Every file is closed by its
    // owner, so there is nothing to do at exit.
    H5dont_atexit();
    H5open();
    H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
    H5PLset_loading_state(0);
    return true;
  }();
  static_cast<void>(prepared);
}

std::string reason() {
  std::string text;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, innermost, &text);
  H5Eclear2(H5E_DEFAULT);
  return text.empty() ? text : fmt::format(" ({})", text);
}

hid_t native_type(DType dtype) {
  switch (dtype) {
    case DType::float64:
      return H5T_NATIVE_DOUBLE;
    case DType::float32:
      return H5T_NATIVE_FLOAT;
    case DType::uint8:
      return H5T_NATIVE_UINT8;
    case DType::int32:
      return H5T_NATIVE_INT32;
    case DType::int64:
      return H5T_NATIVE_INT64;
    case DType::uint64:
      return H5T_NATIVE_UINT64;
    case DType::bfloat16:
      break;
  }
  throw Error(fmt::format("HDF5 has no type for {}", name_of(dtype)));
}

Id string_type(std::size_t bytes) {
  Id type(H5Tcopy(H5T_C_S1), H5Tclose);
  if (!type.valid() || H5Tset_size(type, bytes) < 0 || H5Tset_strpad(type, H5T_STR_NULLPAD) < 0 ||
      H5Tset_cset(type, H5T_CSET_UTF8) < 0)
    throw Error("HDF5 makes no type for texts" + reason());
  return type;
}

}  // namespace accord::io::hdf5
