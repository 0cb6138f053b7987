#include "core/model/modality/patch_sequence.hpp"

#include <algorithm>
#include <numeric>

#include "core/base/require.hpp"
#include "core/base/text.hpp"
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

  static Index most_tokens(ModalityConfig const& config) {
    Cut const cut(config);
    return cut.patches(config.max_frames * cut.frame) + 1;
  }
  static bool is_video(ModalityConfig const& config) { return config.frame.size() == 3; }

  Index patch_elements() const { return frames * side * side * channels; }
  Index patches(Index elements) const {
    return (elements / frame + frames - 1) / frames * rows * columns;
  }

  Index frame;                   ///< elements of one
  Index frames, channels, side;  ///< of a patch
  Index rows, columns;           ///< patches of a frame
};

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
  static constexpr char const* keys[] = {"bucket_size", "patch", "frame", "patch_frames",
                                         "max_frames",  "mean",  "std"};

  static void check(ModalityConfig const& config, Index) {
    std::string const at = "modality." + config.name;
    bool const video = Cut::is_video(config);
    require(
        video || config.frame.size() == 1,
        "{}.frame has {} entries; give the shape of one frame, [channels] of a series or [height, "
        "width, channels] of a video",
        at, config.frame.size());
    require(config.max_frames > 0, "{}.max_frames is not set; give the longest item's", at);
    double elements = static_cast<double>(config.max_frames);
    for (Index const extent : config.frame) elements *= static_cast<double>(extent);
    require(elements <= 0x1p30,
            "{0}.max_frames = {1} frames of {0}.frame are {2:.3g} numbers; up to {3} are possible",
            at, config.max_frames, elements, Index{1} << 30);
    require(
        config.patch_frames <= config.max_frames,
        "{0}.patch_frames = {1} is more than {0}.max_frames = {2}: every patch would end in zeros",
        at, config.patch_frames, config.max_frames);
    require(video || config.patch == 1,
            "{0}.patch = {1}: a series has none, {0}.patch_frames alone", at, config.patch);
    if (video)
      require(config.frame[0] % config.patch == 0 && config.frame[1] % config.patch == 0,
              "{0}.patch = {1} does not divide the frame's {2} x {3} pixels; choose one of {4}", at,
              config.patch, config.frame[0], config.frame[1],
              joined(divisors_of(std::gcd(config.frame[0], config.frame[1]))));
    auto const channels = static_cast<std::size_t>(config.frame.back());
    for (auto const& [key, values] : {std::pair("mean", config.mean), {"std", config.std}})
      require(values.empty() || values.size() == channels,
              "{}.{} has {} entries for {} channels; give one for each", at, key, values.size(),
              channels);
    require(
        config.mask != MaskKind::whole_word,
        "{}.mask = \"whole_word\" needs words; patches are masked \"uniform\", or in \"block\"s",
        at);
    Index const possible = video ? max_grid_positions : max_log_positions;
    require(
        Cut::most_tokens(config) <= possible,
        "{0}.max_frames = {1} makes {2} tokens; up to {3} are possible: raise {0}.patch_frames{4}",
        at, config.max_frames, Cut::most_tokens(config), possible,
        video ? " or " + at + ".patch" : "");
  }

  PatchSequenceAdapter(AdapterContext const& context, ModalityConfig const& config)
      : config_(config),
        cut_(config),
        dtype_(context.dtype),
        store_(&context.scope.store()),
        cls_(context.scope.add({"cls_embedding", {1, 1, context.embed_dim}, embedding_init()})),
        positions_(context.scope.of(ParameterPart::Kind::position_table)
                       .add({"pos_embed",
                             {Cut::most_tokens(config), context.embed_dim},
                             embedding_init()})),
        projection_(add_linear(context.scope / "embed_patches", cut_.patch_elements(),
                               context.embed_dim)) {}

  InputSpec input() const override { return patch_sequence_family.input(config_); }
  Index tokens(Index elements) const override {
    return patch_sequence_family.tokens(config_, elements);
  }
  Index max_tokens() const override { return Cut::most_tokens(config_); }

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
    .name = "patch_sequence",
    .keys = PatchSequenceAdapter::keys,
    .defaults =
        [] { return ModalityConfig{.patch = 1, .mask_ratio = 0.75, .joint_mask_ratio = 0.6875}; },
    .check = PatchSequenceAdapter::check,
    .items = ItemKind::array,
    .input =
        [](ModalityConfig const&) {
          return InputSpec{DType::float32, 0};
        },
    .tokens = [](ModalityConfig const& config,
                 Index elements) { return Cut(config).patches(elements) + 1; },
    .make = [](AdapterContext const& context,
               ModalityConfig const& config) -> std::unique_ptr<Adapter> {
      return std::make_unique<PatchSequenceAdapter>(context, config);
    },
    .buckets =
        [](ModalityConfig const& config) {
          Cut const cut(config);
          Index const steps = (Cut::most_tokens(config) - 1) / (cut.rows * cut.columns);
          return Cut::is_video(config) ? grid_buckets({steps, cut.rows, cut.columns})
                                       : log_buckets(steps + 1, config.bucket_size);
        },
    .decoder_positions =
        [](ModalityConfig const& config) {
          return PositionTable{"pos_embed", Cut::most_tokens(config)};
        },
    .flops =
        [](ModalityConfig const& config, Index embed_dim, Index tokens) {
          Index const weights = Cut(config).patch_elements() * embed_dim;
          return AdapterFlops{2 * static_cast<double>((tokens - 1) * weights)};
        },
    .buffers = [](ModalityConfig const&, bool) { return std::vector<Buffer>(); },
};

}  // namespace accord
