// Single modules: attention, feed-forward, one layer. Inputs are time x batch x channel; rows here
// are batch-major within each modality, as packs are.

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "app/verify/cases.hpp"
#include "app/verify/reference_model.hpp"
#include "core/comm/self_communicator.hpp"
#include "core/model/stack/block.hpp"
#include "core/ops/bias.hpp"
#include "core/ops/elementwise.hpp"

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

// Attention with a factor per head instead of the norm inside (`scale_heads`): an option of the
// official code that no published model uses, so Accord's models do not offer it. What it stands on
// is checked here: projections and the attention op.
class HeadScaledAttention {
 public:
  struct Saved {
    Tensor qkv, out, lse, scaled;
  };

  HeadScaledAttention(ParameterScope const& scope, Index d, Index heads)
      : store_(&scope.store()),
        heads_(heads),
        width_(d),
        qkv_(scope.store(),
             scope.add({{"q_proj.weight", {d, d}, {}},
                        {"k_proj.weight", {d, d}, {}},
                        {"v_proj.weight", {d, d}, {}}}),
             -1, 3),
        q_bias_(scope.add({"q_proj.bias", {d}, {}})),
        v_bias_(scope.add({"v_proj.bias", {d}, {}})),
        factors_(scope.add({"c_attn", {heads}, {}})),
        out_(scope.store(), scope.add({"out_proj.weight", {d, d}, {}}),
             scope.add({"out_proj.bias", {d}, {}})) {}

  Tensor forward(Queue& queue, ConstView x, AttentionPlan const& plan, Saved& saved) const {
    saved.qkv = qkv_.forward(queue, x);
    bias_forward(queue, store_->value(q_bias_), saved.qkv.view().columns(0, width_));
    bias_forward(queue, store_->value(v_bias_), saved.qkv.view().columns(2 * width_, width_));
    saved.out = Tensor(queue, x.dtype(), x.shape());
    saved.lse = Tensor(queue, accumulator_of(x.dtype()), Shape{x.rows(), heads_});
    attention_forward(queue, plan, heads_, saved.qkv, {}, saved.out, saved.lse);
    saved.scaled = Tensor(queue, x.dtype(), x.shape());
    copy(queue, saved.out, saved.scaled);
    scale_heads(queue, saved.scaled);
    return out_.forward(queue, saved.scaled);
  }

  Tensor backward(Queue& queue, ConstView dy, ConstView x, AttentionPlan const& plan,
                  Saved const& saved) const {
    Tensor dout = out_.backward(queue, dy, saved.scaled);
    std::vector<double> const d = as_doubles(queue, dout), out = as_doubles(queue, saved.out);
    std::vector<double> dfactors(static_cast<std::size_t>(heads_), 0.0);
    for (std::size_t i = 0; i < d.size(); ++i)
      dfactors[i % static_cast<std::size_t>(width_) / static_cast<std::size_t>(width_ / heads_)] +=
          d[i] * out[i];
    add(queue, dfactors_of(queue, dfactors), store_->gradient(factors_));
    scale_heads(queue, dout);
    Tensor dqkv(queue, x.dtype(), saved.qkv.shape());
    attention_backward(queue, plan, heads_, dout, saved.qkv, saved.out, saved.lse, {}, dqkv);
    ConstView const gradient = dqkv.view();
    bias_backward(queue, gradient.columns(0, width_), store_->gradient(q_bias_));
    bias_backward(queue, gradient.columns(2 * width_, width_), store_->gradient(v_bias_));
    return qkv_.backward(queue, dqkv, x);
  }

 private:
  void scale_heads(Queue& queue, View x) const {
    std::vector<double> const factors = as_doubles(queue, store_->value(factors_));
    Index const head_dim = width_ / heads_;
    for (Index h = 0; h < heads_; ++h)
      scale(queue, factors[static_cast<std::size_t>(h)], x.columns(h * head_dim, head_dim));
  }
  Tensor dfactors_of(Queue& queue, std::vector<double> const& values) const {
    if (store_->dtype() == DType::float64) return Tensor::from_host(queue, values);
    return Tensor::from_host(queue, std::vector<float>(values.begin(), values.end()));
  }

  ParameterStore* store_;
  Index heads_, width_;
  Linear qkv_;
  int q_bias_, v_bias_, factors_;
  Linear out_;
};

// Outputs with bias and padding and without either; gradients of both together.
// run(x, plan, dy): y and dx of one call
using RunAttention =
    std::function<std::pair<Tensor, Tensor>(ConstView x, AttentionPlan const& plan, ConstView dy)>;
