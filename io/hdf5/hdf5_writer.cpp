#include "io/hdf5/hdf5_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/error.hpp"
#include "io/hdf5/file_driver.hpp"
#include "io/hdf5/hdf5_internal.hpp"

namespace accord::io {

using hdf5::Id;
using hdf5::Lock;

namespace {

/// The first of several calls that failed, for one message.
class Calls {
 public:
  Calls& operator<<(std::int64_t result) {
    good_ = good_ && result >= 0;
    return *this;
  }
  explicit operator bool() const { return good_; }

 private:
  bool good_ = true;
};

/// Makes the groups on the way to `name` that are not there. HDF5 would do so itself, but with the
/// time of day in each: equal content is to give equal bytes.
bool make_groups(hid_t file, std::string const& name) {
  Id const plist(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  if (!plist.valid() || H5Pset_obj_track_times(plist, false) < 0) return false;
  for (std::size_t slash = name.find('/', 1); slash != std::string::npos;
       slash = name.find('/', slash + 1)) {
    std::string const group = name.substr(0, slash);
    htri_t const there = H5Lexists(file, group.c_str(), H5P_DEFAULT);
    if (there < 0) return false;
    if (there > 0) continue;
    Id id(H5Gcreate2(file, group.c_str(), H5P_DEFAULT, plist, H5P_DEFAULT), H5Gclose);
    if (!id.valid() || !id.close()) return false;
  }
  return true;
}

/// Not valid where it could not be made.
Id create(hid_t file, std::string const& name, hid_t type, std::span<Index const> shape) {
  std::vector<hsize_t> const dims(shape.begin(), shape.end());
  Id const space(shape.empty()
                     ? H5Screate(H5S_SCALAR)
                     : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
                 H5Sclose);
  Id const plist(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  Calls calls;
  calls << space << plist << H5Pset_layout(plist, H5D_CONTIGUOUS)
        << H5Pset_alloc_time(plist, H5D_ALLOC_TIME_EARLY)
        << H5Pset_fill_time(plist, H5D_FILL_TIME_NEVER) << H5Pset_obj_track_times(plist, false);
  if (!calls || !make_groups(file, name)) return {};
  return {H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, plist, H5P_DEFAULT), H5Dclose};
}

std::uint64_t offset_of(hid_t dataset) {
  haddr_t const offset = H5Dget_offset(dataset);
  hdf5::reason();  // without elements there is no offset, which is an error on the stack
  return offset == HADDR_UNDEF ? 0 : offset;
}

bool write_attribute(hid_t file, std::string const& object, std::string const& name, hid_t type,
                     hid_t space, void const* value) {
  Id owner(H5Oopen(file, object.empty() ? "/" : object.c_str(), H5P_DEFAULT), H5Oclose);
  if (!owner.valid()) return false;
  Id attribute(H5Acreate2(owner, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  return attribute.valid() && H5Awrite(attribute, type, value) >= 0 && attribute.close() &&
         owner.close();
}

std::size_t widest(std::span<std::string const> values) {
  std::size_t width = 1;
  for (std::string const& value : values) width = std::max(width, value.size());
  return width;
}

std::vector<char> padded(std::span<std::string const> values, std::size_t width) {
  std::vector<char> bytes(std::max<std::size_t>(values.size() * width, 1), '\0');
  for (std::size_t i = 0; i < values.size(); ++i)
    std::memcpy(bytes.data() + i * width, values[i].data(), values[i].size());
  return bytes;
}

}  // namespace

Hdf5Writer::Hdf5Writer(std::filesystem::path path, Hdf5Layout layout)
    : path_(std::move(path)), trouble_(std::make_unique<hdf5::Trouble>()) {
  Lock const lock;
  Id const access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  Id const creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  hdf5::use_file_driver(access, *trouble_);
  Calls calls;
  calls << H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST)
        << H5Pset_alignment(access, layout.alignment, layout.alignment)
        << H5Pset_meta_block_size(access, layout.metadata_block)
        << H5Pset_fclose_degree(access, H5F_CLOSE_STRONG)
        << H5Pset_obj_track_times(creation, false);
  if (calls) file_ = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, creation, access);
  check("/", file_ >= 0, "the file cannot be created");
}

Hdf5Writer::Hdf5Writer(Hdf5Writer&& other) noexcept
    : path_(std::move(other.path_)),
      trouble_(std::move(other.trouble_)),
      file_(std::exchange(other.file_, -1)) {}

Hdf5Writer& Hdf5Writer::operator=(Hdf5Writer&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(trouble_, other.trouble_);
  std::swap(file_, other.file_);
  return *this;
}

Hdf5Writer::~Hdf5Writer() {
  if (file_ < 0) return;
  Lock const lock;
  H5Fclose(file_);
}

/// \throws IoError if a call failed, or the disk below did, whatever the library says
void Hdf5Writer::check(std::string const& object, bool good, char const* problem) const {
  std::string const reason = good ? "" : hdf5::reason();
  trouble_->rethrow();
  if (!good) throw IoError(fmt::format("{}: {}: {}{}", path_.string(), object, problem, reason));
}

void Hdf5Writer::close() {
  if (file_ < 0) return;
  Lock const lock;
  bool const flushed = H5Fflush(file_, H5F_SCOPE_LOCAL) >= 0;
  bool const closed = H5Fclose(std::exchange(file_, -1)) >= 0;
  check("/", flushed && closed, "the file cannot be written");
}

void Hdf5Writer::create_group(std::string const& group) {
  Lock const lock;
  check(group, make_groups(file_, group + "/"), "the group cannot be created");
}

std::uint64_t Hdf5Writer::create_dataset(std::string const& name, DType dtype,
                                         std::span<Index const> shape) {
  Lock const lock;
  Id dataset = create(file_, name, hdf5::native_type(dtype), shape);
  check(name, dataset.valid(), "the dataset cannot be created");
  std::uint64_t const offset = offset_of(dataset);
  check(name, dataset.close(), "the dataset cannot be created");
  return offset;
}

template <class T>
Extent Hdf5Writer::write(std::string const& name, std::span<T const> values,
                         std::span<Index const> shape) {
  Lock const lock;
  std::size_t elements = 1;
  for (Index const extent : shape) elements *= static_cast<std::size_t>(extent);
  if (elements != values.size())
    throw Error(fmt::format("{}: {}: {} values do not fill the shape", path_.string(), name,
                            values.size()));
  hid_t const type = hdf5::native_type(dtype_of<T>);
  Id dataset = create(file_, name, type, shape);
  check(name, dataset.valid(), "the dataset cannot be created");
  std::uint64_t const offset = offset_of(dataset);
  bool const written =
      values.empty() || H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) >= 0;
  check(name, dataset.close() && written, "the dataset cannot be written");
  return {offset, values.size_bytes()};
}

Extent Hdf5Writer::write_text(std::string const& name, std::span<std::string const> values) {
  Lock const lock;
  std::size_t const width = widest(values);
  Id const type = hdf5::string_type(width);
  Index const elements = static_cast<Index>(values.size());
  Id dataset = create(file_, name, type, {&elements, 1});
  check(name, dataset.valid(), "the dataset cannot be created");
  std::uint64_t const offset = offset_of(dataset);
  bool const written = values.empty() || H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                                  padded(values, width).data()) >= 0;
  check(name, dataset.close() && written, "the dataset cannot be written");
  return {offset, values.size() * width};
}

