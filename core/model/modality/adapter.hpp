#pragma once

#include <memory>
#include <span>

#include "core/model/batch.hpp"
#include "core/model/buffers.hpp"
#include "core/model/item_kind.hpp"
#include "core/model/modality/position_bias.hpp"
#include "core/nn/parameter_scope.hpp"
#include "core/nn/tensor_parallel_region.hpp"
#include "core/tensor/tensor.hpp"

namespace accord {

/// Where rows of one modality go: row rows[i] of the packed input is position positions[i] (0 =
/// class token) of sample samples[i]. Pads are not listed.
struct RowPlacement {
  std::vector<std::int32_t> rows, samples, positions;
};

/// What turns one modality's items into rows of the encoder's input, u = token embedding + position
/// (docs/model.md 1.2 - 1.4). Items are embedded once per micro-batch by prepare(); every pass then
/// takes the rows it keeps with place(). Parameters live in the store the adapter was built with,
/// under the scope `<modality>_adapter`.
class Adapter {
 public:
  /// What backward needs of one micro-batch. Each family derives its own.
  struct Saved {
    virtual ~Saved() = default;
  };

  virtual ~Adapter() = default;
  /// What the loader must deliver.
  virtual InputSpec input() const = 0;
  /// Encoder tokens, class token included, of an item of `elements` elements.
  virtual Index tokens(Index elements) const = 0;
  /// The longest sequence it can embed.
  virtual Index max_tokens() const = 0;

  virtual std::unique_ptr<Saved> prepare(Queue& queue, ModalityInput const& input) const = 0;
  /// x[rows] = u, in a zeroed x [R, d].
  virtual void place(Queue& queue, Saved& saved, RowPlacement const& placement, View x) const = 0;
  /// Adds to the gradients of everything placed, given dx [R, d] of the same placement.
  virtual void backward(Queue& queue, Saved& saved, RowPlacement const& placement,
                        ConstView dx) const = 0;
  /// After the last backward of a micro-batch: what is done once per item, not once per row.
  virtual void finish_backward(Queue& queue, Saved& saved) const = 0;

  /// Values that no initial distribution gives (a padding row of zeros).
  virtual void fix_initial_values(Queue&) const {}
};

/// What an adapter is built from.
struct AdapterContext {
  Queue& queue;
  ParameterScope scope;  ///< `<wrapper>.<modality>_adapter`
  Index embed_dim;
  DType dtype;
  /// Convolutions see each item padded to the longest of its pool of so many consecutive samples,
  /// as the official code does (quirks Q5, Q6); 0: unpadded.
  Index pad_pool = 0;
};

/// The absolute position table the decoder adds for this modality: its official name and rows.
struct PositionTable {
  std::string name;
  Index rows;
  bool mask_embedding = false;  ///< beside it stands an official parameter that nothing reads (Q16)
};

/// Floating-point operations of a forward, as model_flops() counts them.
struct AdapterFlops {
  double input = 0;  ///< once per item, in prepare(): products with its own values
  double item = 0;   ///< once per item, in prepare(): those behind them
  double token = 0;  ///< of each token placed but the class token
};

/// All that one adapter family is, for [[modality]] adapter = "<name>".
struct AdapterFamily {
  char const* name;

  // What the configuration says of it.
  /// Keys of [[modality]] that it reads, beside those of masks, which all have: the members of
  /// ModalityConfig of these names.
  std::span<char const* const> keys;
  /// Of the keys, where a configuration says nothing.
  ModalityConfig (*defaults)();
  /// \throws UsageError naming the key whose value cannot be, in a model of this width
  void (*check)(ModalityConfig const&, Index embed_dim);

  // Items, for those that have no model at hand: the loader, the planner.
  ItemKind items;
  InputSpec (*input)(ModalityConfig const&);               ///< as the adapter's input()
  Index (*tokens)(ModalityConfig const&, Index elements);  ///< and its tokens()
  /// What classifies them by the captions of classes, unless told otherwise: "{}" is the class.
  char const* prompt = "{}";

  // The adapter.
  std::unique_ptr<Adapter> (*make)(AdapterContext const&, ModalityConfig const&);
  /// Buckets of the relative-position bias between any two of its positions.
  BucketMatrix (*buckets)(ModalityConfig const&);
  PositionTable (*decoder_positions)(ModalityConfig const&);
  /// Of an item of so many tokens, class token included.
  AdapterFlops (*flops)(ModalityConfig const&, Index embed_dim, Index tokens);

  // Checkpoints.
  /// What the official adapter keeps beside its parameters, under names within it.
  std::vector<Buffer> (*buffers)(ModalityConfig const&, bool position_bias);
  /// A table of the adapter, from a checkpoint where it has other rows, for a parameter [rows,
  /// width] of a new model (ParameterPart::Kind: position_table or bias_table). Null: tables of
  /// other sizes do not fit. \throws UsageError for one that cannot be resized so, DataError for
  /// rows that are no such table
  std::vector<double> (*resize_table)(ParameterSpec const& parameter, Index from_rows,
                                      std::vector<double> const& values) = nullptr;
};

/// \throws UsageError naming the known families.
AdapterFamily const& adapter_family(std::string const& name);
std::vector<std::string> adapter_family_names();

/// Whether its items are captions. Not so where no adapter is named yet.
bool reads_text(ModalityConfig const& config);

}  // namespace accord
