#include "app/verify/reference.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "core/base/error.hpp"
#include "io/file/json.hpp"

namespace accord::app {

struct Reference::Config {
  nlohmann::json json;
};

Tolerance tolerance_of(Quantity quantity, DType dtype) {
  bool const wide = dtype == DType::float64;
  switch (quantity) {
    case Quantity::unit_output:
      return {.relative = wide ? 1e-7 : 5e-6};
    case Quantity::unit_gradient:
      return {.relative = wide ? 1e-7 : 3e-5};
    case Quantity::model_output:
      return {.relative = wide ? 1e-7 : 1e-5};
    case Quantity::loss:
      return {.absolute = wide ? 1e-9 : 2e-5};
    case Quantity::model_gradient:
      return {.relative = wide ? 2e-7 : 1e-4};
    case Quantity::contrastive:
      return {.relative = wide ? 1e-7 : 2e-5};
    case Quantity::trajectory_loss:
      return {.absolute = wide ? 1e-7 : 1e-4};
    case Quantity::trajectory_norm:
      return {.absolute = wide ? 1e-7 : 1e-3};
    case Quantity::trajectory_weights:
      return wide ? Tolerance{.relative = 1e-6}
                  : Tolerance{.relative = 1e-3, .share_within = 0.999, .within = 1e-4};
    case Quantity::exact:
      return {};
  }
  return {};
}

Reference::Reference(std::filesystem::path const& file, DType dtype, std::string tokenizer)
    : file_(file),
      name_(file_.attribute_text("/", "case")),
      dtype_(dtype),
      tokenizer_(std::move(tokenizer)),
      config_(std::make_unique<Config>()) {
  try {
    config_->json = io::parse_json(file_.attribute_text("/", "config"));
  } catch (nlohmann::json::exception const& error) {
    throw DataError(
        fmt::format("{}: attribute config is not JSON: {}", file.string(), error.what()));
  }
}

Reference::~Reference() = default;

bool Reference::has(std::string const& pointer) const {
  return config_->json.contains(nlohmann::json::json_pointer(pointer));
}

bool Reference::has_text(std::string const& pointer) const {
  return has(pointer) && config_->json[nlohmann::json::json_pointer(pointer)].is_string();
}

double Reference::number(std::string const& pointer) const {
  if (!has(pointer))
    throw DataError(fmt::format("{}: config has no {}", file_.path().string(), pointer));
  nlohmann::json const& value = config_->json[nlohmann::json::json_pointer(pointer)];
  return value.is_boolean() ? (value.get<bool>() ? 1.0 : 0.0) : value.get<double>();
}

std::string Reference::text(std::string const& pointer) const {
  if (!has(pointer))
    throw DataError(fmt::format("{}: config has no {}", file_.path().string(), pointer));
  return config_->json[nlohmann::json::json_pointer(pointer)].get<std::string>();
}

Index Reference::widest(std::string const& input, std::size_t axis) const {
  Index extent = 0;
  for (std::string const& name : file_.datasets("inputs"))
    if (name == input || name.ends_with("/" + input))
      extent = std::max(extent, shape("inputs/" + name).at(axis));
  return extent;
}

Tensor Reference::tensor(Queue& queue, std::vector<double> const& values, Shape shape) const {
  if (dtype_ == DType::float64)
    return Tensor::from_host(queue, std::span<double const>(values), shape);
  std::vector<float> const narrow(values.begin(), values.end());
  return Tensor::from_host(queue, std::span<float const>(narrow), shape);
}

Tensor Reference::tensor(Queue& queue, std::string const& dataset) const {
  Shape shape;
  for (Index extent : this->shape(dataset)) shape.push_back(extent);
  return tensor(queue, values(dataset), shape);
}

void Reference::compare(std::string const& dataset, std::vector<double> const& got,
                        Tolerance const& tolerance) {
  compare_values(dataset, got, values(dataset), tolerance);
}

void Reference::compare(Queue& queue, std::string const& dataset, ConstView got,
                        Tolerance const& tolerance) {
  compare(dataset, as_doubles(queue, got), tolerance);
}

void Reference::compare_values(std::string const& name, std::vector<double> const& got,
                               std::vector<double> const& want, Tolerance const& tolerance) {
  Compared result{.name = name};
  if (got.size() != want.size()) {
    result.relative = result.absolute = INFINITY;
    results_.push_back(result);
    return;
  }
  double difference = 0, norm = 0;
  std::size_t close = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    double const d = std::abs(got[i] - want[i]);
    difference += d * d;
    norm += want[i] * want[i];
    result.absolute = std::isnan(d) ? INFINITY : std::max(result.absolute, d);
    close += d <= tolerance.within;
  }
  difference = std::sqrt(difference);
  norm = std::sqrt(norm);
  result.relative = difference == 0 ? 0 : norm > 0 ? difference / norm : INFINITY;
  bool const enough =
      static_cast<double>(close) >= tolerance.share_within * static_cast<double>(want.size());
  result.pass = result.absolute == 0 ||
                (enough && ((tolerance.relative > 0 && result.relative <= tolerance.relative) ||
                            (tolerance.absolute > 0 && result.absolute <= tolerance.absolute) ||
                            (tolerance.norm_floor > 0 && difference <= tolerance.norm_floor)));
  results_.push_back(result);
}

void Reference::expect(std::string const& name, bool holds) {
  results_.push_back({name, holds ? 0.0 : INFINITY, holds ? 0.0 : INFINITY, holds});
}

bool Reference::passed() const {
  for (Compared const& result : results_)
    if (!result.pass) return false;
  return !results_.empty();
}

std::vector<double> as_doubles(Queue& queue, ConstView view) {
  if (view.dtype() == DType::float64) return to_host<double>(queue, view);
  std::vector<float> const narrow = to_host<float>(queue, view);
  return {narrow.begin(), narrow.end()};
}

}  // namespace accord::app
