#include "core/model/modality/convolution.hpp"

#include <algorithm>
#include <cstring>

#include "core/base/require.hpp"
#include "core/base/text.hpp"
#include "core/model/modality/convolution_positions.hpp"
#include "core/model/modality/convolution_stem.hpp"
#include "core/model/modality/in_type.hpp"
#include "core/ops/rows.hpp"

namespace accord {
namespace {

Index tokens_of(ModalityConfig const& config, Index samples) {
  return ConvolutionStem::frames(config, samples) + 1;
}
Index tokens_in(ModalityConfig const& config, double seconds) {
  return tokens_of(config, static_cast<Index>(seconds * static_cast<double>(config.sample_rate)));
}
Index most_tokens(ModalityConfig const& config) { return tokens_in(config, config.max_seconds); }

/// From samples to frames: the stem of one signal, told from the number of its frames.
AdapterFlops stem_flops(ModalityConfig const& config, double d, Index frames) {
  double const channels = static_cast<double>(config.channels);
  AdapterFlops flops{.item = static_cast<double>(frames) * 2 * channels * d};
  Index rows = frames;
  for (std::size_t i = config.kernels.size(); i-- > 1;) {
    flops.item += static_cast<double>(rows * config.kernels[i]) * 2 * channels * channels;
    rows = (rows - 1) * config.strides[i] + config.kernels[i];
  }
  flops.input = static_cast<double>(rows * config.kernels.front()) * 2 * channels;
  return flops;
}

class ConvolutionAdapter final : public Adapter {
 public:
  static constexpr char const* keys[] = {"positions",       "bucket_size",    "sample_rate",
                                         "min_seconds",     "max_seconds",    "channels",
                                         "kernels",         "strides",        "position_kernel",
                                         "position_groups", "position_layers"};

  static void check(ModalityConfig const& config, Index embed_dim) {
    std::string const at = "modality." + config.name;
    require(config.mask != MaskKind::whole_word,
            "{}.mask = \"whole_word\" needs words; frames are masked in \"block\"s, or \"uniform\"",
            at);
    require(config.kernels.size() == config.strides.size() && !config.kernels.empty(),
            "{0}.kernels and {0}.strides list {1} and {2} convolutions; one of each", at,
            config.kernels.size(), config.strides.size());
    require(config.min_seconds <= config.max_seconds,
            "{0}.min_seconds = {1} is above {0}.max_seconds = {2}", at, config.min_seconds,
            config.max_seconds);
    require(embed_dim % config.position_groups == 0,
            "{}.position_groups = {} does not divide model.embed_dim = {}; choose one of {}", at,
            config.position_groups, embed_dim, joined(divisors_of(embed_dim)));
    require(tokens_in(config, config.min_seconds) > 1,
            "{}.min_seconds = {} makes no frame: it is shorter than what the kernels see at once",
            at, config.min_seconds);
    Index const most = std::min(config.positions, max_log_positions);
    require(most_tokens(config) <= most,
            "{}.max_seconds = {} makes {} tokens; there are positions for {}", at,
            config.max_seconds, most_tokens(config), most);
  }

  static AdapterFlops flops(ModalityConfig const& config, Index embed_dim, Index tokens) {
    double const d = static_cast<double>(embed_dim);
    AdapterFlops all = stem_flops(config, d, tokens - 1);
    all.token = static_cast<double>(config.position_layers * config.position_kernel) * 2 * d * d /
                static_cast<double>(config.position_groups);
    return all;
  }

  ConvolutionAdapter(AdapterContext const& context, ModalityConfig const& config)
      : config_(config),
        dtype_(context.dtype),
        pad_pool_(context.pad_pool),
        store_(&context.scope.store()),
        cls_(context.scope.add({"cls_embedding", {1, 1, context.embed_dim}, embedding_init()})),
        cls_position_(
            context.scope.add({"cls_pos_embed", {1, 1, context.embed_dim}, embedding_init()})),
        stem_(context.scope, config, context.embed_dim),
        positions_(context.scope, config, context.embed_dim) {
    context.scope.add({.name = "mask_embedding",
                       .shape = {1, context.embed_dim},
                       .init = embedding_init(),
                       .used = false});
  }

  InputSpec input() const override { return convolution_family.input(config_); }
  Index tokens(Index elements) const override { return tokens_of(config_, elements); }
  Index max_tokens() const override { return most_tokens(config_); }

  std::unique_ptr<Saved> prepare(Queue& queue, ModalityInput const& input) const override {
    auto saved = std::make_unique<ConvolutionSaved>();
    std::vector<Index> offsets(input.offsets.size(), 0);
    for (std::size_t i = 1; i < offsets.size(); ++i) {
      auto const item = static_cast<Index>(i) - 1;
      saved->frames.push_back(tokens(length(input, item)) - 1);
      offsets[i] = offsets[i - 1] + padded_length(input, item);
    }
    Tensor padded = samples(queue, input, offsets);
    saved->features = stem_.forward(queue, std::move(padded), std::move(offsets), saved->stem);
    return saved;
  }

