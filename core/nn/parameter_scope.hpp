#pragma once

#include <string>
#include <vector>

#include "core/tensor/parameter_store.hpp"

namespace accord {

/// Whether a name begins with a prefix, in which `*` stands for one part between dots:
/// "layers.*.text_ffn." covers that branch of every layer.
bool begins_with(std::string const& name, std::string const& prefix);
bool begins_with_one_of(std::string const& name, std::vector<std::string> const& prefixes);

/// Adds parameters under a name prefix, as ones of a part of the model, and decides once, for all
/// of them, which train and which are decayed (docs/model.md 4.2).
class ParameterScope {
 public:
  /// Which parameters do not train (begins_with()) and which are not decayed (whole names): from
  /// the configuration.
  struct Rules {
    std::vector<std::string> frozen;
    std::vector<std::string> no_decay;
  };

  ParameterScope(ParameterStore& store, Rules const& rules, std::string prefix = "")
      : store_(&store), rules_(&rules), prefix_(std::move(prefix)) {}

  /// The scope of names below `name.`
  ParameterScope operator/(std::string const& name) const {
    ParameterScope scope = *this;
    scope.prefix_ += name + ".";
    return scope;
  }
  /// The same scope for parameters of another part.
  ParameterScope of(ParameterPart::Kind kind) const {
    ParameterScope scope = *this;
    scope.part_.kind = kind;
    return scope;
  }
  ParameterScope of_modality(std::string const& modality) const {
    ParameterScope scope = *this;
    scope.part_.modality = modality;
    return scope;
  }
  ParameterScope at_depth(Index depth) const {
    ParameterScope scope = *this;
    scope.part_.depth = depth;
    return scope;
  }
  ParameterStore& store() const { return *store_; }
  std::string const& prefix() const { return prefix_; }
  ParameterPart const& part() const { return part_; }

  struct Member {
    std::string name;
    Shape shape;
    Init init;
    Distribution distribution = Distribution::replicated;
    int split_dimension = 0;
    bool used = true;  ///< false: kept for the official names only (quirk Q16), never trained
    ParameterBounds bounds = {};
  };
  /// Adds members that lie back to back; returns the first id.
  int add(std::vector<Member> const& members) const;
  int add(Member member) const { return add(std::vector<Member>{std::move(member)}); }

 private:
  ParameterStore* store_;
  Rules const* rules_;
  std::string prefix_;
  ParameterPart part_ = {};
};

/// Initial values of common kinds (docs/model.md 1.10).
inline Init linear_init(Index in) { return {Init::Kind::truncated_normal, 0, in, true}; }
inline Init embedding_init() { return {Init::Kind::truncated_normal, 0, 0, false}; }
inline Init constant_init(double value) { return {Init::Kind::constant, value, 0, false}; }
inline Init convolution_init(Index fan_in) {
  return {Init::Kind::uniform_fan_in, 0, fan_in, false};
}
inline Init kaiming_init(Index fan_in) { return {Init::Kind::kaiming_normal, 0, fan_in, false}; }

}  // namespace accord
