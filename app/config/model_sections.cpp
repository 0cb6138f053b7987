#include "app/config/model_sections.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "app/cli/text.hpp"
#include "app/config/binding.hpp"
#include "app/config/presets.hpp"
#include "core/base/error.hpp"
#include "core/model/modality/masks.hpp"
#include "core/model/objective.hpp"

namespace accord::app {
namespace {

StackConfig& encoder_of(Config& config) { return config.model.encoder; }
StackConfig& decoder_of(Config& config) { return config.model.decoder; }

std::vector<Key> stack_keys(StackConfig& (*stack)(Config&)) {
  auto size = [stack](std::string name, Index StackConfig::*member, std::string doc) {
    return key<Config>(
               std::move(name), [=](Config& c) -> Index& { return stack(c).*member; },
               std::move(doc))
        .at_least(0)
        .checked_later();
  };
  return {
      size("embed_dim", &StackConfig::embed_dim, "width of a token"),
      size("layers", &StackConfig::layers, "transformer layers"),
      size("heads", &StackConfig::heads, "attention heads; divides embed_dim"),
      size("ffn_dim", &StackConfig::ffn_dim, "inner width of the feed-forward branches"),
  };
}

}  // namespace

Section model_section() {
  std::vector<Key> keys = stack_keys(encoder_of);
  Key preset = key<Config>("preset", &Config::preset,
                           "published sizes to start from; keys given here override it")
                   .one_of(preset_names());
  keys.insert(keys.begin(), may_change(preset));
  keys.push_back(key<Config>(
                     "layer_scale_init",
                     [](Config& c) -> double& { return c.model.encoder.layer_scale_init; },
                     "initial LayerScale of the residual branches; 0: none")
                     .at_least(0));
  keys.push_back(key<Config>(
                     "drop_path", [](Config& c) -> double& { return c.model.encoder.drop_path; },
                     "stochastic depth of the last layer, growing linearly from 0 in the first")
                     .at_least(0)
                     .at_most(0.99));
  keys.push_back(key<Config>(
      "layer_position_bias", [](Config& c) -> bool& { return c.model.layer_position_bias; },
      "position-bias tables of each layer's own, for fine-tuning, instead of one for all"));
  return section({"model"}, encoder_of, "The encoder.", std::move(keys));
}

namespace {

/// The families that read a key of [[modality]]; none: it is of all.
std::vector<std::string> readers_of(std::string const& key) {
  std::vector<std::string> readers;
  for (std::string const& name : adapter_family_names())
    if (std::ranges::count(adapter_family(name).keys, key) > 0) readers.push_back(name);
  return readers;
}

}  // namespace

Section decoder_section() {
  return section({"model", "decoder"}, decoder_of,
                 "The small decoder of the denoising terms; layers = 0: none.",
                 stack_keys(decoder_of));
}

Section modality_section() {
  using M = ModalityConfig;
  Key adapter =
      key<M>("adapter", &M::adapter,
             "family of the input: tokens of a text, patches of a picture, convolutions of a "
             "sound, patches of a series or video")
          .one_of(adapter_family_names());
  adapter.first = true;
  adapter.set = [](Config&, void* table, Value const& value) {
    auto& modality = *static_cast<M*>(table);
    std::string const name = modality.name;
    modality = adapter_family(std::get<std::string>(value)).defaults();
    modality.name = name;
    modality.adapter = std::get<std::string>(value);
  };
  Section modalities = array_section(
      {"modality"}, [](Config& c) -> std::vector<M>& { return c.model.modalities; },
      "What the model reads. `name` is the prefix of its parameters, metrics and shard groups.",
      {
          adapter,
          key<M>("vocabulary", &M::vocabulary,
                 "rows of the token table; 0: as many as the tokenizer has")
              .at_least(0),
          key<M>("positions", &M::positions,
                 "rows of the position table (of a signal: the decoder's)")
              .at_least(2),
          key<M>("bucket_size", &M::bucket_size,
                 "distances told apart by the relative position bias; not of a video")
              .at_least(4),
          key<M>("size", &M::size, "side of the square picture in pixels; a multiple of patch")
              .at_least(1),
          key<M>("patch", &M::patch, "side of a patch in pixels; of a series 1").at_least(1),
          key<M>("position_side", &M::position_side,
                 "patches along a side of the position table, resized at each step where pictures "
                 "have others; 0: as many as they have, a table of another size is resized when "
                 "it is loaded")
              .at_least(0),
          choice<M, StemKind M::*, StemKind>(
              "stem", &M::stem, {{"hmlp", StemKind::hmlp}, {"mlp", StemKind::mlp}},
              "from pixels to tokens: three convolutions with norms, or one matrix"),
          key<M>("sample_rate", &M::sample_rate, "samples per second of a signal").at_least(1),
          key<M>("min_seconds", &M::min_seconds, "a shorter signal is repeated up to here")
              .at_least(0),
          key<M>("max_seconds", &M::max_seconds, "a longer signal ends here").above(0),
          key<M>("channels", &M::channels, "of the convolutions from samples to frames")
              .at_least(1),
          key<M>("kernels", &M::kernels, "samples, then frames, each of those convolutions sees")
              .at_least(1),
          key<M>("strides", &M::strides, "by which each of them moves on").at_least(1),
          key<M>("position_kernel", &M::position_kernel,
                 "frames each convolution of the positions sees")
              .at_least(1),
          key<M>("position_groups", &M::position_groups,
                 "channel groups of those; divides model.embed_dim")
              .at_least(1),
          key<M>("position_layers", &M::position_layers, "how many of those there are").at_least(1),
          key<M>("frame", &M::frame,
                 "shape of one frame: [channels] of a series, [height, width, channels] of a video")
              .at_least(1)
              .checked_later(),
          key<M>("patch_frames", &M::patch_frames, "frames that a patch covers").at_least(1),
          key<M>("max_frames", &M::max_frames, "a longer series or video ends here")
              .at_least(0)
              .checked_later(),
          key<M>("mean", &M::mean, "of each channel; subtracted from what is read; empty: 0"),
          key<M>("std", &M::std, "of each channel; what is left is divided by it; empty: 1")
              .above(0),
          choice<M, MaskKind M::*, MaskKind>("mask", &M::mask,
                                             {{name_of(MaskKind::whole_word), MaskKind::whole_word},
                                              {name_of(MaskKind::uniform), MaskKind::uniform},
                                              {name_of(MaskKind::block), MaskKind::block}},
                                             "how tokens are chosen for masking"),
          key<M>("mask_ratio", &M::mask_ratio, "part masked when the modality stands alone")
              .at_least(0)
              .at_most(1),
          choice<M, JointMask M::*, JointMask>(
              "joint_mask", &M::joint_mask,
              {{"complement", JointMask::complement}, {"independent", JointMask::independent}},
              "in a joint sequence: what the mask alone leaves, or drawn without regard to it"),
          key<M>("joint_mask_ratio", &M::joint_mask_ratio, "part masked in a joint sequence")
              .at_least(0)
              .at_most(1),
      });
  for (Key& key : modalities.keys) key.adapters = readers_of(key.name);
  return modalities;
}

namespace {

// The file says "image", the model holds indices.
std::string name_of(Config const& config, Modality modality) {
  return modality == Modality::none ? "" : config.model.modalities[modality.index()].name;
}

Modality modality_named(Config const& config, std::string const& name) {
  Modality const modality = find_modality(config.model, name);
  if (modality == Modality::none)
    throw UsageError(fmt::format("there is no [[modality]] named \"{}\"", name));
  return modality;
}

Key modalities_key(std::string name, std::vector<Modality> ObjectiveConfig::*member,
                   std::string doc) {
  Key key;
  key.name = std::move(name);
  key.type = Key::Type::texts;
  key.doc = std::move(doc);
  key.get = [member](Config const& config, void const* table) {
    std::vector<std::string> names;
    for (Modality const m : static_cast<ObjectiveConfig const*>(table)->*member)
      names.push_back(name_of(config, m));
    return Value(names);
  };
  key.set = [member](Config& config, void* table, Value const& value) {
    std::vector<Modality> modalities;
    for (std::string const& name : std::get<std::vector<std::string>>(value))
      modalities.push_back(modality_named(config, name));
    static_cast<ObjectiveConfig*>(table)->*member = modalities;
  };
  return key;
}

}  // namespace

Section objective_section() {
  using O = ObjectiveConfig;
  Key modality;
  modality.name = "modality";
  modality.doc =
      "whose tokens are predicted, or whose class token is read; not needed where the student is "
      "one modality";
  modality.get = [](Config const& config, void const* table) {
    return Value(name_of(config, static_cast<O const*>(table)->modality));
  };
  modality.set = [](Config& config, void* table, Value const& value) {
    static_cast<O*>(table)->modality = modality_named(config, std::get<std::string>(value));
  };
  std::vector<std::string> kinds, summaries;
  for (ObjectiveFamily const* family : objective_families()) {
    kinds.emplace_back(family->name);
    summaries.push_back(fmt::format("{}: {}", family->name, family->summary));
  }
  O unset;
  unset.modality =
      Modality::none;  // told apart from the first modality until loading has filled it in
  return array_section(
      {"objective"}, [](Config& c) -> std::vector<O>& { return c.model.objectives; },
      "The terms of the loss. A term's metric is `<name>_loss`.",
      {
          key<O>("kind", &O::kind, joined(summaries, "; ")).one_of(kinds),
          modalities_key("student", &O::student,
                         "modalities of the pass that learns (denoise: masked)"),
          modalities_key(
              "teacher", &O::teacher,
              "contrast: the other side; denoise: modalities of the whole pass that is predicted"),
          modality,
          key<O>("weight", &O::weight, "factor of the term in the loss").at_least(0),
          choice<O, Pooling O::*, Pooling>(
              "pooling", &O::pooling,
              {{"attention", Pooling::attention}, {"class_token", Pooling::class_token}},
              "classify: what the head reads, all tokens but the class token by attention, or that "
              "token alone"),
          key<O>("classes", &O::classes, "classify: how many; 0: as many as the data name")
              .at_least(0),
          key<O>("class_names", &O::class_names,
                 "classify: by class number; empty: as the data name them"),
      },
      unset);
}

}  // namespace accord::app
