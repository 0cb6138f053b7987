// Buckets of the relative-position bias.

#include <algorithm>

#include "app/verify/cases.hpp"
#include "core/model/modality/position_bias.hpp"
#include "io/file/integer_text.hpp"

namespace accord::app {

void verify_unit_buckets(Queue&, Reference& reference) {
  for (std::string const& name : reference.file().members("outputs")) {
    std::string const group = "outputs/" + name + "/";
    std::size_t const first = name.find('_') + 1;
    Index const size = io::integer_in<Index>(name.substr(first, name.find('_', first) - first));
    bool const grid = name.starts_with("image");
    BucketMatrix const matrix =
        grid ? grid_buckets({size, size}) : log_buckets(max_log_positions, size);
    auto part = [&](Index rows, Index columns) {
      std::vector<double> values;
      for (Index i = 0; i < rows; ++i)
        for (Index j = 0; j < columns; ++j)
          values.push_back(matrix.bucket[static_cast<std::size_t>(i * matrix.size + j)]);
      return values;
    };
    if (reference.file().exists(group + "table"))
      reference.compare(group + "table", part(matrix.size, matrix.size), {});
    reference.compare_values(
        group + "num_embeddings",
        {static_cast<double>(grid ? grid_bucket_rows(size) : log_bucket_rows(size))},
        {reference.file().attribute<double>("outputs/" + name, "num_embeddings")}, {});
    if (grid) continue;
    std::vector<Index> const head = reference.shape(group + "table_head");
    reference.compare(group + "table_head", part(head[0], head[1]), {});
    // The raw column holds distance +i in row i, before the class token took row and column 0: here
    // it is row i + 1, column 1, so distance 1023 has no place.
    std::vector<double> column, row, want_column, want_row;
    std::vector<double> const raw_column = reference.values(group + "column0_raw"),
                              raw_row = reference.values(group + "row0_raw");
    Index const distances = std::min(static_cast<Index>(raw_column.size()), matrix.size - 1);
    for (Index i = 0; i < distances; ++i) {
      column.push_back(matrix.bucket[static_cast<std::size_t>((i + 1) * matrix.size + 1)]);
      row.push_back(matrix.bucket[static_cast<std::size_t>(matrix.size + i + 1)]);
      want_column.push_back(raw_column[static_cast<std::size_t>(i)]);
      want_row.push_back(raw_row[static_cast<std::size_t>(i)]);
    }
    reference.compare_values(group + "column0_raw", column, want_column, {});
    reference.compare_values(group + "row0_raw", row, want_row, {});
  }
}

}  // namespace accord::app