void compare_attention(Queue& queue, Reference& reference, ParameterStore& store,
                       RunAttention const& run) {
  std::vector<Index> const shape = reference.shape("inputs/x");
  Index const d = shape[2];
  TimeMajor const layout{shape[0], shape[1], {shape[0]}, {0}};
  auto rows = [&](std::string const& dataset) {
    return reference.tensor(queue, layout.to_rows(reference.values(dataset), d),
                            {layout.rows(), d});
  };
  Tensor const x = rows("inputs/x"), bias = reference.tensor(queue, "inputs/bias");
  Tensor dbias(queue, reference.dtype(), bias.shape());
  Tolerance const gradient = tolerance_of(Quantity::unit_gradient, reference.dtype());
  std::vector<double> dx(static_cast<std::size_t>(x.size()), 0.0);
  for (bool biased : {true, false}) {
    std::string const name = biased ? "y" : "y_nobias";
    BranchRows branch = branch_rows(queue, reference, layout, biased);
    if (biased) branch.attention.dense = {bias, dbias};
    auto const [y, da] = run(x, branch.attention, rows("upstream/" + name));
    reference.compare("outputs/" + name, layout.to_time(as_doubles(queue, y), d),
                      tolerance_of(Quantity::unit_output, reference.dtype()));
    std::vector<double> const part = as_doubles(queue, da);
    for (std::size_t i = 0; i < dx.size(); ++i) dx[i] += part[i];
  }
  reference.compare("grads/input/x", layout.to_time(dx, d), gradient);
  reference.compare(queue, "grads/input/bias", dbias, gradient);
  compare_gradients(queue, reference, store, gradient);
}

void verify_normalised_attention(Reference& reference) {
  Queue queue(Backend::reference);  // a dense bias is the reference backend's
  SelfCommunicator self;
  ParameterStore store;
  ParameterScope::Rules const rules;
  SelfAttention const attention(ParameterScope(store, rules), reference.integer("/embed_dim"),
                                reference.integer("/heads"), TensorParallelRegion(self));
  store.allocate(queue, reference.dtype());
  load_reference_weights(queue, reference, store);
  compare_attention(queue, reference, store,
                    [&](ConstView x, AttentionPlan const& plan, ConstView dy) {
                      SelfAttention::Saved saved;
                      Tensor y = attention.forward(queue, x, plan, {}, Recompute::none, saved);
                      Tensor dx = attention.backward(queue, dy, x, plan, {}, saved);
                      return std::pair{std::move(y), std::move(dx)};
                    });
}

void verify_head_scaled_attention(Reference& reference) {
  Queue queue(Backend::reference);
  ParameterStore store;
  ParameterScope::Rules const rules;
  HeadScaledAttention const attention(ParameterScope(store, rules), reference.integer("/embed_dim"),
                                      reference.integer("/heads"));
  store.allocate(queue, reference.dtype());
  load_reference_weights(queue, reference, store);
  compare_attention(queue, reference, store,
                    [&](ConstView x, AttentionPlan const& plan, ConstView dy) {
                      HeadScaledAttention::Saved saved;
                      Tensor y = attention.forward(queue, x, plan, saved);
                      Tensor dx = attention.backward(queue, dy, x, plan, saved);
                      return std::pair{std::move(y), std::move(dx)};
                    });
}

}  // namespace

void verify_unit_attention(Queue&, Reference& reference) {
  if (reference.flag("/scale_heads"))
    verify_head_scaled_attention(reference);
  else
    verify_normalised_attention(reference);
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
  StackConfig config{.embed_dim = reference.integer("/embed_dim"),
                     .layers = 1,
                     .heads = reference.integer("/attention_heads"),
                     .ffn_dim = reference.integer("/ffn_embed_dim")};
  if (reference.flag("/use_layer_scale"))
    config.layer_scale_init = reference.number("/layer_scale_init_value");
  std::vector<std::string> names;
  std::vector<Index> const shape = reference.shape("inputs/x");
  TimeMajor layout{shape[0], shape[1], {}, {}};
  for (char const* name : {"text", "image", "audio"}) {
    if (!reference.file().exists(std::string("weights/") + name + "_ffn.3.bias")) continue;
    auto const length =
        reference.file().attribute<std::int64_t>("/", std::string(name) + "_seq_len");
    if (length > 0) {
      layout.lengths.push_back(length);
      layout.modalities.push_back(Modality(names.size()));
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
  BranchRows branch = branch_rows(queue, reference, layout, true);
  Tensor const bias = reference.tensor(queue, "inputs/bias");
  Tensor dbias(queue, reference.dtype(), bias.shape());
  branch.attention.dense = {bias, dbias};
  Block::Saved saved;
  ResidualStream stream(rows("inputs/x"));
  block.forward(queue, branch, branch, {}, stream, Recompute::none, &saved);
  Tensor const y = std::move(stream).finish(queue);
  ResidualGradient gradient_of_stream{rows("upstream/y"), {}};
  gradient_of_stream.enter(queue, block.ffn_end(branch, saved));
  block.backward(queue, branch, branch, {}, {}, gradient_of_stream, saved);
  Tensor const& dx = gradient_of_stream.dx;
  Tolerance const gradient = tolerance_of(Quantity::unit_gradient, reference.dtype());
  reference.compare("outputs/y", layout.to_time(as_doubles(queue, y), d),
                    tolerance_of(Quantity::unit_output, reference.dtype()));
  reference.compare("grads/input/x", layout.to_time(as_doubles(queue, dx), d), gradient);
  reference.compare(queue, "grads/input/bias", dbias, gradient);
  compare_gradients(queue, reference, store, gradient);
}

}  // namespace accord::app
