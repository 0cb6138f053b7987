#include "io/hdf5/hdf5_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "core/base/error.hpp"
#include "io/hdf5/hdf5_internal.hpp"

namespace accord::io {

using hdf5::Id;
using hdf5::Lock;

namespace {

[[noreturn]] void fail(std::filesystem::path const& path, std::string const& object,
                       char const* problem) {
  throw IoError(fmt::format("{}: {}: {}{}", path.string(), object, problem, hdf5::reason()));
}

/// Makes the groups on the way to `name` that are not there. HDF5 would do so itself, but with the
/// time of day in each: equal content is to give equal bytes.
void make_groups(std::filesystem::path const& path, hid_t file, std::string const& name) {
  Id const plist(H5Pcreate(H5P_GROUP_CREATE), H5Pclose);
  H5Pset_obj_track_times(plist, false);
  for (std::size_t slash = name.find('/', 1); slash != std::string::npos;
       slash = name.find('/', slash + 1)) {
    std::string const group = name.substr(0, slash);
    if (H5Lexists(file, group.c_str(), H5P_DEFAULT) > 0) continue;
    Id const id(H5Gcreate2(file, group.c_str(), H5P_DEFAULT, plist, H5P_DEFAULT), H5Gclose);
    if (!id.valid()) fail(path, group, "the group cannot be created");
  }
}

Id create(std::filesystem::path const& path, hid_t file, std::string const& name, hid_t type,
          std::span<Index const> shape) {
  std::vector<hsize_t> const dims(shape.begin(), shape.end());
  Id const space(shape.empty()
                     ? H5Screate(H5S_SCALAR)
                     : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr),
                 H5Sclose);
  Id const plist(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_layout(plist, H5D_CONTIGUOUS);
  H5Pset_alloc_time(plist, H5D_ALLOC_TIME_EARLY);
  H5Pset_fill_time(plist, H5D_FILL_TIME_NEVER);
  H5Pset_obj_track_times(plist, false);
  make_groups(path, file, name);
  Id dataset(H5Dcreate2(file, name.c_str(), type, space, H5P_DEFAULT, plist, H5P_DEFAULT),
             H5Dclose);
  if (!dataset.valid()) fail(path, name, "the dataset cannot be created");
  return dataset;
}

std::uint64_t offset_of(hid_t dataset) {
  haddr_t const offset = H5Dget_offset(dataset);
  hdf5::reason();  // without elements there is no offset, which is an error on the stack
  return offset == HADDR_UNDEF ? 0 : offset;
}

void write_attribute(std::filesystem::path const& path, hid_t file, std::string const& object,
                     std::string const& name, hid_t type, hid_t space, void const* value) {
  Id const owner(H5Oopen(file, object.empty() ? "/" : object.c_str(), H5P_DEFAULT), H5Oclose);
  Id const attribute(H5Acreate2(owner, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT),
                     H5Aclose);
  if (!attribute.valid() || H5Awrite(attribute, type, value) < 0)
    fail(path, object, "an attribute cannot be written");
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

Hdf5Writer::Hdf5Writer(std::filesystem::path path, Hdf5Layout layout) : path_(std::move(path)) {
  Lock const lock;
  Id const access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  H5Pset_alignment(access, layout.alignment, layout.alignment);
  H5Pset_meta_block_size(access, layout.metadata_block);
  H5Pset_fclose_degree(access, H5F_CLOSE_STRONG);
  Id const creation(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_obj_track_times(creation, false);
  file_ = H5Fcreate(path_.c_str(), H5F_ACC_TRUNC, creation, access);
  if (file_ < 0) fail(path_, "/", "the file cannot be created");
}

Hdf5Writer::Hdf5Writer(Hdf5Writer&& other) noexcept
    : path_(std::move(other.path_)), file_(std::exchange(other.file_, -1)) {}

Hdf5Writer& Hdf5Writer::operator=(Hdf5Writer&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(file_, other.file_);
  return *this;
}

Hdf5Writer::~Hdf5Writer() {
  if (file_ < 0) return;
  Lock const lock;
  H5Fclose(file_);
}

void Hdf5Writer::close() {
  if (file_ < 0) return;
  Lock const lock;
  if (H5Fflush(file_, H5F_SCOPE_LOCAL) < 0) fail(path_, "/", "the file cannot be written");
  if (H5Fclose(std::exchange(file_, -1)) < 0) fail(path_, "/", "the file cannot be closed");
}

void Hdf5Writer::create_group(std::string const& group) {
  Lock const lock;
  make_groups(path_, file_, group + "/");
}

std::uint64_t Hdf5Writer::create_dataset(std::string const& name, DType dtype,
                                         std::span<Index const> shape) {
  Lock const lock;
  return offset_of(create(path_, file_, name, hdf5::native_type(dtype), shape));
}

template <class T>
Extent Hdf5Writer::write(std::string const& name, std::span<T const> values,
                         std::span<Index const> shape) {
  Lock const lock;
  hid_t const type = hdf5::native_type(dtype_of<T>);
  Id const dataset = create(path_, file_, name, type, shape);
  Id const space(H5Dget_space(dataset), H5Sclose);
  if (static_cast<std::size_t>(H5Sget_simple_extent_npoints(space)) != values.size())
    throw Error(fmt::format("{}: {}: {} values do not fill the shape", path_.string(), name,
                            values.size()));
  if (!values.empty() && H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
    fail(path_, name, "the dataset cannot be written");
  return {offset_of(dataset), values.size_bytes()};
}

Extent Hdf5Writer::write_text(std::string const& name, std::span<std::string const> values) {
  Lock const lock;
  std::size_t const width = widest(values);
  Id const type = hdf5::string_type(width);
  Index const elements = static_cast<Index>(values.size());
  Id const dataset = create(path_, file_, name, type, {&elements, 1});
  if (!values.empty() &&
      H5Dwrite(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, padded(values, width).data()) < 0)
    fail(path_, name, "the dataset cannot be written");
  return {offset_of(dataset), values.size() * width};
}

void Hdf5Writer::link(std::string const& name, std::string const& target_file,
                      std::string const& target_object) {
  Lock const lock;
  make_groups(path_, file_, name);
  if (H5Lcreate_external(target_file.c_str(), target_object.c_str(), file_, name.c_str(),
                         H5P_DEFAULT, H5P_DEFAULT) < 0)
    fail(path_, name, "the link cannot be created");
}

template <class T>
void Hdf5Writer::attribute(std::string const& object, std::string const& name, T value) {
  Lock const lock;
  Id const space(H5Screate(H5S_SCALAR), H5Sclose);
  write_attribute(path_, file_, object, name, hdf5::native_type(dtype_of<T>), space, &value);
}

void Hdf5Writer::attribute_text(std::string const& object, std::string const& name,
                                std::string const& value) {
  Lock const lock;
  Id const space(H5Screate(H5S_SCALAR), H5Sclose);
  std::size_t const width = widest({&value, 1});
  write_attribute(path_, file_, object, name, hdf5::string_type(width), space,
                  padded({&value, 1}, width).data());
}

void Hdf5Writer::attribute_texts(std::string const& object, std::string const& name,
                                 std::span<std::string const> values) {
  Lock const lock;
  hsize_t const count = values.size();
  Id const space(H5Screate_simple(1, &count, nullptr), H5Sclose);
  std::size_t const width = widest(values);
  write_attribute(path_, file_, object, name, hdf5::string_type(width), space,
                  padded(values, width).data());
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
