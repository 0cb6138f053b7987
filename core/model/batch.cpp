#include "core/model/batch.hpp"

#include <type_traits>

namespace accord {
namespace {

/// Appends the samples of one batch to those of another, member by member.
struct Append {
  /// Of samples, or of what each modality, pass or segment has of them.
  template <class T>
  void operator()(std::vector<T>& to, std::vector<T> const& from) const {
    if constexpr (std::is_trivially_copyable_v<T> || std::is_same_v<T, std::string>) {
      to.insert(to.end(), from.begin(), from.end());
    } else {
      to.resize(from.size());
      for (std::size_t i = 0; i < from.size(); ++i) (*this)(to[i], from[i]);
    }
  }
  void operator()(ModalityInput& to, ModalityInput const& from) const {
    if (from.offsets.size() > 1) to.dtype = from.dtype;
    (*this)(to.data, from.data);
    offsets(to.offsets, from.offsets);
  }
  void operator()(TokenMask& to, TokenMask const& from) const {
    (*this)(to.masked, from.masked);
    offsets(to.offsets, from.offsets);
  }

 private:
  static void offsets(std::vector<Index>& to, std::vector<Index> const& from) {
    Index const begin = to.back();
    for (std::size_t i = 1; i < from.size(); ++i) to.push_back(begin + from[i]);
  }
};

}  // namespace

MicroBatch empty_batch(std::size_t modalities) {
  MicroBatch batch;
  batch.inputs.resize(modalities);
  batch.lengths.resize(modalities);
  return batch;
}

MicroBatch join(std::vector<MicroBatch> const& parts) {
  MicroBatch batch;
  for (MicroBatch const& part : parts) for_each_member(Append(), batch, part);
  return batch;
}

}  // namespace accord
