#include "core/model/modality/patch_sequence.hpp"

#include <algorithm>

#include "core/model/modality/in_type.hpp"
#include "core/model/modality/placed_rows.hpp"
#include "core/nn/linear.hpp"

namespace accord {
namespace {

/// How frames are cut; a series is a video of one pixel.
struct Cut {
  explicit Cut(ModalityConfig const& config)
      : frame(frame_elements(config)),
        frames(config.patch_frames),
        channels(config.frame.back()),
        side(is_video(config) ? config.patch : 1),
        rows(is_video(config) ? config.frame[0] / side : 1),
        columns(is_video(config) ? config.frame[1] / side : 1) {}

  static bool is_video(ModalityConfig const& config) { return config.frame.size() == 3; }

  Index patch_elements() const { return frames * side * side * channels; }
  Index patches(Index elements) const {
    return (elements / frame + frames - 1) / frames * rows * columns;
  }

  Index frame;                   ///< elements of one
  Index frames, channels, side;  ///< of a patch
  Index rows, columns;           ///< patches of a frame
};

Index most_patches(ModalityConfig const& config) {
  Cut const cut(config);
  return cut.patches(config.max_frames * cut.frame) + 1;
}

/// One item as rows of flattened patches. `to` is zeroed.
template <class From, class To>
void cut_patches(Cut const& cut, From const* item, Index elements, To* to) {
  Index const width = cut.columns * cut.side * cut.channels, run = cut.side * cut.channels;
  Index const frames = elements / cut.frame;
  for (Index first = 0; first < frames; first += cut.frames)
    for (Index row = 0; row < cut.rows; ++row)
      for (Index column = 0; column < cut.columns; ++column, to += cut.patch_elements())
        for (Index f = 0; f < std::min(cut.frames, frames - first); ++f)
          for (Index y = 0; y < cut.side; ++y) {
            From const* const line =
                item + (first + f) * cut.frame + (row * cut.side + y) * width + column * run;
            std::copy(line, line + run, to + (f * cut.side + y) * run);
          }
}

class PatchSequenceAdapter final : public Adapter {
 public:
  PatchSequenceAdapter(AdapterContext const& context, ModalityConfig const& config)
      : config_(config),
        cut_(config),
        dtype_(context.dtype),
        store_(&context.scope.store()),
        cls_(context.scope.add({"cls_embedding", {1, 1, context.embed_dim}, embedding_init()})),
        positions_(
            context.scope.of(ParameterPart::Kind::position_table)
                .add({"pos_embed", {most_patches(config), context.embed_dim}, embedding_init()})),
        projection_(add_linear(context.scope / "embed_patches", cut_.patch_elements(),
                               context.embed_dim)) {}

  InputSpec input() const override { return patch_sequence_family.input(config_); }
  Index tokens(Index elements) const override {
    return patch_sequence_family.tokens(config_, elements);
  }
  Index max_tokens() const override { return most_patches(config_); }

  std::unique_ptr<Saved> prepare(Queue& queue, ModalityInput const& input) const override {
    auto saved = std::make_unique<PatchSequenceSaved>();
    saved->first.push_back(0);
    for (std::size_t i = 1; i < input.offsets.size(); ++i) {
      Index const elements = input.offsets[i] - input.offsets[i - 1];
      ACCORD_CHECK(elements > 0 && elements % cut_.frame == 0,
                   "{}: {} elements are no whole frames of {}", config_.name, elements, cut_.frame);
      ACCORD_CHECK(tokens(elements) <= max_tokens(), "{}: {} elements are more than {} frames",
                   config_.name, elements, config_.max_frames);
      saved->first.push_back(saved->first.back() + cut_.patches(elements));
    }
    saved->patches = patches(queue, input, saved->first);
    saved->features = projection_.forward(queue, saved->patches);
    return saved;
  }

  void place(Queue& queue, Saved& base, RowPlacement const& placement, View x) const override {
    auto const& saved = static_cast<PatchSequenceSaved&>(base);
    PlacedRows(queue, placement, saved.first)
        .forward(queue, saved.features, store_->value(cls_).reshaped({1, x.extent(1)}),
                 store_->value(positions_), x);
  }

  void backward(Queue& queue, Saved& base, RowPlacement const& placement,
                ConstView dx) const override {
    auto& saved = static_cast<PatchSequenceSaved&>(base);
    if (!saved.dfeatures)
      saved.dfeatures = Tensor::zeros(queue, accumulator_of(dtype_), saved.features.shape());
    View const dcls = store_->gradient(cls_);
    PlacedRows(queue, placement, saved.first)
        .backward(queue, dx, saved.dfeatures.view(),
                  dcls ? dcls.reshaped({1, dx.extent(1)}) : View(), store_->gradient(positions_));
  }

  void finish_backward(Queue& queue, Saved& base) const override {
    auto& saved = static_cast<PatchSequenceSaved&>(base);
    if (saved.dfeatures)
      projection_.backward_parameters(queue, in_type(queue, std::move(saved.dfeatures), dtype_),
                                      saved.patches);
  }

 private:
  struct PatchSequenceSaved final : Saved {
    std::vector<Index> first;  ///< row of each item's first patch; at the end the number of all
    Tensor patches;            ///< [patches of all items, elements of one]
    Tensor features;           ///< [patches of all items, d]
    Tensor dfeatures;          ///< its gradient, summed over passes
  };

  /// The items cut up, in the model's type.
  Tensor patches(Queue& queue, ModalityInput const& input, std::vector<Index> const& first) const {
    auto const cut = [&]<class From, class To>(From const* from, std::vector<To> to) {
      Index const columns = cut_.patch_elements();
      to.resize(static_cast<std::size_t>(first.back() * columns));
      for (std::size_t i = 0; i + 1 < first.size(); ++i)
        cut_patches(cut_, from + input.offsets[i], input.offsets[i + 1] - input.offsets[i],
                    to.data() + first[i] * columns);
      return Tensor::from_host(queue, std::span<To const>(to), Shape{first.back(), columns});
    };
    auto const* const elements = reinterpret_cast<float const*>(input.data.data());
    if (dtype_ == DType::float64) return cut(elements, std::vector<double>());
    return in_type(queue, cut(elements, std::vector<float>()), dtype_);
  }

  ModalityConfig config_;
  Cut cut_;
  DType dtype_;
  ParameterStore* store_;
  int cls_, positions_;
  Linear projection_;
};

}  // namespace

AdapterFamily const patch_sequence_family = {
    "patch_sequence",
    [](AdapterContext const& context, ModalityConfig const& config) -> std::unique_ptr<Adapter> {
      return std::make_unique<PatchSequenceAdapter>(context, config);
    },
    [](ModalityConfig const& config) {
      return PositionTable{"pos_embed", most_patches(config)};
    },
    [](ModalityConfig const& config) {
      Cut const cut(config);
      Index const steps = (most_patches(config) - 1) / (cut.rows * cut.columns);
      return Cut::is_video(config) ? grid_buckets({steps, cut.rows, cut.columns})
                                   : log_buckets(steps + 1, config.bucket_size);
    },
    [](ModalityConfig const&) {
      return InputSpec{DType::float32, 0};
    },
    [](ModalityConfig const& config, Index elements) { return Cut(config).patches(elements) + 1; },
    [](ModalityConfig const&, bool) { return std::vector<Buffer>(); },
    [](ModalityConfig const& config, Index embed_dim, Index tokens) {
      Index const weights = Cut(config).patch_elements() * embed_dim;
      return AdapterFlops{2 * static_cast<double>((tokens - 1) * weights)};
    },
    "uniform",
};

}  // namespace accord
