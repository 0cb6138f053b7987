#include "tests/parallel/data/toy_training.hpp"

#include <cmath>

#include "core/tensor/initial_values.hpp"
#include "tests/support/op_testing.hpp"

namespace accord::parallel {
namespace {

constexpr int layers = 4, samples = 8, rows = 4;

struct Span {
  int begin, end;
};

Span share(int count, int rank, int ranks) {
  return {count * rank / ranks, count * (rank + 1) / ranks};
}

bool is_table(ParameterSpec const& spec) { return spec.name == "table"; }

// One share of the gradient: one sample, one row, one layer that uses the parameter.
double one_gradient(ToyRun const& run, int step, int sample, int row, int layer,
                    ParameterSpec const& spec, Index element) {
  std::uint64_t bits = std::hash<std::string>{}(spec.name);
  for (Index x : {Index{step}, Index{sample}, Index{row}, Index{layer}, element}) {
    bits = (bits ^ static_cast<std::uint64_t>(x + 1)) * 0x9E3779B97F4A7C15ull;
    bits ^= bits >> 31;
  }
  return run.gradient_unit * (static_cast<double>(bits % 2049) - 1024) / 1024;
}

double sum_over(ToyRun const& run, int step, ParameterSpec const& spec, Index element, Span sample,
                Span row, Span layer) {
  double sum = 0;
  for (int s = sample.begin; s < sample.end; ++s)
    for (int r = row.begin; r < row.end; ++r)
      for (int l = layer.begin; l < layer.end; ++l)
        sum += one_gradient(run, step, s, r, l, spec, element);
  return sum;
}

}  // namespace

void add_toy_parameters(ParameterStore& store, int stage, int stages) {
  using D = Distribution;
  auto const add = [&](std::string name, Shape shape, D distribution, int dimension = 0,
                       bool decay = true, bool trainable = true) {
    return ParameterSpec{.name = std::move(name),
                         .shape = shape,
                         .distribution = distribution,
                         .split_dimension = dimension,
                         .trainable = trainable,
                         .decay = decay};
  };
  if (stage == 0) {
    store.add(add("embed", {7, 5}, D::replicated));
    store.add(add("frozen.table", {9, 7}, D::replicated, 0, true, false));
  }
  store.add(add("table", {5, 3}, D::partial));  // used by every layer: held by every stage
  store.add(add("frozen.shared", {11}, D::replicated, 0, true, false));
  Span const mine = share(layers, stage, stages);
  for (int layer = mine.begin; layer < mine.end; ++layer) {
    std::string const prefix = "layers." + std::to_string(layer);
    store.add(add(prefix + ".norm.weight", {6}, D::partial, 0, false));
    store.add(std::vector<ParameterSpec>{add(prefix + ".wi_0", {8, 6}, D::split),
                                         add(prefix + ".wi_1", {8, 6}, D::split)});
    store.add(add(prefix + ".wi.bias", {8}, D::split, 0, false));
    store.add(add(prefix + ".wo", {6, 8}, D::split, 1));
    store.add(add(prefix + ".frozen", {4, 8}, D::split, 1, true, false));
  }
  if (stage == stages - 1) {
    store.add(add("proj", {5, 6}, D::replicated));
    ParameterSpec scale = add("logit_scale", {}, D::replicated, 0, false);
    scale.bounds = {0, std::log(100.0)};
    store.add(std::move(scale));
  }
}

double toy_gradient(ToyRun const& run, int step, ParameterSpec const& spec, Index element) {
  double sum =
      sum_over(run, step, spec, element, {0, samples}, {0, rows}, {0, is_table(spec) ? layers : 1});
  if (run.disturbance && element == 0) sum += run.disturbance(step, spec.name);
  return sum;
}

ToyResult run_toy(GroupCommunicator& world, ToyLayout const& layout, ToyRun const& run) {
  Queue queue(Backend::cpu);
  MeshCoordinates const at = coordinates_of(layout.mesh, world.rank());
  MeshGroups groups = make_groups(world, layout.mesh);
  ParameterStore store(at.tensor, layout.mesh.tensor);
  add_toy_parameters(store, at.pipeline, layout.mesh.pipeline);
  store.allocate(queue, run.dtype);
  initialise(queue, store, InitMode::dense, 1);
  ParameterStep parameters(queue, store, groups,
                           {.optimizer = run.options,
                            .zero = layout.zero,
                            .sequence_parallel = layout.sequence_parallel,
                            .bucket_bytes = layout.bucket_bytes});

  auto const fill = [&]<class T>(T* gradients, int step, ParameterPiece const& piece) {
    ParameterSpec const& spec = store.spec(piece.parameter);
    Span const row = spec.distribution == Distribution::partial && layout.sequence_parallel
                         ? share(rows, at.tensor, layout.mesh.tensor)
                         : Span{0, rows};
    Span const layer =
        is_table(spec) ? share(layers, at.pipeline, layout.mesh.pipeline) : Span{0, 1};
    // One rank of those that share a gradient adds the disturbance.
    bool const first = at.data == 0 && row.begin == 0 && layer.begin == 0;
    for (Index i = 0; i < piece.count; ++i) {
      Index const element = piece.logical_begin + i;
      double sum =
          sum_over(run, step, spec, element, share(samples, at.data, layout.mesh.data), row, layer);
      if (run.disturbance && element == 0 && first) sum += run.disturbance(step, spec.name);
      gradients[piece.flat_begin + i] = static_cast<T>(sum);
    }
  };

  ToyResult result;
  for (int step = 0; step < run.steps; ++step) {
    parameters.gradients([&](ParameterStep::Ready const& ready) {
      auto const pieces = store.pieces(0, store.trainable_size());
      for (auto piece = pieces.rbegin(); piece != pieces.rend(); ++piece) {
        if (run.dtype == DType::float64)
          fill(store.flat_gradients().as<double>(), step, *piece);
        else
          fill(store.flat_gradients().as<float>(), step, *piece);
        if (layout.overlap) ready(piece->flat_begin);
      }
    });
    result.steps.push_back(parameters.update(1e-2 / (1 + step)));
  }
  std::vector<TensorKind> kinds = ShardedOptimizer::kinds();
  kinds.push_back(TensorKind::gradient);
  for (TensorKind const kind : kinds)
    result.tensors[kind] =
        gather_logical(queue, world, store, parameters.optimizer().pieces(kind, Copies::primary));

  for (ParameterPiece const& piece : store.pieces(0, store.total_size())) {
    View const values = store.flat_values().rows(piece.flat_begin, piece.count);
    result.copies.push_back(
        {store.spec(piece.parameter).name, piece.logical_begin, testing::values_of(queue, values)});
  }
  return result;
}

}  // namespace accord::parallel