  void place(Queue& queue, Saved& base, RowPlacement const& placement, View x) const override {
    auto& saved = static_cast<ConvolutionSaved&>(base);
    Sequences const sequences = sort(queue, saved, placement);
    Index const d = x.extent(1);
    for (int parameter : {cls_, cls_position_})
      add_rows(queue, store_->value(parameter).reshaped({1, d}), sequences.zeros, x,
               sequences.cls_rows);
    Tensor const frames = kept_frames(queue, saved, sequences);
    ConvolutionPositions::Saved discarded;
    Tensor const positions = positions_.forward(queue, frames, sequences.offsets, discarded);
    add_rows(queue, frames, sequences.real, x, sequences.frame_rows);
    add_rows(queue, positions, sequences.real, x, sequences.frame_rows);
  }

  // The positions are computed again: what they need would be kept for passes without gradient too.
  void backward(Queue& queue, Saved& base, RowPlacement const& placement,
                ConstView dx) const override {
    auto& saved = static_cast<ConvolutionSaved&>(base);
    Sequences const sequences = sort(queue, saved, placement);
    Index const d = dx.extent(1);
    for (int parameter : {cls_, cls_position_})
      if (View g = store_->gradient(parameter))
        add_rows(queue, dx, sequences.cls_rows, g.reshaped({1, d}), sequences.zeros);
    Tensor const frames = kept_frames(queue, saved, sequences);
    ConvolutionPositions::Saved kept;
    positions_.forward(queue, frames, sequences.offsets, kept);
    Tensor dpositions = Tensor::zeros(queue, dx.dtype(), frames.shape());
    add_rows(queue, dx, sequences.frame_rows, dpositions, sequences.real);
    Tensor const dframes = positions_.backward(queue, dpositions, sequences.offsets, kept);
    if (!stem_.trains()) return;
    if (!saved.dfeatures)
      saved.dfeatures = Tensor::zeros(queue, accumulator_of(dtype_), saved.features.shape());
    add_rows(queue, dpositions, {}, saved.dfeatures, sequences.frames);
    add_rows(queue, dframes, {}, saved.dfeatures, sequences.frames);
  }

  void finish_backward(Queue& queue, Saved& base) const override {
    auto& saved = static_cast<ConvolutionSaved&>(base);
    if (saved.dfeatures)
      stem_.backward(queue, in_type(queue, std::move(saved.dfeatures), dtype_), saved.stem);
  }

 private:
  struct ConvolutionSaved final : Saved {
    std::vector<Index> frames;  ///< of each item, without those of its padding
    Tensor features;            ///< [frames of all items, padding included, d]
    Tensor dfeatures;           ///< its gradient, summed over passes
    ConvolutionStem::Saved stem;
  };
  /// The frames of a placement, sequence after sequence as the positions see them.
  struct Sequences {
    Tensor frames;            ///< int32: rows of the features
    Tensor offsets;           ///< int32: where each sequence begins in `frames`
    Tensor real, frame_rows;  ///< int32: which of `frames` are placed, and where
    Tensor cls_rows, zeros;   ///< int32
  };
  struct Span {
    std::size_t begin, end;  ///< in the placement, class token first
  };

  static Index length(ModalityInput const& input, Index item) {
    auto const i = static_cast<std::size_t>(item);
    return input.offsets[i + 1] - input.offsets[i];
  }
  Index padded_length(ModalityInput const& input, Index item) const {
    if (pad_pool_ == 0) return length(input, item);
    auto const items = static_cast<Index>(input.offsets.size()) - 1;
    Index const first = item / pad_pool_ * pad_pool_;
    Index longest = 0;
    for (Index i = first; i < std::min(first + pad_pool_, items); ++i)
      longest = std::max(longest, length(input, i));
    return longest;
  }

  /// The items in the model's type, padded with zeros.
  Tensor samples(Queue& queue, ModalityInput const& input,
                 std::vector<Index> const& offsets) const {
    Index const total = offsets[input.offsets.size() - 1];
    auto const converted = [&]<class From, class To>(From const* from, std::vector<To> to) {
      to.resize(static_cast<std::size_t>(total));
      for (std::size_t i = 0; i + 1 < offsets.size(); ++i)
        std::copy(from + input.offsets[i], from + input.offsets[i + 1], to.data() + offsets[i]);
      return Tensor::from_host(queue, std::span<To const>(to), Shape{total, 1});
    };
    auto const* const bytes = input.data.data();
    if (dtype_ != DType::float64)
      return in_type(queue, converted(reinterpret_cast<float const*>(bytes), std::vector<float>()),
                     dtype_);
    if (input.dtype == DType::float64)
      return converted(reinterpret_cast<double const*>(bytes), std::vector<double>());
    return converted(reinterpret_cast<float const*>(bytes), std::vector<double>());
  }

  static std::vector<Span> sequences_of(RowPlacement const& placement) {
    std::vector<Span> spans;
    for (std::size_t i = 0; i < placement.rows.size(); ++i) {
      if (placement.positions[i] == 0) spans.push_back({i, i});
      spans.back().end = i + 1;
    }
    return spans;
  }

