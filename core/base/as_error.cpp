#include "core/base/as_error.hpp"

#include <filesystem>
#include <new>

namespace accord {

Error as_error(std::exception_ptr const& failure) {
  try {
    std::rethrow_exception(failure);
  } catch (Error const& error) {
    return error;
  } catch (std::filesystem::filesystem_error const& error) {
    return IoError(error.what());
  } catch (std::bad_alloc const&) {
    return Error("out of memory");
  } catch (std::exception const& error) {
    return Error(error.what());
  }
}

}  // namespace accord
