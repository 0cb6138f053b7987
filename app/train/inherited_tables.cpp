#include "app/train/inherited_tables.hpp"

#include <map>

#include "core/model/modality/adapter.hpp"
#include "core/model/parameter_names.hpp"

namespace accord::app {
namespace {

using Kind = ParameterPart::Kind;

std::string shared_bias_table_of(std::string const& modality) {
  return official::prefix({official::encoder, official::adapter(modality)}) +
         official::bias_table(0);
}

Shape const* find(io::Manifest const& source, std::string const& name) {
  for (io::StoredTensor const& stored : source.tensors)
    if (stored.info.kind == "weight" && stored.info.name == name) return &stored.info.shape;
  return nullptr;
}

AdapterFamily const& family_of(ParameterSpec const& parameter, ModelConfig const& model) {
  Modality const m = find_modality(model, parameter.part.modality);
  return adapter_family(model.modalities[m.index()].adapter);
}

bool fits_resized(ParameterSpec const& parameter, ModelConfig const& model, Shape const& from) {
  return (parameter.part.kind == Kind::position_table || parameter.part.kind == Kind::bias_table) &&
         family_of(parameter, model).resize_table != nullptr && from.rank() == 2 &&
         from[1] == parameter.shape[1];
}

}  // namespace

std::vector<Inherited> inherited_tensors(std::vector<ParameterSpec> const& parameters,
                                         ModelConfig const& model, io::Manifest const& source) {
  std::vector<Inherited> inherited;
  for (ParameterSpec const& parameter : parameters) {
    std::string name = parameter.name;
    Shape const* from = find(source, name);
    if (!from && parameter.part.kind == Kind::bias_table) {
      name = shared_bias_table_of(parameter.part.modality);
      from = find(source, name);
    }
    if (!from) continue;
    if (*from == parameter.shape) {
      if (name != parameter.name) inherited.push_back({parameter, name, *from, nullptr});
    } else if (fits_resized(parameter, model, *from)) {
      inherited.push_back({parameter, name, *from, family_of(parameter, model).resize_table});
    }
  }
  return inherited;
}

std::vector<double> inherited_values(Inherited const& tensor, std::vector<double> const& source) {
  return tensor.resize ? tensor.resize(tensor.parameter, tensor.from[0], source) : source;
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
    if (int const id = store.find(tensor.parameter.name); id >= 0)
      values.emplace(id, inherited_values(tensor, sources.at(tensor.source)));
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
