#include "core/model/modality/bias_table.hpp"

#include "core/model/modality/adapter.hpp"

namespace accord {

BiasTable::BiasTable(Queue& queue, ParameterScope const& scope, ModalityConfig const& config,
                     Index heads)
    : BiasTable(queue, scope, adapter_family(config.adapter).buckets(config), heads) {}

BiasTable::BiasTable(Queue& queue, ParameterScope const& scope, BucketMatrix const& buckets,
                     Index heads)
    : store_(&scope.store()),
      table_(scope.add({"rel_pos_table_list.0.weight",
                        {buckets.rows, heads},
                        constant_init(0),
                        Distribution::split,
                        1})),
      bucket_(
          Tensor::from_host(queue, std::span(buckets.bucket), Shape{buckets.size, buckets.size})) {}

PositionBias BiasTable::bias() const {
  return {store_->value(table_), bucket_, store_->gradient(table_)};
}

}  // namespace accord
