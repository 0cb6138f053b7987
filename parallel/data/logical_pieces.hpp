#pragma once
// What the optimizer keeps, as pieces of logical tensors: the terms in which layouts are compared
// and checkpoints written.

#include <compare>
#include <functional>
#include <string_view>
#include <vector>

#include "parallel/data/ownership.hpp"

namespace accord::parallel {

/// What there is of a parameter: its weight, its gradient, or a state of the update by the name
/// that the update gives it (adamw_states). The names are those of kinds in a checkpoint.
struct TensorKind {
  static TensorKind const weight, gradient;
  std::string_view name;
  friend auto operator<=>(TensorKind const&, TensorKind const&) = default;
};
inline constexpr TensorKind TensorKind::weight{"weight"}, TensorKind::gradient{"gradient"};

/// A run of elements of a logical tensor in this rank's memory.
struct LogicalPiece {
  int parameter = 0;
  Index logical_begin = 0;  ///< element index within the whole tensor, row-major
  View values;              ///< [count]
};

/// Which copies of what tensor- and pipeline-parallel ranks replicate.
enum class Copies : std::uint8_t {
  primary,  ///< each element once over the whole world: to save
  all,      ///< this rank's copy whoever else has one: to load
};

/// The pieces behind `owned` (Ownership::trained() or frozen()), in flat order.
/// \param values  the values of a range of flat elements: its weights, or its moments
std::vector<LogicalPiece> logical_pieces(ParameterStore const& store, Ownership const& ownership,
                                         std::vector<FlatRange> const& owned, Copies copies,
                                         std::function<View(FlatRange const&)> const& values);

}  // namespace accord::parallel
