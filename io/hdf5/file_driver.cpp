#include "io/hdf5/file_driver.hpp"

#include <algorithm>
#include <cstring>
#include <limits>
#include <optional>
#include <span>

#include "core/base/error.hpp"
#include "io/file/file.hpp"

namespace accord::io::hdf5 {
namespace {

struct Properties {
  Trouble* trouble;
};

/// What the library holds of an open file; it knows the first member alone.
struct Open {
  H5FD_t shared;
  File file;
  std::uint64_t end = 0;        ///< of the file on the disk
  std::uint64_t allocated = 0;  ///< by the library, from the beginning
  bool writing = false;
  Trouble* trouble = nullptr;
};

Open& open_of(H5FD_t* file) { return *reinterpret_cast<Open*>(file); }
Open const& open_of(H5FD_t const* file) { return *reinterpret_cast<Open const*>(file); }

/// Does `work`, notes what it throws. Exceptions must not pass through the library.
template <class Work>
bool noting(Trouble& trouble, Work&& work) {
  try {
    work();
    return true;
  } catch (...) {
    trouble.note(std::current_exception());
    return false;
  }
}

H5FD_t* open_file(char const* name, unsigned flags, hid_t access, haddr_t) {
  auto const* const properties = static_cast<Properties const*>(H5Pget_driver_info(access));
  if (properties == nullptr) return nullptr;
  std::unique_ptr<Open> open;
  noting(*properties->trouble, [&] {
    bool const writing = (flags & H5F_ACC_RDWR) != 0;
    open.reset(new Open{{}, writing ? File::open_write(name) : File::open_read(name)});
    if ((flags & H5F_ACC_TRUNC) != 0) open->file.resize(0);
    open->end = open->file.size();
    open->writing = writing;
    open->trouble = properties->trouble;
  });
  if (properties->trouble->any()) return nullptr;
  return &open.release()->shared;
}

herr_t close_file(H5FD_t* file) {
  std::unique_ptr<Open> const open(&open_of(file));
  noting(*open->trouble, [&] { open->file.close(); });
  return 0;
}

herr_t query(H5FD_t const*, unsigned long* flags) {
  // Those of the library's own driver that decide how bytes are arranged.
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_ACCUMULATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_SUPPORTS_SWMR_IO |
           H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  return 0;
}

haddr_t allocated(H5FD_t const* file, H5FD_mem_t) { return open_of(file).allocated; }

herr_t set_allocated(H5FD_t* file, H5FD_mem_t, haddr_t address) {
  open_of(file).allocated = address;
  return 0;
}

haddr_t end(H5FD_t const* file, H5FD_mem_t) { return open_of(file).end; }

herr_t read(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, std::size_t bytes, void* out) {
  Open& open = open_of(file);
  std::size_t const there = address < open.end ? std::min(bytes, open.end - address) : 0;
  std::memset(static_cast<std::byte*>(out) + there, 0, bytes - there);
  bool const good = noting(*open.trouble, [&] {
    open.file.read_at(address, {static_cast<std::byte*>(out), there});
  });
  return good ? 0 : -1;
}

herr_t write(H5FD_t* file, H5FD_mem_t, hid_t, haddr_t address, std::size_t bytes,
             void const* values) {
  Open& open = open_of(file);
  if (!open.trouble->any())
    noting(*open.trouble, [&] {
      open.file.write_at(address, {static_cast<std::byte const*>(values), bytes});
    });
  open.end = std::max<std::uint64_t>(open.end, address + bytes);
  return 0;
}

herr_t truncate(H5FD_t* file, hid_t, hbool_t) {
  Open& open = open_of(file);
  if (!open.writing || open.end == open.allocated) return 0;
  if (!open.trouble->any()) noting(*open.trouble, [&] { open.file.resize(open.allocated); });
  open.end = open.allocated;
  return 0;
}

hid_t driver() {
  static hid_t const registered = [] {
    static H5FD_class_t description{};
    static H5FD_mem_t constexpr places[] = H5FD_FLMAP_DICHOTOMY;
#if H5_VERSION_GE(1, 14, 0)
    description.version = H5FD_CLASS_VERSION;
    description.value = static_cast<H5FD_class_value_t>(513);  // of those left to programs
#endif
    description.name = "accord";
    description.maxaddr = static_cast<haddr_t>(std::numeric_limits<std::int64_t>::max());
    description.fc_degree = H5F_CLOSE_WEAK;
    description.fapl_size = sizeof(Properties);
    description.open = open_file;
    description.close = close_file;
    description.query = query;
    description.get_eoa = allocated;
    description.set_eoa = set_allocated;
    description.get_eof = end;
    description.read = read;
    description.write = write;
    description.truncate = truncate;
    std::copy(std::begin(places), std::end(places), std::begin(description.fl_map));
    return H5FDregister(&description);
  }();
  return registered;
}

}  // namespace

void use_file_driver(hid_t access_properties, Trouble& trouble) {
  Properties const properties{&trouble};
  if (H5Pset_driver(access_properties, driver(), &properties) < 0)
    throw Error("HDF5 does not take this program's file driver" + reason());
}

}  // namespace accord::io::hdf5
