#include "core/model/modality/placed_rows.hpp"

#include "core/ops/rows.hpp"

namespace accord {

PlacedRows::PlacedRows(Queue& queue, RowPlacement const& placement, std::vector<Index> const& first)
    : all_rows_(Tensor::from_host(queue, placement.rows)),
      positions_(Tensor::from_host(queue, placement.positions)) {
  std::vector<std::int32_t> feature_rows, features, cls_rows;
  for (std::size_t i = 0; i < placement.rows.size(); ++i) {
    if (placement.positions[i] == 0) {
      cls_rows.push_back(placement.rows[i]);
    } else {
      auto const sample = static_cast<std::size_t>(placement.samples[i]);
      feature_rows.push_back(placement.rows[i]);
      features.push_back(static_cast<std::int32_t>(first[sample]) + placement.positions[i] - 1);
    }
  }
  feature_rows_ = Tensor::from_host(queue, feature_rows);
  features_ = Tensor::from_host(queue, features);
  cls_rows_ = Tensor::from_host(queue, cls_rows);
  zeros_ = Tensor::from_host(queue, std::vector<std::int32_t>(cls_rows.size(), 0));
}

void PlacedRows::forward(Queue& queue, ConstView features, ConstView cls, ConstView positions,
                         View x) const {
  add_rows(queue, features, features_, x, feature_rows_);
  add_rows(queue, cls, zeros_, x, cls_rows_);
  add_rows(queue, positions, positions_, x, all_rows_);
}

void PlacedRows::backward(Queue& queue, ConstView dx, View dfeatures, View dcls,
                          View dpositions) const {
  if (dfeatures) add_rows(queue, dx, feature_rows_, dfeatures, features_);
  if (dcls) add_rows(queue, dx, cls_rows_, dcls, zeros_);
  if (dpositions) add_rows(queue, dx, all_rows_, dpositions, positions_);
}

}  // namespace accord
