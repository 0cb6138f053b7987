#include "io/hdf5/hdf5_reader.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <type_traits>
#include <utility>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/hdf5/file_driver.hpp"
#include "io/hdf5/hdf5_internal.hpp"

namespace accord::io {

using hdf5::Id;
using hdf5::Lock;

namespace {

constexpr int max_rank = 8;
constexpr std::uint64_t max_text_bytes = 1ull << 30;
constexpr std::uint64_t max_attribute_bytes = 64ull << 20;
constexpr std::uint64_t max_chunk_bytes = 1ull << 30;
/// What compressed datasets may become in memory, all of a file together: so many bytes for each
/// byte of the file, and some for small files of much the same. deflate could make a thousand.
constexpr std::uint64_t max_expansion = 64, free_expansion = 64ull << 20;

/// One file and one object in it, for messages.
struct Place {
  std::filesystem::path const& path;
  std::string const& object;
  hdf5::Trouble const& trouble;

  [[noreturn]] void fail(std::string const& problem) const {
    trouble.rethrow();
    throw DataError(fmt::format("{}: {}: {}{}", path.string(), object.empty() ? "/" : object,
                                problem, hdf5::reason()));
  }
  void require(bool condition, char const* problem) const {
    if (!condition) fail(problem);
  }
};

/// Every link on the way must be a hard one: soft and external links lead out of what was checked.
bool reachable(hid_t file, Place const& place) {
  std::string prefix;
  std::size_t begin = 0;
  std::string const& name = place.object;
  while (begin < name.size()) {
    std::size_t const end = std::min(name.find('/', begin), name.size());
    if (end > begin) {
      prefix += '/';
      prefix.append(name, begin, end - begin);
      htri_t const found = H5Lexists(file, prefix.c_str(), H5P_DEFAULT);
      if (found < 0) {
        place.trouble.rethrow();
        hdf5::reason();
        return false;
      }
      if (found == 0) return false;
      H5L_info_t info;
      place.require(H5Lget_info(file, prefix.c_str(), &info, H5P_DEFAULT) >= 0, "unreadable link");
      place.require(info.type == H5L_TYPE_HARD,
                    "a soft or external link; only hard links are read");
    }
    begin = end + 1;
  }
  return true;
}

Id open_object(hid_t file, Place const& place) {
  place.require(reachable(file, place), "no such object in this file");
  Id object(H5Oopen(file, place.object.empty() ? "/" : place.object.c_str(), H5P_DEFAULT),
            H5Oclose);
  place.require(object.valid(), "cannot be opened");
  return object;
}

std::vector<hsize_t> extent(hid_t space, Place const& place) {
  int const rank = H5Sget_simple_extent_ndims(space);
  place.require(H5Sget_simple_extent_type(space) != H5S_NULL, "holds no value");
  place.require(rank >= 0 && rank <= max_rank, "unreadable shape, or more than 8 dimensions");
  std::vector<hsize_t> dims(static_cast<std::size_t>(rank));
  if (rank > 0 && H5Sget_simple_extent_dims(space, dims.data(), nullptr) < 0)
    place.fail("unreadable shape");
  return dims;
}

/// Product of the dimensions and `element_bytes`, which must not overflow.
std::uint64_t checked_bytes(std::vector<hsize_t> const& dims, std::size_t element_bytes,
                            Place const& place) {
  unsigned long long total = element_bytes;
  for (hsize_t const dim : dims)
    if (__builtin_mul_overflow(total, static_cast<unsigned long long>(dim), &total) ||
        total > (1ull << 62))
      place.fail("its dimensions overflow");
  return total;
}

std::optional<DType> dtype_of_type(hid_t type) {
  for (DType const dtype :
       {DType::float64, DType::float32, DType::uint8, DType::int32, DType::int64, DType::uint64})
    if (H5Tequal(type, hdf5::native_type(dtype)) > 0) return dtype;
  return std::nullopt;
}

/// An opened dataset whose claims were checked against the file's size.
struct Checked {
  Id id, type, space;
  Hdf5Dataset info;
  bool compressed = false;
};

Checked open_dataset(hid_t file, std::uint64_t file_bytes, Place const& place) {
  Id object = open_object(file, place);
  place.require(H5Iget_type(object) == H5I_DATASET, "is not a dataset");
  Checked d{std::move(object), {}, {}, {}};
  d.type = Id(H5Dget_type(d.id), H5Tclose);
  d.space = Id(H5Dget_space(d.id), H5Sclose);
  Id const plist(H5Dget_create_plist(d.id), H5Pclose);
  place.require(d.type.valid() && d.space.valid() && plist.valid(), "unreadable description");

  H5T_class_t const kind = H5Tget_class(d.type);
  place.require(kind == H5T_INTEGER || kind == H5T_FLOAT || kind == H5T_STRING || kind == H5T_ENUM,
                "neither numbers nor text");
  d.info.text = kind == H5T_STRING;
  d.info.dtype = d.info.text ? std::nullopt : dtype_of_type(d.type);
  d.info.element_bytes = H5Tget_size(d.type);
  place.require(d.info.element_bytes > 0, "elements without a size");
  auto const dims = extent(d.space, place);
  d.info.bytes = checked_bytes(dims, d.info.element_bytes, place);
  d.info.shape.assign(dims.begin(), dims.end());
  d.info.elements = static_cast<Index>(d.info.bytes / d.info.element_bytes);

  place.require(H5Pget_external_count(plist) == 0, "stored in another file");
  std::uint64_t limit = file_bytes;
  switch (H5Pget_layout(plist)) {
    case H5D_COMPACT:
      break;
    case H5D_CONTIGUOUS: {
      d.info.contiguous = true;
      haddr_t const offset = H5Dget_offset(d.id);
      hdf5::reason();  // an undefined offset is answered with an error on the stack
      if (d.info.bytes == 0) break;
      place.require(offset != HADDR_UNDEF, "was created but never written");
      place.require(offset <= file_bytes && d.info.bytes <= file_bytes - offset,
                    "reaches beyond the end of the file");
      d.info.offset = offset;
      break;
    }
    case H5D_CHUNKED: {
      std::vector<hsize_t> chunk(max_rank);
      int const rank = H5Pget_chunk(plist, max_rank, chunk.data());
      place.require(rank >= 0 && rank <= max_rank, "unreadable chunk shape");
      chunk.resize(static_cast<std::size_t>(rank));
      place.require(checked_bytes(chunk, d.info.element_bytes, place) <= max_chunk_bytes,
                    "chunks of more than 1 GiB");
      for (int i = 0; i < H5Pget_nfilters(plist); ++i) {
        unsigned flags = 0, config = 0;
        std::size_t values = 0;
        H5Z_filter_t const filter = H5Pget_filter2(plist, static_cast<unsigned>(i), &flags, &values,
                                                   nullptr, 0, nullptr, &config);
        place.require(filter == H5Z_FILTER_DEFLATE || filter == H5Z_FILTER_SHUFFLE ||
                          filter == H5Z_FILTER_FLETCHER32,
                      "uses a filter other than deflate, shuffle and fletcher32");
      }
      d.compressed = true;
      limit = free_expansion + file_bytes * max_expansion;
      break;
    }
    default:
      place.fail("an unsupported storage layout");
  }
  place.require(d.info.bytes <= limit, "claims more bytes than the file can hold");
  return d;
}

/// The type in memory for numbers of `type` read as T. \throws DataError if that would lose what
/// the value means
template <class T>
hid_t memory_type(hid_t type, Place const& place) {
  H5T_class_t const kind = H5Tget_class(type);
  place.require(kind == H5T_INTEGER || kind == H5T_ENUM || kind == H5T_FLOAT, "not a number");
  place.require(kind != H5T_FLOAT || std::is_floating_point_v<T>,
                "holds floating values, integers were expected");
  return hdf5::native_type(dtype_of<T>);
}

/// Reads text of `type` through read(type, buffer).
template <class Read>
std::vector<std::string> texts(hid_t type, hid_t space, std::size_t count, Place const& place,
                               Read&& read) {
  std::vector<std::string> out;
  out.reserve(count);
  if (H5Tis_variable_str(type) > 0) {
    std::vector<char*> pointers(count, nullptr);
    bool const good = count == 0 || read(pointers.data());
    if (good)
      for (char const* text : pointers) out.emplace_back(text == nullptr ? "" : text);
    if (count > 0) H5Dvlen_reclaim(type, space, H5P_DEFAULT, pointers.data());
    place.require(good, "cannot be read");
  } else {
    std::size_t const width = H5Tget_size(type);
    std::vector<char> bytes(count * width);
    place.require(count == 0 || read(bytes.data()), "cannot be read");
    for (std::size_t i = 0; i < count; ++i) {
      char const* text = bytes.data() + i * width;
      out.emplace_back(text, strnlen(text, width));
    }
  }
  return out;
}

struct Attribute {
  Id id, type, space;
  std::size_t count = 1;
};

Attribute open_attribute(hid_t file, Place const& place, std::string const& name) {
  Id const object = open_object(file, place);
  Attribute a;
  a.id = Id(H5Aopen(object, name.c_str(), H5P_DEFAULT), H5Aclose);
  if (!a.id.valid()) place.fail(fmt::format("no attribute '{}'", name));
  a.type = Id(H5Aget_type(a.id), H5Tclose);
  a.space = Id(H5Aget_space(a.id), H5Sclose);
  place.require(a.type.valid() && a.space.valid(), "unreadable attribute");
  std::size_t const width = std::max<std::size_t>(H5Tget_size(a.type), 1);
  std::uint64_t const bytes = checked_bytes(extent(a.space, place), width, place);
  place.require(bytes <= max_attribute_bytes, "an attribute of more than 64 MiB");
  a.count = bytes / width;
  return a;
}

herr_t collect_attribute(hid_t, char const* name, H5A_info_t const*, void* out) {
  static_cast<std::vector<std::string>*>(out)->emplace_back(name);
  return 0;
}

herr_t collect_link(hid_t, char const* name, H5L_info_t const* info, void* out) {
  if (info->type == H5L_TYPE_HARD) static_cast<std::vector<std::string>*>(out)->emplace_back(name);
  return 0;
}

}  // namespace

Hdf5Reader::Hdf5Reader(std::filesystem::path path)
    : path_(std::move(path)), trouble_(std::make_unique<hdf5::Trouble>()) {
  file_bytes_ = File::open_read(path_).size();
  Lock const lock;
  Id const access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  hdf5::use_file_driver(access, *trouble_);
  if (H5Pset_fclose_degree(access, H5F_CLOSE_STRONG) >= 0)
    file_ = H5Fopen(path_.c_str(), H5F_ACC_RDONLY, access);
  trouble_->rethrow();
  if (file_ < 0)
    throw DataError(
        fmt::format("{}: not a readable HDF5 file{}; it is truncated, damaged or of another format",
                    path_.string(), hdf5::reason()));
}

Hdf5Reader::Hdf5Reader(Hdf5Reader&& other) noexcept
    : path_(std::move(other.path_)),
      trouble_(std::move(other.trouble_)),
      file_(std::exchange(other.file_, -1)),
      file_bytes_(other.file_bytes_),
      expanded_(std::move(other.expanded_)),
      expanded_bytes_(other.expanded_bytes_) {}

Hdf5Reader& Hdf5Reader::operator=(Hdf5Reader&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(trouble_, other.trouble_);
  std::swap(file_, other.file_);
  std::swap(file_bytes_, other.file_bytes_);
  std::swap(expanded_, other.expanded_);
  std::swap(expanded_bytes_, other.expanded_bytes_);
  return *this;
}

Hdf5Reader::~Hdf5Reader() {
  if (file_ < 0) return;
  Lock const lock;
  H5Fclose(file_);
}

bool Hdf5Reader::exists(std::string const& object) const {
  Lock const lock;
  return reachable(file_, Place{path_, object, *trouble_});
}

std::vector<std::string> Hdf5Reader::members(std::string const& group) const {
  Lock const lock;
  Place const place{path_, group, *trouble_};
  Id const object = open_object(file_, place);
  place.require(H5Iget_type(object) == H5I_GROUP, "is not a group");
  std::vector<std::string> names;
  hsize_t position = 0;
  place.require(
      H5Literate(object, H5_INDEX_NAME, H5_ITER_INC, &position, collect_link, &names) >= 0,
      "unreadable group");
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Hdf5Reader::datasets(std::string const& group) const {
  Lock const lock;
  Place const place{path_, group, *trouble_};
  Id const object = open_object(file_, place);
  place.require(H5Iget_type(object) == H5I_GROUP, "is not a group");
  std::vector<std::string> links, names;
  place.require(H5Lvisit(object, H5_INDEX_NAME, H5_ITER_NATIVE, collect_link, &links) >= 0,
                "unreadable group");
  for (std::string& name : links) {
    Id const child(H5Oopen(object, name.c_str(), H5P_DEFAULT), H5Oclose);
    if (!child.valid()) place.fail(fmt::format("unreadable member '{}'", name));
    if (H5Iget_type(child) == H5I_DATASET) names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  return names;
}

Hdf5Dataset Hdf5Reader::dataset(std::string const& name) const {
  Lock const lock;
  return open_dataset(file_, file_bytes_, Place{path_, name, *trouble_}).info;
}

/// Counts what a compressed dataset takes in memory, once each.
void Hdf5Reader::expand(std::string const& name, std::uint64_t bytes) const {
  if (!expanded_.insert(name).second) return;
  expanded_bytes_ += bytes;
  Place const place{path_, name, *trouble_};
  place.require(expanded_bytes_ <= free_expansion + file_bytes_ * max_expansion,
                "the compressed datasets of this file become too large in memory");
}

template <class T>
std::vector<T> Hdf5Reader::read(std::string const& name) const {
  Lock const lock;
  Place const place{path_, name, *trouble_};
  Checked const d = open_dataset(file_, file_bytes_, place);
  hid_t const type = memory_type<T>(d.type, place);
  if (d.compressed) expand(name, static_cast<std::uint64_t>(d.info.elements) * sizeof(T));
  std::vector<T> values(static_cast<std::size_t>(d.info.elements));
  if (!values.empty() && H5Dread(d.id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data()) < 0)
    place.fail("cannot be read");
  return values;
}

std::vector<std::string> Hdf5Reader::read_text(std::string const& name) const {
  Lock const lock;
  Place const place{path_, name, *trouble_};
  Checked const d = open_dataset(file_, file_bytes_, place);
  place.require(d.info.text, "holds numbers, text was expected");
  if (d.compressed) expand(name, d.info.bytes);
  if (H5Tis_variable_str(d.type) > 0) {
    hsize_t bytes = 0;
    place.require(H5Dvlen_get_buf_size(d.id, d.type, d.space, &bytes) >= 0, "cannot be read");
    place.require(bytes <= max_text_bytes, "more than 1 GiB of text");
  }
  return texts(d.type, d.space, static_cast<std::size_t>(d.info.elements), place, [&](void* out) {
    return H5Dread(d.id, d.type, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0;
  });
}

std::vector<std::string> Hdf5Reader::attributes(std::string const& object) const {
  Lock const lock;
  Place const place{path_, object, *trouble_};
  Id const id = open_object(file_, place);
  std::vector<std::string> names;
  place.require(
      H5Aiterate2(id, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect_attribute, &names) >= 0,
      "unreadable attributes");
  std::sort(names.begin(), names.end());
  return names;
}

std::vector<std::string> Hdf5Reader::attribute_texts(std::string const& object,
                                                     std::string const& name) const {
  Lock const lock;
  Place const place{path_, object, *trouble_};
  Attribute const a = open_attribute(file_, place, name);
  if (H5Tget_class(a.type) != H5T_STRING)
    place.fail(fmt::format("attribute '{}' is not text", name));
  return texts(a.type, a.space, a.count, place,
               [&](void* out) { return H5Aread(a.id, a.type, out) >= 0; });
}

std::string Hdf5Reader::attribute_text(std::string const& object, std::string const& name) const {
  auto values = attribute_texts(object, name);
  if (values.size() != 1)
    throw DataError(fmt::format("{}: {}: attribute '{}' has {} values, one was expected",
                                path_.string(), object, name, values.size()));
  return std::move(values.front());
}

template <class T>
std::vector<T> Hdf5Reader::attribute_values(std::string const& object,
                                            std::string const& name) const {
  Lock const lock;
  Place const place{path_, object, *trouble_};
  Attribute const a = open_attribute(file_, place, name);
  hid_t const type = memory_type<T>(a.type, place);
  std::vector<T> values(a.count);
  if (a.count > 0 && H5Aread(a.id, type, values.data()) < 0)
    place.fail(fmt::format("attribute '{}' cannot be read", name));
  return values;
}

template <class T>
T Hdf5Reader::attribute(std::string const& object, std::string const& name) const {
  auto const values = attribute_values<T>(object, name);
  if (values.size() != 1)
    throw DataError(fmt::format("{}: {}: attribute '{}' has {} values, one was expected",
                                path_.string(), object, name, values.size()));
  return values.front();
}

#define ACCORD_INSTANTIATE(T)                                                                     \
  template std::vector<T> Hdf5Reader::read<T>(std::string const&) const;                          \
  template T Hdf5Reader::attribute<T>(std::string const&, std::string const&) const;              \
  template std::vector<T> Hdf5Reader::attribute_values<T>(std::string const&, std::string const&) \
      const;
ACCORD_INSTANTIATE(double)
ACCORD_INSTANTIATE(float)
ACCORD_INSTANTIATE(std::uint8_t)
ACCORD_INSTANTIATE(std::int32_t)
ACCORD_INSTANTIATE(std::int64_t)
ACCORD_INSTANTIATE(std::uint64_t)
#undef ACCORD_INSTANTIATE

}  // namespace accord::io
