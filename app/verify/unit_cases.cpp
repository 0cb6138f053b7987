// Single modules: attention, feed-forward, one layer. Inputs are time x batch x channel; rows here
// are batch-major within each modality, as packs are.

#include <algorithm>
#include <numeric>

#include "app/verify/cases.hpp"
#include "app/verify/reference_model.hpp"
#include "core/comm/self_communicator.hpp"
#include "core/model/block.hpp"

namespace accord::app {
namespace {

// The rows of [time, batch] sequences whose time axis is cut into consecutive segments.
struct TimeMajor {
  Index time = 0, batch = 0;
  std::vector<Index> lengths;        // of the segments
  std::vector<Modality> modalities;  // of the segments

  // Row of (sample, time): modality after modality, then sample, then time.
  Index row(Index sample, Index t) const {
    Index begin = 0;
    for (Index length : lengths) {
      if (t < length) return begin + sample * length + t;
      t -= length;
      begin += batch * length;
    }
    throw Error("a time outside all segments");
  }
  template <class T>
  std::vector<T> to_rows(std::vector<T> const& values, Index width) const {
    std::vector<T> rows(values.size());
    for (Index t = 0; t < time; ++t)
      for (Index s = 0; s < batch; ++s)
        std::copy_n(values.begin() + (t * batch + s) * width, width,
                    rows.begin() + row(s, t) * width);
    return rows;
  }
  std::vector<double> to_time(std::vector<double> const& rows, Index width) const {
    std::vector<double> values(rows.size());
    for (Index t = 0; t < time; ++t)
      for (Index s = 0; s < batch; ++s)
        std::copy_n(rows.begin() + row(s, t) * width, width,
                    values.begin() + (t * batch + s) * width);
    return values;
  }
  Index rows() const { return time * batch; }
};

BranchRows branch_rows(Queue& queue, Reference const& reference, TimeMajor const& layout,
                       bool masked) {
  BranchRows branch;
  branch.count = layout.rows();
  for (Index s = 0; s < layout.batch; ++s) {
    Index t = 0;
    for (std::size_t k = 0; k < layout.lengths.size(); ++k) {
      branch.attention.segments.push_back(
          {layout.row(s, t), layout.lengths[k], layout.modalities[k]});
      t += layout.lengths[k];
    }
    branch.attention.sequences.push_back(static_cast<Index>(branch.attention.segments.size()));
  }
  Index begin = 0;
  for (std::size_t k = 0; k < layout.lengths.size(); ++k) {
    branch.groups.push_back({layout.modalities[k], begin, layout.lengths[k] * layout.batch});
    begin += layout.lengths[k] * layout.batch;
  }
  branch.own_groups = branch.groups;
  if (masked) {
    auto const padding =
        reference.file().read<std::uint8_t>("inputs/padding_mask");  // [batch, time]
    std::vector<std::uint8_t> keys(padding.size());
    for (Index s = 0; s < layout.batch; ++s)
      for (Index t = 0; t < layout.time; ++t)
        keys[static_cast<std::size_t>(layout.row(s, t))] =
            padding[static_cast<std::size_t>(s * layout.time + t)] == 0;
    branch.attention.keys = Tensor::from_host(queue, keys);
  }
  return branch;
}

void compare_gradients(Queue& queue, Reference& reference, ParameterStore& store,
                       Tolerance const& tolerance) {
  for (int id = 0; id < store.count(); ++id) {
    std::string const dataset = "grads/param/" + store.spec(id).name;
    if (reference.file().exists(dataset))
      reference.compare(queue, dataset, store.gradient(id), tolerance);
  }
}

}  // namespace

void verify_unit_attention(Queue&, Reference& reference) {
  Queue queue(Backend::reference);  // a dense bias is the reference backend's
  Index const d = static_cast<Index>(reference.number("/embed_dim"));
  Index const heads = static_cast<Index>(reference.number("/heads"));
  SelfCommunicator self;
  ParameterStore store;
  ParameterScope::Rules const rules;
  SelfAttention const attention(ParameterScope(store, rules), d, heads, TensorParallelRegion(self));
  store.allocate(queue, reference.dtype());
  load_reference_weights(queue, reference, store);

  std::vector<Index> const shape = reference.shape("inputs/x");
  TimeMajor const layout{shape[0], shape[1], {shape[0]}, {0}};
  auto rows = [&](std::string const& dataset) {
    return reference.tensor(queue, layout.to_rows(reference.values(dataset), d),
                            {layout.rows(), d});
  };
  Tensor const x = rows("inputs/x"), bias = reference.tensor(queue, "inputs/bias");
  Tensor dbias(queue, reference.dtype(), bias.shape());
  Tolerance const output = tolerance_of(Quantity::unit_output, reference.dtype());
  Tolerance const gradient = tolerance_of(Quantity::unit_gradient, reference.dtype());
  std::vector<double> dx(static_cast<std::size_t>(x.size()), 0.0);
  for (bool biased : {true, false}) {
    std::string const name = biased ? "y" : "y_nobias";
    BranchRows const branch = branch_rows(queue, reference, layout, biased);
    DenseBias const dense{bias, dbias};
    SelfAttention::Saved saved;
    Tensor const y = attention.forward(queue, x, branch.attention, {}, biased ? &dense : nullptr,
                                       Recompute::none, saved);
    reference.compare("outputs/" + name, layout.to_time(as_doubles(queue, y), d), output);
    Tensor const da = attention.backward(queue, rows("upstream/" + name), x, branch.attention, {},
                                         biased ? &dense : nullptr, saved);
    std::vector<double> const part = as_doubles(queue, da);
    for (std::size_t i = 0; i < dx.size(); ++i) dx[i] += part[i];
  }
  reference.compare("grads/input/x", layout.to_time(dx, d), gradient);
  reference.compare(queue, "grads/input/bias", dbias, gradient);
  compare_gradients(queue, reference, store, gradient);
}

void verify_unit_geglu_ffn(Queue& queue, Reference& reference) {
  std::vector<Index> const shape = reference.shape("inputs/x");
  SelfCommunicator self;
  ParameterStore store;
  ParameterScope::Rules const rules;
  GegluFfn const ffn(ParameterScope(store, rules), shape[1], reference.shape("weights/2.weight")[0],
                     TensorParallelRegion(self));
  store.allocate(queue, reference.dtype());
  load_reference_weights(queue, reference, store);
  Tensor const x = reference.tensor(queue, "inputs/x");
  Tensor y(queue, reference.dtype(), x.shape()), dx(queue, reference.dtype(), x.shape());
  GegluFfn::Saved saved;
  ffn.forward(queue, x, Recompute::none, y, saved);
  ffn.add_bias(queue, y);
  Tensor const dy = reference.tensor(queue, "upstream/y");
  ffn.add_bias_backward(queue, dy);
  ffn.backward(queue, dy, x, saved, dx);
  Tolerance const gradient = tolerance_of(Quantity::unit_gradient, reference.dtype());
  reference.compare(queue, "outputs/y", y, tolerance_of(Quantity::unit_output, reference.dtype()));
  reference.compare(queue, "grads/input/x", dx, gradient);
  compare_gradients(queue, reference, store, gradient);
}

void verify_unit_layer(Queue&, Reference& reference) {
  Queue queue(Backend::reference);
  auto integer = [&](char const* pointer) { return static_cast<Index>(reference.number(pointer)); };
  StackConfig const config{.embed_dim = integer("/embed_dim"),
                           .layers = 1,
                           .heads = integer("/attention_heads"),
                           .ffn_dim = integer("/ffn_embed_dim"),
                           .layer_scale_init = reference.number("/layer_scale_init_value")};
  std::vector<std::string> names;
  std::vector<Index> const shape = reference.shape("inputs/x");
  TimeMajor layout{shape[0], shape[1], {}, {}};
  for (char const* name : {"text", "image", "audio"}) {
    if (!reference.file().exists(std::string("weights/") + name + "_ffn.3.bias")) continue;
    auto const length =
        reference.file().attribute<std::int64_t>("/", std::string(name) + "_seq_len");
    if (length > 0) {
      layout.lengths.push_back(length);
      layout.modalities.push_back(static_cast<Modality>(names.size()));
    }
    names.emplace_back(name);
  }
  SelfCommunicator self;
  ParameterStore store;
  ParameterScope::Rules const rules;
  Block const block(ParameterScope(store, rules), config, names, TensorParallelRegion(self));
  store.allocate(queue, reference.dtype());
  load_reference_weights(queue, reference, store);

  Index const d = config.embed_dim;
  auto rows = [&](std::string const& dataset) {
    return reference.tensor(queue, layout.to_rows(reference.values(dataset), d),
                            {layout.rows(), d});
  };
  BranchRows const branch = branch_rows(queue, reference, layout, true);
  Tensor const bias = reference.tensor(queue, "inputs/bias");
  Tensor dbias(queue, reference.dtype(), bias.shape());
  DenseBias const dense{bias, dbias};
  Block::Saved saved;
  Tensor const y =
      block.forward(queue, branch, branch, {}, &dense, rows("inputs/x"), Recompute::none, &saved);
  Tensor const dx = block.backward(queue, branch, branch, {}, &dense, rows("upstream/y"), saved);
  Tolerance const gradient = tolerance_of(Quantity::unit_gradient, reference.dtype());
  reference.compare("outputs/y", layout.to_time(as_doubles(queue, y), d),
                    tolerance_of(Quantity::unit_output, reference.dtype()));
  reference.compare("grads/input/x", layout.to_time(as_doubles(queue, dx), d), gradient);
  reference.compare(queue, "grads/input/bias", dbias, gradient);
  compare_gradients(queue, reference, store, gradient);
}

}  // namespace accord::app
