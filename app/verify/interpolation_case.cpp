// Tables carried to other grids: absolute positions at run time, position-bias tables at load.

#include <fmt/format.h>

#include "app/verify/cases.hpp"
#include "app/verify/reference_model.hpp"
#include "core/model/interpolation.hpp"
#include "core/model/modality/grid_positions.hpp"
#include "core/ops/elementwise.hpp"
#include "io/file/integer_text.hpp"

namespace accord::app {

void verify_image_pos_interp(Queue& queue, Reference& reference) {
  Index const table_side = static_cast<Index>(reference.number("/bucket_size"));
  Index const d = reference.shape("weights/adapter.pos_embed")[1];
  std::vector<double> dtable;
  for (std::string const& name : reference.file().members("outputs")) {
    std::string const output = "outputs/" + name;
    std::vector<Index> const shape =
        reference.shape(output);  // [images, rows, d], all images alike
    Index const side = io::integer_in<Index>(name.substr(name.find('_') + 1));
    ParameterStore store;
    ParameterScope::Rules const rules;
    ParameterScope const scope = ParameterScope(store, rules) / "adapter";
    GridPositions const positions(queue, scope, d, table_side, side, reference.dtype());
    scope.add({"cls_embedding", {1, 1, d}, {}});  // stored with it, not used
    store.allocate(queue, reference.dtype());
    load_reference_weights(queue, reference, store);
    std::vector<double> const once = as_doubles(queue, positions.forward(queue));
    std::vector<double> all;
    Tensor dpositions = positions.zero_gradient(queue);
    Tensor const upstream = reference.tensor(queue, "upstream/" + name);
    for (Index image = 0; image < shape[0]; ++image) {
      all.insert(all.end(), once.begin(), once.end());
      add(queue,
          upstream.view().reshaped({shape[0] * shape[1], d}).rows(image * shape[1], shape[1]),
          dpositions);
    }
    reference.compare(output, all, tolerance_of(Quantity::unit_output, reference.dtype()));
    positions.backward(queue, dpositions);
    std::vector<double> const part = as_doubles(queue, store.gradient(0));
    dtable.resize(part.size());
    for (std::size_t i = 0; i < part.size(); ++i) dtable[i] += part[i];
  }
  reference.compare("grads/param/adapter.pos_embed", dtable,
                    tolerance_of(Quantity::unit_gradient, reference.dtype()));
}

void verify_image_relpos_interp(Queue&, Reference& reference) {
  for (std::string const& name : reference.file().members("outputs")) {  // table_16_to_24
    std::size_t const to = name.find("_to_");
    Index const from_side = io::integer_in<Index>(std::string_view(name).substr(6, to - 6)),
                to_side = io::integer_in<Index>(std::string_view(name).substr(to + 4));
    std::string const input = fmt::format("inputs/table_{}", from_side);
    // The official routine ends in float32.
    reference.compare(
        "outputs/" + name,
        resize_grid(geometric_axis(2 * from_side - 1, 2 * to_side - 1), reference.values(input)),
        {.relative = 1e-7});
  }
}

}  // namespace accord::app
