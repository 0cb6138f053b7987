#include "core/model/modality/bias_table.hpp"

#include <algorithm>

#include "core/base/check.hpp"
#include "core/model/modality/adapter.hpp"
#include "core/model/parameter_names.hpp"

namespace accord {

BiasTable::BiasTable(Queue& queue, ParameterScope const& scope, ModalityConfig const& config,
                     Index heads, std::vector<Index> layers)
    : BiasTable(queue, scope, adapter_family(config.adapter).buckets(config), heads,
                std::move(layers)) {}

BiasTable::BiasTable(Queue& queue, ParameterScope const& scope, BucketMatrix const& buckets,
                     Index heads, std::vector<Index> layers)
    : store_(&scope.store()),
      layers_(std::move(layers)),
      bucket_(
          Tensor::from_host(queue, std::span(buckets.bucket), Shape{buckets.size, buckets.size})) {
  for (Index const layer : layers_)
    tables_.push_back(scope.of(ParameterPart::Kind::bias_table)
                          .at_depth(layer + 1)
                          .add({official::bias_table(layer),
                                {buckets.rows, heads},
                                constant_init(0),
                                Distribution::split,
                                1}));
}

PositionBias BiasTable::bias(Index layer) const {
  auto const at = std::find(layers_.begin(), layers_.end(), layer) - layers_.begin();
  ACCORD_CHECK(at < static_cast<std::ptrdiff_t>(layers_.size()),
               "position-bias table {} is not held here", layer);
  int const table = tables_[static_cast<std::size_t>(at)];
  return {store_->value(table), bucket_, store_->gradient(table)};
}

}  // namespace accord
