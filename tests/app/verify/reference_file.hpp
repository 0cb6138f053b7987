#pragma once
// Reference files made for a test: kept in memory, so that one value after the other can be spoilt.

#include <gtest/gtest.h>

#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <variant>
#include <vector>

#include "app/verify/cases.hpp"
#include "tests/app/verify/plain_layers.hpp"

namespace accord::testing {

class ReferenceFile {
 public:
  ReferenceFile(std::string const& name, std::string const& config) {
    attribute("/", "case", name);
    attribute("/", "config", config);
  }

  using Attribute = std::variant<double, std::int64_t, std::string>;
  void attribute(std::string const& object, std::string const& name, Attribute value) {
    attributes_[object][name] = std::move(value);
  }
  void add(std::string const& dataset, std::vector<Index> shape, std::vector<double> values) {
    numbers_[dataset] = {std::move(shape), std::move(values)};
  }
  /// Stored as int64, as uint8.
  void add_integers(std::string const& dataset, std::vector<Index> shape,
                    std::vector<std::int64_t> const& values) {
    integers_[dataset] = {std::move(shape), values};
  }
  void add_bytes(std::string const& dataset, std::vector<Index> shape,
                 std::vector<std::int64_t> const& values) {
    bytes_[dataset] = {std::move(shape), values};
  }
  void add_texts(std::string const& dataset, std::vector<std::string> values) {
    texts_[dataset] = std::move(values);
  }

  void remove(std::string const& dataset) { numbers_.erase(dataset); }

  void write(std::filesystem::path const& path) const;

  /// The file passes in both types, and with any one value of its results changed it fails.
  /// \param unread  results that no check reads
  void expect_checked(std::filesystem::path const& path,
                      std::vector<std::string> const& unread = {},
                      std::string const& tokenizer = "");

 private:
  std::map<std::string, std::map<std::string, Attribute>> attributes_;
  Arrays<double> numbers_;
  Arrays<std::int64_t> integers_, bytes_;
  std::map<std::string, std::vector<std::string>> texts_;
};

/// What a file says of this build; what it throws counts as a failure of that text.
std::vector<app::Compared> verified(std::filesystem::path const& path, DType dtype = DType::float64,
                                    std::string const& tokenizer = "");
bool passes(std::filesystem::path const& path, DType dtype = DType::float64,
            std::string const& tokenizer = "");

/// Values in [-size, size), representable in float32.
std::vector<double> random_array(Index count, std::uint32_t seed, double size = 1);
/// Random arrays of these shapes, each of a seed of its own.
Arrays<double> random_arrays(std::map<std::string, std::vector<Index>> const& shapes,
                             std::uint32_t seed, double size = 0.5);

template <class T>
Arrays<T> converted(Arrays<double> const& arrays) {
  Arrays<T> result;
  for (auto const& [name, array] : arrays)
    result[name] = {array.shape, {array.values.begin(), array.values.end()}};
  return result;
}

/// d f(arrays) / d each of their elements, by name. f takes Arrays<Dual> and returns a Dual.
template <class F>
Arrays<double> gradients(Arrays<double> const& at, F&& f) {
  Arrays<Dual> arrays = converted<Dual>(at);
  Arrays<double> result = at;
  for (auto& [name, array] : arrays)
    for (std::size_t i = 0; i < array.values.size(); ++i) {
      array.values[i].slope = 1;
      result[name].values[i] = f(arrays).slope;
      array.values[i].slope = 0;
    }
  return result;
}

/// A unit's file: outputs of forward(weights, inputs), and the gradients of sum(output * upstream)
/// in both. Forward is a generic callable: (Arrays<T>, Arrays<T>) -> Arrays<T>.
template <class Forward>
void add_unit(ReferenceFile& file, Arrays<double> const& weights, Arrays<double> const& inputs,
              Forward&& forward) {
  Arrays<double> const outputs = forward(weights, inputs);
  Arrays<double> upstream;
  std::uint32_t seed = 900;
  for (auto const& [name, output] : outputs) {
    upstream[name] = {output.shape, random_array(static_cast<Index>(output.values.size()), seed++)};
    file.add("outputs/" + name, output.shape, output.values);
    file.add("upstream/" + name, output.shape, upstream[name].values);
  }
  auto weighted = [&](Arrays<Dual> const& result) {
    Dual sum = 0;
    for (auto const& [name, array] : result)
      for (std::size_t i = 0; i < array.values.size(); ++i)
        sum += array.values[i] * upstream.at(name).values[i];
    return sum;
  };
  Arrays<Dual> const w = converted<Dual>(weights), x = converted<Dual>(inputs);
  for (auto const& [name, array] : weights) file.add("weights/" + name, array.shape, array.values);
  for (auto const& [name, array] : inputs) file.add("inputs/" + name, array.shape, array.values);
  for (auto const& [name, array] :
       gradients(weights, [&](auto const& moved) { return weighted(forward(moved, x)); }))
    file.add("grads/param/" + name, array.shape, array.values);
  for (auto const& [name, array] :
       gradients(inputs, [&](auto const& moved) { return weighted(forward(w, moved)); }))
    file.add("grads/input/" + name, array.shape, array.values);
}

}  // namespace accord::testing
