#include "parallel/pipeline/batch_broadcast.hpp"

#include <cstring>
#include <type_traits>

#include "core/base/check.hpp"

namespace accord::parallel {
namespace {

/// Of everything but the inputs' data.
class Writer {
 public:
  template <class T>
  void operator()(std::vector<T> const& values) {
    (*this)(static_cast<std::int64_t>(values.size()));
    if constexpr (std::is_trivially_copyable_v<T>)
      append(values.data(), values.size() * sizeof(T));
    else
      for (T const& value : values) (*this)(value);
  }
  void operator()(std::string const& text) {
    (*this)(static_cast<std::int64_t>(text.size()));
    append(text.data(), text.size());
  }
  void operator()(ModalityInput const& input) {
    (*this)(static_cast<std::int64_t>(input.dtype));
    (*this)(input.offsets);
  }
  void operator()(TokenMask const& mask) {
    (*this)(mask.masked);
    (*this)(mask.offsets);
  }
  void operator()(std::int64_t value) { append(&value, sizeof(value)); }

  std::vector<std::byte> bytes;

 private:
  void append(void const* data, std::size_t count) {
    auto const* const begin = static_cast<std::byte const*>(data);
    bytes.insert(bytes.end(), begin, begin + count);
  }
};

class Reader {
 public:
  explicit Reader(std::vector<std::byte> const& bytes) : bytes_(bytes) {}

  template <class T>
  void operator()(std::vector<T>& values) {
    values.resize(static_cast<std::size_t>(number()));
    if constexpr (std::is_trivially_copyable_v<T>)
      take(values.data(), values.size() * sizeof(T));
    else
      for (T& value : values) (*this)(value);
  }
  void operator()(std::string& text) {
    text.resize(static_cast<std::size_t>(number()));
    take(text.data(), text.size());
  }
  void operator()(ModalityInput& input) {
    input.dtype = static_cast<DType>(number());
    (*this)(input.offsets);
  }
  void operator()(TokenMask& mask) {
    (*this)(mask.masked);
    (*this)(mask.offsets);
  }
  std::int64_t number() {
    std::int64_t value = 0;
    take(&value, sizeof(value));
    return value;
  }

 private:
  void take(void* data, std::size_t count) {
    ACCORD_CHECK(at_ + count <= bytes_.size(), "a batch plan of {} bytes is too short",
                 bytes_.size());
    if (count > 0) std::memcpy(data, bytes_.data() + at_, count);
    at_ += count;
  }

  std::vector<std::byte> const& bytes_;
  std::size_t at_ = 0;
};

void broadcast_bytes(Queue& queue, Communicator& group, std::vector<std::byte>& bytes) {
  auto size = static_cast<std::int64_t>(bytes.size());
  group.broadcast(queue, View(&size, DType::int64, Shape{1}), 0);
  bytes.resize(static_cast<std::size_t>(size));
  group.broadcast(queue, View(bytes.data(), DType::uint8, Shape{size}), 0);
}

}  // namespace

std::vector<MicroBatch> broadcast_batches(Queue& queue, MeshGroups& groups,
                                          std::vector<MicroBatch> batches) {
  if (groups.replica->size() == 1) return batches;
  Writer writer;
  if (groups.replica->rank() == 0) {
    writer(static_cast<std::int64_t>(batches.size()));
    for (MicroBatch const& batch : batches) for_each_member(writer, batch);
  }
  broadcast_bytes(queue, *groups.replica, writer.bytes);
  if (groups.replica->rank() > 0) {
    Reader reader(writer.bytes);
    batches.assign(static_cast<std::size_t>(reader.number()), {});
    for (MicroBatch& batch : batches) for_each_member(reader, batch);
  }
  if (groups.pipeline->rank() == 0 && groups.tensor->size() > 1)
    for (MicroBatch& batch : batches)
      for (ModalityInput& input : batch.inputs) broadcast_bytes(queue, *groups.tensor, input.data);
  return batches;
}

}  // namespace accord::parallel