  Sequences sort(Queue& queue, ConvolutionSaved const& saved, RowPlacement const& placement) const {
    std::vector<Index> const& first_frame = saved.stem.offsets.back();
    std::vector<Span> const spans = sequences_of(placement);
    std::vector<std::int32_t> frames, offsets{0}, real, frame_rows, cls_rows;
    for (std::size_t s = 0; s < spans.size(); ++s) {
      auto const sample = static_cast<std::size_t>(placement.samples[spans[s].begin]);
      auto const first = static_cast<std::int32_t>(first_frame[sample]);
      cls_rows.push_back(placement.rows[spans[s].begin]);
      for (std::size_t i = spans[s].begin + 1; i < spans[s].end; ++i) {
        real.push_back(static_cast<std::int32_t>(frames.size()));
        frame_rows.push_back(placement.rows[i]);
        frames.push_back(first + placement.positions[i] - 1);
      }
      auto const kept = static_cast<Index>(spans[s].end - spans[s].begin) - 1;
      Index const padded = padded_frames(placement, spans, s);
      // A whole sequence goes on with the frames of its padding; in the place of frames that a
      // masked pass lacks the official code puts its frame of index (padded length - 1).
      for (Index i = kept; i < padded; ++i)
        frames.push_back(first +
                         static_cast<std::int32_t>(kept == saved.frames[sample] ? i : padded - 1));
      offsets.push_back(static_cast<std::int32_t>(frames.size()));
    }
    return {Tensor::from_host(queue, frames),
            Tensor::from_host(queue, offsets),
            Tensor::from_host(queue, real),
            Tensor::from_host(queue, frame_rows),
            Tensor::from_host(queue, cls_rows),
            Tensor::from_host(queue, std::vector<std::int32_t>(cls_rows.size(), 0))};
  }

  /// Frames of the longest sequence in the pool of this one: of the neighbours that lie in the same
  /// pass, whose samples ascend.
  Index padded_frames(RowPlacement const& placement, std::vector<Span> const& spans,
                      std::size_t s) const {
    auto const frames = [&](std::size_t i) {
      return static_cast<Index>(spans[i].end - spans[i].begin) - 1;
    };
    Index longest = frames(s);
    if (pad_pool_ == 0) return longest;
    auto const sample = [&](std::size_t i) { return placement.samples[spans[i].begin]; };
    auto const together = [&](std::size_t a, std::size_t b) {
      return sample(a) < sample(b) && sample(a) / pad_pool_ == sample(b) / pad_pool_;
    };
    for (std::size_t i = s; i > 0 && together(i - 1, i); --i)
      longest = std::max(longest, frames(i - 1));
    for (std::size_t i = s; i + 1 < spans.size() && together(i, i + 1); ++i)
      longest = std::max(longest, frames(i + 1));
    return longest;
  }

  Tensor kept_frames(Queue& queue, ConvolutionSaved const& saved,
                     Sequences const& sequences) const {
    Tensor frames(queue, dtype_, Shape{sequences.frames.size(), saved.features.shape()[1]});
    gather_rows(queue, saved.features, sequences.frames, frames);
    return frames;
  }

  ModalityConfig config_;
  DType dtype_;
  Index pad_pool_;
  ParameterStore* store_;
  int cls_, cls_position_;
  ConvolutionStem stem_;
  ConvolutionPositions positions_;
};

}  // namespace

AdapterFamily const convolution_family = {
    .name = "convolution",
    .keys = ConvolutionAdapter::keys,
    .defaults =
        [] {
          return ModalityConfig{.positions = 1026,
                                .bucket_size = 512,
                                .mask = MaskKind::block,
                                .mask_ratio = 0.55,
                                .joint_mask = JointMask::independent,
                                .joint_mask_ratio = 0.45};
        },
    .check = ConvolutionAdapter::check,
    .items = ItemKind::sound,
    .input =
        [](ModalityConfig const&) {
          return InputSpec{DType::float32, 0};
        },
    .tokens = tokens_of,
    .prompt = "This is a sound of {}",  // of ESC-50 (docs/model.md 5.2)
    .make = [](AdapterContext const& context,
               ModalityConfig const& config) -> std::unique_ptr<Adapter> {
      return std::make_unique<ConvolutionAdapter>(context, config);
    },
    .buckets =
        [](ModalityConfig const& config) {
          return log_buckets(most_tokens(config), config.bucket_size);
        },
    .decoder_positions =
        [](ModalityConfig const& config) {
          return PositionTable{"embed_positions.weight", config.positions, true};
        },
    .flops = ConvolutionAdapter::flops,
    .buffers =
        [](ModalityConfig const& config, bool position_bias) {
          std::vector<Buffer> buffers;
          if (position_bias)
            buffers.push_back(bucket_buffer(log_buckets(max_log_positions, config.bucket_size)));
          return buffers;
        },
};

}  // namespace accord