void Hdf5Writer::link(std::string const& name, std::string const& target_file,
                      std::string const& target_object) {
  Lock const lock;
  check(name,
        make_groups(file_, name) &&
            H5Lcreate_external(target_file.c_str(), target_object.c_str(), file_, name.c_str(),
                               H5P_DEFAULT, H5P_DEFAULT) >= 0,
        "the link cannot be created");
}

template <class T>
void Hdf5Writer::attribute(std::string const& object, std::string const& name, T value) {
  Lock const lock;
  Id const space(H5Screate(H5S_SCALAR), H5Sclose);
  check(object, write_attribute(file_, object, name, hdf5::native_type(dtype_of<T>), space, &value),
        "an attribute cannot be written");
}

void Hdf5Writer::attribute_text(std::string const& object, std::string const& name,
                                std::string const& value) {
  Lock const lock;
  Id const space(H5Screate(H5S_SCALAR), H5Sclose);
  std::size_t const width = widest({&value, 1});
  check(object,
        write_attribute(file_, object, name, hdf5::string_type(width), space,
                        padded({&value, 1}, width).data()),
        "an attribute cannot be written");
}

void Hdf5Writer::attribute_texts(std::string const& object, std::string const& name,
                                 std::span<std::string const> values) {
  Lock const lock;
  hsize_t const count = values.size();
  Id const space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  std::size_t const width = widest(values);
  check(object,
        write_attribute(file_, object, name, hdf5::string_type(width), space,
                        padded(values, width).data()),
        "an attribute cannot be written");
}

#define ACCORD_INSTANTIATE(T)                                                  \
  template Extent Hdf5Writer::write<T>(std::string const&, std::span<T const>, \
                                       std::span<Index const>);                \
  template void Hdf5Writer::attribute<T>(std::string const&, std::string const&, T);
ACCORD_INSTANTIATE(double)
ACCORD_INSTANTIATE(float)
ACCORD_INSTANTIATE(std::uint8_t)
ACCORD_INSTANTIATE(std::int32_t)
ACCORD_INSTANTIATE(std::int64_t)
ACCORD_INSTANTIATE(std::uint64_t)
#undef ACCORD_INSTANTIATE

}  // namespace accord::io
