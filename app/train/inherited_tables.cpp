#include "app/train/inherited_tables.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/base/check.hpp"
#include "core/model/interpolation.hpp"
#include "core/model/modality/position_bias.hpp"

namespace accord::app {
namespace {

constexpr std::string_view tables = ".rel_pos_table_list.";

bool is_bias_table(std::string const& name) { return name.find(tables) != std::string::npos; }

/// Whether the tensor belongs to a grid of patches.
bool of_grid(std::string const& name, ModelConfig const& model) {
  if (!is_bias_table(name) && !name.ends_with(".pos_embed")) return false;
  return std::any_of(model.modalities.begin(), model.modalities.end(),
                     [&](ModalityConfig const& modality) {
                       return modality.adapter == "patch" &&
                              name.find("." + modality.name + "_adapter.") != std::string::npos;
                     });
}

std::string shared_table_of(std::string const& name) {
  std::size_t const number = name.find(tables) + tables.size();
  return name.substr(0, number) + "0" + name.substr(name.find('.', number));
}

Shape const* find(io::Manifest const& source, std::string const& name) {
  for (io::StoredTensor const& stored : source.tensors)
    if (stored.info.kind == "weight" && stored.info.name == name) return &stored.info.shape;
  return nullptr;
}

/// The side of the grid whose table has `rows` rows.
Index side_of(Inherited const& tensor, Index rows) {
  bool const bias = is_bias_table(tensor.name);
  auto const root = static_cast<Index>(std::lround(std::sqrt(rows - (bias ? 3 : 1))));
  Index const side = bias ? (root + 1) / 2 : root;
  if ((bias ? grid_bucket_rows(side) : side * side + 1) != rows)
    throw DataError(
        fmt::format("{}: {} rows are no table of a square grid of patches", tensor.name, rows));
  return side;
}

}  // namespace

std::vector<Inherited> inherited_tensors(std::vector<ParameterSpec> const& parameters,
                                         ModelConfig const& model, io::Manifest const& source) {
  std::vector<Inherited> inherited;
  for (ParameterSpec const& parameter : parameters) {
    std::string name = parameter.name;
    Shape const* from = find(source, name);
    if (!from && is_bias_table(name)) {
      name = shared_table_of(name);
      from = find(source, name);
    }
    if (!from) continue;
    bool const same = *from == parameter.shape;
    if (same ? name != parameter.name
             : of_grid(name, model) && from->rank() == 2 && (*from)[1] == parameter.shape[1])
      inherited.push_back({parameter.name, name, *from, parameter.shape});
  }
  return inherited;
}

std::vector<double> inherit(Inherited const& tensor, std::vector<double> const& source) {
  if (tensor.from == tensor.to) return source;
  Index const from = side_of(tensor, tensor.from[0]), to = side_of(tensor, tensor.to[0]);
  return is_bias_table(tensor.name) ? resize_bias_table(source, from, to)
                                    : resize_position_table(source, from, to);
}

void load_inherited(Communicator& world, Queue& queue, io::OpenCheckpoint const& checkpoint,
                    std::vector<Inherited> const& tensors, ParameterStore const& store,
                    parallel::ShardedOptimizer& optimizer, io::LoadOptions const& options) {
  std::map<std::string, std::vector<double>> sources;  // small tables, whole on every rank
  std::vector<io::TensorInfo> infos;
  std::vector<io::Piece> pieces;
  for (Inherited const& tensor : tensors) {
    auto const [it, fresh] = sources.try_emplace(tensor.source);
    if (!fresh) continue;
    it->second.resize(static_cast<std::size_t>(tensor.from.size()));
    pieces.push_back({static_cast<int>(infos.size()), 0, tensor.from.size(), it->second.data()});
    infos.push_back({"weight", tensor.source, tensor.from, DType::float64});
  }
  io::load_tensors(world, queue, checkpoint, infos, pieces, options);

  std::map<int, std::vector<double>> values;  // by id in the store
  for (Inherited const& tensor : tensors)
    if (int const id = store.find(tensor.name); id >= 0)
      values.emplace(id, inherit(tensor, sources.at(tensor.source)));
  for (parallel::LogicalPiece const& piece :
       optimizer.pieces(parallel::TensorKind::weight, parallel::Copies::all)) {
    auto const found = values.find(piece.parameter);
    if (found == values.end()) continue;
    auto const begin = found->second.begin() + piece.logical_begin;
    std::vector<double> const part(begin, begin + piece.values.size());
    if (piece.values.dtype() == DType::float64)
      copy(queue, Tensor::from_host(queue, part), piece.values);
    else
      copy(queue, Tensor::from_host(queue, std::vector<float>(part.begin(), part.end())),
           piece.values);
  }
}

}  // namespace accord::app
