#pragma once
// A modality of the model, by its place among them.

#include <compare>
#include <cstddef>

namespace accord {

/// Place of a modality in ModelConfig::modalities; also the order of segments within a joint
/// sequence. A type of its own, so that no pass, segment or column is taken for one: it is made
/// from a number without further words, and gives it back only when asked.
class Modality {
 public:
  constexpr Modality() = default;  ///< the first
  constexpr Modality(int place) : place_(place) {}
  explicit constexpr Modality(std::size_t place) : place_(static_cast<int>(place)) {}

  static Modality const none;

  /// Of what is kept by modality. \pre not none
  constexpr std::size_t index() const { return static_cast<std::size_t>(place_); }

  friend constexpr auto operator<=>(Modality, Modality) = default;

 private:
  int place_ = 0;
};

inline constexpr Modality Modality::none{-1};

}  // namespace accord
