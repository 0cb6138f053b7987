#pragma once
// What the model is made of, as the configuration file says it: sizes, modalities, objectives.
// Plain data.

#include <cstdint>
#include <string>
#include <vector>

#include "core/base/dtype.hpp"
#include "core/base/modality.hpp"

namespace accord {

/// One transformer stack (docs/model.md 1.8). The decoder has no LayerScale, DropPath or position
/// bias.
struct StackConfig {
  Index embed_dim = 0;
  Index layers = 0;
  Index heads = 0;
  Index ffn_dim = 0;
  double layer_scale_init = 0;  ///< 0: no LayerScale parameters
  double drop_path = 0;  ///< of the last layer; layer l of L drops with drop_path * l / (L - 1)
};

/// From pixels to tokens (modality/patch_stem.hpp).
enum class StemKind : std::uint8_t { hmlp, mlp };

/// How the tokens that a pass hides are chosen (modality/masks.hpp).
enum class MaskKind : std::uint8_t { whole_word, uniform, block };

/// The mask of a modality in a joint pass.
enum class JointMask : std::uint8_t {
  complement,   ///< of the one that it has alone (joint_mask())
  independent,  ///< drawn like it, without regard to it
};

/// One [[modality]]. `adapter` picks the family; keys of other families are unused.
struct ModalityConfig {
  std::string name = "";     ///< "text": prefix of parameter names, metrics, shard groups
  std::string adapter = "";  ///< a family of modality/registry.cpp

  // token (docs/model.md 1.2); positions and bucket_size are convolution's too, bucket_size a
  // series'
  Index vocabulary = 50264;
  Index positions = 514;    ///< rows of the absolute position table (convolution: the decoder's)
  Index max_tokens = 70;    ///< tokens per item before the end mark
  Index bucket_size = 256;  ///< log buckets of the relative-position bias (convolution: 512)

  // patch (docs/model.md 1.3); `patch` is a video's too
  Index size = 256;  ///< side of the square input, pixels
  Index patch = 16;
  Index position_side = 0;  ///< patches along a side of the position table, which is resized at run
                            ///< time where pictures have others; 0: as many as they have
  StemKind stem = StemKind::hmlp;

  // convolution (docs/model.md 1.4)
  Index sample_rate = 16000;                         ///< samples per second
  double min_seconds = 1;                            ///< shorter items are repeated up to here
  double max_seconds = 15;                           ///< longer ones end here
  Index channels = 512;                              ///< of the feature extractor
  std::vector<Index> kernels{10, 3, 3, 3, 3, 2, 2};  ///< of its convolutions
  std::vector<Index> strides{5, 2, 2, 2, 2, 2, 2};
  Index position_kernel = 19;  ///< of the convolutional positions
  Index position_groups = 16;
  Index position_layers = 5;

  // patch sequence (modality/patch_sequence.hpp)
  std::vector<Index> frame = {};  ///< its shape: {channels} or {height, width, channels}
  Index patch_frames = 1;         ///< frames of a patch
  Index max_frames = 0;           ///< longer items end here
  /// Of each channel: the input is (x - mean) / std; empty: as it is.
  std::vector<double> mean = {}, std = {};

  // masks (docs/model.md 3.5)
  MaskKind mask = MaskKind::uniform;
  double mask_ratio = 0;  ///< alone
  JointMask joint_mask = JointMask::complement;
  double joint_mask_ratio = 0;
};

/// Of a patch sequence: elements of one frame.
Index frame_elements(ModalityConfig const& config);

/// What a classification head reads of a pass (docs/model.md 6).
enum class Pooling : std::uint8_t {
  attention,    ///< the tokens of a modality, but not its class token
  class_token,  ///< that alone
};

/// One [[objective]]: a term of the loss, L = sum weight * term (docs/model.md 9.1).
struct ObjectiveConfig {
  std::string name;               ///< metric "<name>_loss"
  std::string kind = "contrast";  ///< one of objective_families() (objective.hpp)
  double weight = 1;
  /// contrast: the two modalities, student[0] against teacher[0]; metrics "<a>2<b>_accuracy" and
  /// back. denoise: student = modalities of the masked pass, teacher = those of the unmasked one,
  /// `modality` = whose tokens. classify: student = modalities of the pass, `modality` = whose
  /// class token (or pooled tokens).
  std::vector<Modality> student, teacher;
  Modality modality = 0;
  // classify
  Pooling pooling = Pooling::attention;
  Index classes = 0;  ///< 0: as many as the data name, set on loading
  std::vector<std::string> class_names =
      {};  ///< of the data, by class number; empty: they name none
};

/// Switches that reproduce the official code where the default deliberately differs ([parity],
/// docs/model.md 7).
struct ParityConfig {
  bool decoder_key_mask = true;  ///< false: padded keys take part in decoder attention (Q4)
  bool audio_pad_zero = true;    ///< false: positional convolutions see padded frames (Q5, Q6)
  bool adam_epsilon_corrected =
      true;  ///< false: epsilon beside the uncorrected square root (docs/model.md 4.1 a)
};

struct LossConfig {
  Index denoising_pool = 32;     ///< samples whose teacher features are a query's candidates
  double dcl_scale = 2.5;        ///< 1 / temperature of the denoising contrast
  double label_smoothing = 0.1;  ///< of the denoising contrast
  double contrast_label_smoothing = 0;
  double classify_label_smoothing = 0;  ///< of single labels
  Index tile = 1024;                    ///< keys per logit tile: memory and speed only
};

struct ModelConfig {
  StackConfig encoder;
  /// Each encoder layer has position-bias tables of its own, not one for all (fine-tuning).
  bool layer_position_bias = false;
  StackConfig decoder;  ///< built if some objective denoises
  std::vector<ModalityConfig> modalities;
  std::vector<ObjectiveConfig> objectives;
  LossConfig loss;
  ParityConfig parity;
  std::vector<std::string> frozen;    ///< prefixes (begins_with()) of parameters that do not train
  std::vector<std::string> no_decay;  ///< names that are not decayed beside biases and 1-D tensors
                                      ///< (docs/model.md 4.2, Q7)
};

/// Modality::none when there is none of that name.
Modality find_modality(ModelConfig const& config, std::string const& name);

/// Whether some parameter of the encoder that the pass of a modality goes through trains, its
/// projection included. Judged by groups of parameters: a group counts as frozen when one entry of
/// `frozen` covers it.
bool trains(ModelConfig const& config, Modality modality);

}  // namespace accord
