#pragma once

#include "core/model/stack/stack.hpp"

namespace accord {

/// The masked passes' decoder (docs/model.md 1.9): kept encoder outputs, projected, go back to
/// their places among mask tokens; positions are added; a few layers without bias, LayerScale or
/// DropPath follow; a head per modality predicts features.
class Decoder {
 public:
  /// How the rows of one modality are filled.
  struct Fill {
    Index kept_begin =
        0;  ///< first row of the masked passes in the encoder's pack; they lie together
    Index kept = 0;
    Tensor kept_from;                 ///< int32: which of them are real; empty: all (no pads)
    Tensor kept_rows;                 ///< int32: where each goes in the decoder's pack
    Tensor mask_rows, mask_zeros;     ///< rows that start as the mask token
    Tensor position_rows, positions;  ///< all real rows and their index in the position table
  };
  struct State {
    PackPlan plan;
    std::vector<Fill> fill;  ///< [Modality]
    Stack::Saved stack;
    Tensor x;   ///< [R, decoder width] behind the last layer
    Tensor dx;  ///< its gradient, summed over students
  };
  /// The features predicted at some rows of one modality.
  struct Student {
    Modality modality = 0;
    Tensor rows;    ///< int32 [m]: rows of the decoder's pack
    Tensor normed;  ///< [m, decoder width]
    LayerNorm::Saved norm;
  };

  Decoder(ParameterScope const& scope, ModelConfig const& config, DType dtype,
          TensorParallelRegion region);

  /// \param encoder_pack  the pack with gradient; must hold the masked passes
  State plan(Queue& queue, MicroBatch const& batch, std::vector<Pass> const& passes,
             Pack const& encoder_pack, Index pad_pool) const;

  /// The decoder's input: projected kept rows, mask tokens, positions.   features [R_encoder, d]
  Tensor assemble(Queue& queue, ConstView features, State const& state) const;
  /// Adds to the gradients of positions, mask tokens and projections, and to dfeatures.
  void assemble_backward(Queue& queue, ConstView dx, ConstView features, State const& state,
                         View dfeatures) const;
  /// Assembles and runs the layers.
  void forward(Queue& queue, ConstView features, State& state, Recompute recompute) const;
  /// Head of one modality at `student.rows`   \returns [m, d]
  Tensor predict(Queue& queue, State const& state, Student& student) const;
  /// Adds to state.dx and to the head's gradients.
  void predict_backward(Queue& queue, ConstView dprediction, State& state,
                        Student const& student) const;
  /// dfeatures += gradient of the encoder's features, after all students' backwards.
  void backward(Queue& queue, ConstView features, State& state, Recompute recompute,
                View dfeatures) const;

  Stack const& stack() const { return stack_; }

 private:
  struct ModalityParts {
    Linear embed, head;
    int mask_token, positions;
  };
  DType dtype_;
  Index width_, layers_;
  bool mask_keys_;
  TensorParallelRegion region_;
  ParameterStore* store_;
  std::vector<ModalityParts> parts_;
  Stack stack_;
  std::vector<LayerNorm> norms_;
};

}  // namespace accord
