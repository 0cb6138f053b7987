#pragma once
// All parameters of the model part that one rank holds: flat values, flat gradients, and their
// logical names.

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/tensor/parameter_part.hpp"
#include "core/tensor/tensor.hpp"

namespace accord {

/// How initial values are drawn (docs/model.md 1.10); InitMode may overrule.
struct Init {
  enum class Kind : std::uint8_t {
    truncated_normal,  ///< normal(0, 0.02) cut at +-0.02
    constant,          ///< `value`
    uniform_fan_in,    ///< uniform(+-1/sqrt(fan_in)): PyTorch's convolution default
    kaiming_normal,    ///< normal(0, sqrt(2 / fan_in))
  } kind = Kind::truncated_normal;
  double value = 0;
  Index fan_in = 0;     ///< inputs of one output; of every matrix and convolution
  bool linear = false;  ///< a Linear weight: what init = "fan_in" scales by width
};

/// How a parameter lies over the tensor-parallel group.
/// split: each rank holds a slice (heads or FFN width) and its whole gradient. partial: every rank
/// holds all of it but, under sequence parallelism, only its rows' share of the gradient, which is
/// added over the group. replicated: every rank holds all of it and computes the same gradient.
enum class Distribution : std::uint8_t { split, partial, replicated };

struct ParameterSpec {
  std::string name;  ///< official state_dict name
  Shape shape;       ///< of the whole, whatever the layout
  Init init = {};
  Distribution distribution = Distribution::replicated;
  int split_dimension = 0;  ///< 0 or 1: the dimension cut over the group when distribution is split
  bool trainable = true;
  bool decay = true;  ///< weight decay applies (docs/model.md 4.2)
  ParameterBounds bounds = {};
  ParameterPart part = {};
};

/// A contiguous run of elements of a logical tensor and where it lies in this rank's flat storage.
struct ParameterPiece {
  int parameter = 0;
  Index logical_begin = 0;  ///< element index within the whole tensor, row-major
  Index flat_begin = 0;     ///< element index within the flat values
  Index count = 0;
};

/// Usage: add() every parameter in the order of the forward pass, allocate() once, then view.
/// Trainable parameters come first in flat storage, so gradients and optimizer state cover [0,
/// trainable_size()). Members of a fused group lie back to back, so that q, k, v (or wi_0, wi_1)
/// are also one matrix; every group starts at a multiple of 64 elements (padding is zero and stays
/// zero). Names and logical shapes never show fusion.
class ParameterStore {
 public:
  /// Tensor-parallel slice this rank holds of split parameters.
  explicit ParameterStore(int tensor_rank = 0, int tensor_size = 1)
      : tensor_rank_(tensor_rank), tensor_size_(tensor_size) {}

  /// Adds parameters that lie back to back; returns the first's id, the others follow. One
  /// parameter is a group of one. \throws UsageError when a split dimension does not divide by the
  /// tensor-parallel size.
  int add(std::vector<ParameterSpec> group);
  int add(ParameterSpec spec) { return add(std::vector<ParameterSpec>{std::move(spec)}); }

  /// Fixes the layout and allocates zeroed values [dtype] and gradients [accumulator_of(dtype)].
  void allocate(Queue& queue, DType dtype);
  bool allocated() const { return static_cast<bool>(values_); }

  int count() const { return static_cast<int>(entries_.size()); }
  ParameterSpec const& spec(int id) const { return entry(id).spec; }
  /// -1 when there is none of that name.
  int find(std::string const& name) const;
  Shape const& local_shape(int id) const { return entry(id).local; }
  Index flat_begin(int id) const { return entry(id).flat_begin; }
  DType dtype() const { return values_.dtype(); }

  View value(int id) { return slice(values_, id, entry(id).local); }
  ConstView value(int id) const { return const_cast<ParameterStore*>(this)->value(id); }
  /// Empty for a frozen parameter.
  View gradient(int id);
  /// `members` fused matrices from `first` seen as one: rows add up, columns agree.
  View fused_value(int first, int members);
  ConstView fused_value(int first, int members) const {
    return const_cast<ParameterStore*>(this)->fused_value(first, members);
  }
  View fused_gradient(int first, int members);

  Index trainable_size() const { return trainable_size_; }  ///< flat elements, padding included
  Index total_size() const { return total_size_; }
  View flat_values() { return values_; }
  View flat_gradients() { return gradients_; }
  void zero_gradients(Queue& queue) { zero(queue, gradients_); }

  /// The logical pieces behind flat elements [begin, end), in flat order; padding is left out.
  std::vector<ParameterPiece> pieces(Index begin, Index end) const;

 private:
  struct Entry {
    ParameterSpec spec;
    Shape local;
    Index flat_begin = 0;
    int group = 0;
  };
  Entry const& entry(int id) const { return entries_[static_cast<std::size_t>(id)]; }
  View slice(View flat, int id, Shape shape) const;
  View fused(View flat, int first, int members) const;

  int tensor_rank_, tensor_size_;
  std::vector<Entry> entries_;
  std::unordered_map<std::string, int> by_name_;
  int groups_ = 0;
  Index trainable_size_ = 0, total_size_ = 0;
  std::vector<int> flat_order_;  ///< ids by flat_begin
  Tensor values_, gradients_;
};

}  // namespace accord
