#include "app/verify/reference_model.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <regex>

#include "app/config/config.hpp"
#include "app/config/presets.hpp"
#include "core/base/error.hpp"
#include "io/file/integer_text.hpp"

namespace accord::app {
namespace {

StackConfig stack(Reference const& reference, std::string const& at) {
  StackConfig config{.embed_dim = reference.integer(at + "/embed_dim"),
                     .layers = reference.integer(at + "/layers"),
                     .heads = reference.integer(at + "/attention_heads"),
                     .ffn_dim = reference.integer(at + "/ffn_embed_dim")};
  if (reference.flag(at + "/use_layer_scale"))
    config.layer_scale_init = reference.number(at + "/layer_scale_init_value");
  config.drop_path = reference.number(at + "/drop_path_rate");
  return config;
}

template <class T>
void append(ModalityInput& input, std::vector<T> const& item) {
  std::size_t const begin = input.data.size();
  input.data.resize(begin + item.size() * sizeof(T));
  std::memcpy(input.data.data() + begin, item.data(), item.size() * sizeof(T));
  input.offsets.push_back(input.offsets.back() + static_cast<Index>(item.size()));
}

// Rows of a table of a modality's adapter, the encoder's or the decoder's, or of an adapter alone.
Index table_rows(Reference const& reference, std::string const& modality, std::string const& table,
                 Index otherwise) {
  for (std::string const& name : reference.file().datasets("weights"))
    if (name == table || name.ends_with(modality + "_adapter." + table))
      return reference.shape("weights/" + name)[0];
  return otherwise;
}

// "[(512, 10, 5)] + [(512, 3, 2)] * 4": lists of (channels, kernel, stride), repeated and joined. A
// decoder's adapter has none.
void set_convolutions(Reference const& reference, std::string const& pointer,
                      ModalityConfig& config) {
  if (!reference.has_text(pointer)) return;
  std::string const spec = reference.text(pointer).substr(0, 1000);  // expressions recurse
  auto const fail = [&] {
    throw DataError(fmt::format("{}: {} is not a list of convolutions of one width: {}",
                                reference.file().path().string(), pointer, spec));
  };
  static std::regex const list(R"(\[([^\]]*)\]\s*(?:\*\s*(\d+))?)"),
      item(R"(\(\s*(\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*\))");
  config.channels = 0;
  config.kernels.clear();
  config.strides.clear();
  for (std::sregex_iterator l(spec.begin(), spec.end(), list), end; l != end; ++l) {
    std::string const items = (*l)[1];
    int const times = (*l)[2].matched ? io::integer_in<int>(l->str(2)) : 1;
    for (int repeat = 0; repeat < times; ++repeat)
      for (std::sregex_iterator i(items.begin(), items.end(), item); i != end; ++i) {
        Index const channels = io::integer_in<Index>(i->str(1));
        if (config.channels != 0 && config.channels != channels) fail();
        config.channels = channels;
        config.kernels.push_back(io::integer_in<Index>(i->str(2)));
        config.strides.push_back(io::integer_in<Index>(i->str(3)));
      }
  }
  if (config.kernels.empty()) fail();
}

// What a batch leaves of a sound of this many frames: no frame needs more samples, and what lies
// behind them is padding.
Index samples_of(ModalityConfig const& config, Index frames) {
  Index samples = frames + 1;
  for (std::size_t i = config.kernels.size(); i-- > 0;)
    samples = (samples - 1) * config.strides[i] + config.kernels[i];
  return samples - 1;
}

// Of a decoder's adapter, which has none, any will do.
StemKind stem_of(Reference const& reference, std::string const& pointer) {
  std::string const name = reference.text(pointer);
  if (name == "hmlp" || name == "none") return StemKind::hmlp;
  if (name == "mlp") return StemKind::mlp;
  throw DataError(fmt::format("{} = \"{}\" is no stem that Accord has", pointer, name));
}

}  // namespace

ModalityConfig reference_text(Reference const& reference, std::string const& pointer) {
  ModalityConfig config{.name = "text", .adapter = "token"};
  config.bucket_size = reference.integer(pointer + "/bucket_size");
  config.max_tokens = reference.widest("src_tokens", 1) - 1;  // the end mark is one more
  config.positions = table_rows(reference, "text", "embed_positions.weight", config.positions);
  config.vocabulary = table_rows(reference, "text", "embed_tokens.weight", config.vocabulary);
  return config;
}

ModalityConfig reference_picture(Reference const& reference, std::string const& pointer) {
  ModalityConfig config{.name = "image", .adapter = "patch"};
  config.size = reference.widest("src_images", 2);
  config.position_side = reference.integer(pointer + "/bucket_size");
  config.stem = stem_of(reference, pointer + "/vision_encoder_type");
  return config;
}

ModalityConfig reference_signal(Reference const& reference, std::string const& pointer) {
  ModalityConfig config{.name = "audio", .adapter = "convolution", .positions = 1026};
  config.bucket_size = reference.integer(pointer + "/bucket_size");
  config.positions = table_rows(reference, "audio", "embed_positions.weight", config.positions);
  set_convolutions(reference, pointer + "/feature_encoder_spec", config);
  config.position_layers = reference.integer(pointer + "/conv_pos_depth");
  config.position_groups = reference.integer(pointer + "/conv_pos_groups");
  config.position_kernel =
      std::max<Index>(3, reference.integer(pointer + "/conv_pos_width") / config.position_layers);
  if (Index const samples = reference.widest("src_audios", 1); samples > 0)
    config.max_seconds =
        (static_cast<double>(samples) + 0.5) / static_cast<double>(config.sample_rate);
  return config;
}

std::string official_term(ObjectiveConfig const& objective, ModelConfig const& config) {
  bool const alone = objective_family(objective.kind).decodes && objective.student.size() == 1;
  return (alone ? "dcl_" + config.modalities[objective.modality.index()].name : objective.name) +
         "_loss";
}

std::string official_count(ModelConfig const& config, Modality a, Modality b) {
  auto const initial = [&](Modality m) { return config.modalities[m.index()].name[0]; };
  return fmt::format("{}2{}_ncorrect", initial(a), initial(b));
}

ModelConfig reference_model_config(Reference const& reference, Index pool) {
  std::string const encoder = "/model/encoder";
  ModelConfig config;
  config.encoder = stack(reference, encoder);
  config.decoder = stack(reference, "/model/decoder");
  if (reference.flag(encoder + "/use_text_moe"))
    config.modalities.push_back(reference_text(reference, encoder + "/text_adapter"));
  if (reference.flag(encoder + "/use_image_moe"))
    config.modalities.push_back(reference_picture(reference, encoder + "/image_adapter"));
  if (reference.flag(encoder + "/use_audio_moe"))
    config.modalities.push_back(reference_signal(reference, encoder + "/audio_adapter"));
  auto weight = [&](std::string const& key) { return reference.number("/criterion/" + key); };
  auto find = [&](char const* name) { return find_modality(config, name); };
  Modality const text = find("text"), other = find("audio") >= 0 ? find("audio") : find("image");
  std::vector<Modality> const joint{text, other};
  auto denoise = [&](std::string const& name, std::string const& alpha,
                     std::vector<Modality> const& student, std::vector<Modality> const& teacher,
                     Modality modality) {
    config.objectives.push_back(
        {"dcl_" + name, "denoise", weight("dcl_" + alpha + "_alpha"), student, teacher, modality});
  };
  if (other == find("audio")) {
    config.objectives = {{"atc", "contrast", 1, {other}, {text}, other}};
    denoise("audio_audio", "audio", {other}, joint, other);
    denoise("al_text", "al_text", joint, joint, text);
    denoise("al_audio", "al_audio", joint, joint, other);
    config.frozen = parse_config(R"(model = {preset = "onepeace-4b"}
                                    train = {stage = 2, steps = 1, global_batch = 32})",
                                 "stage 2")
                        .model.frozen;
  } else {
    config.objectives = {{"itc", "contrast", 1, {other}, {text}, other}};
    denoise("text_text", "text", {text}, {text}, text);
    denoise("image_image", "image", {other}, {other}, other);
    denoise("vl_text", "vl_text", joint, joint, text);
    denoise("vl_image", "vl_image", joint, joint, other);
  }
  config.loss.denoising_pool = pool;
  config.loss.dcl_scale = weight("dcl_logit_scale");
  config.loss.label_smoothing = weight("label_smoothing");
  config.parity = {
      .decoder_key_mask = false, .audio_pad_zero = false, .adam_epsilon_corrected = false};
  config.no_decay = published_no_decay();
  return config;
}

void load_reference_weights(Queue& queue, Reference const& reference, ParameterStore& store,
                            std::string const& group, std::string const& prefix) {
  std::size_t loaded = 0;
  for (int id = 0; id < store.count(); ++id) {
    std::string const& name = store.spec(id).name;
    if (!name.starts_with(prefix)) continue;
    std::string const dataset = group + name.substr(prefix.size());
    if (!reference.file().exists(dataset))
      throw DataError(fmt::format("{}: no {}", reference.file().path().string(), dataset));
    View const value = store.value(id);
    copy(queue, reference.tensor(queue, reference.values(dataset), value.shape()), value);
    ++loaded;
  }
  std::size_t const stored = reference.file().datasets(group).size();
  if (loaded != stored)
    throw DataError(fmt::format("{}: {} holds {} tensors, the model has {} of them",
                                reference.file().path().string(), group, stored, loaded));
}

void compare_gradients(Queue& queue, Reference& reference, ParameterStore& store,
                       Tolerance const& tolerance, std::string const& prefix) {
  for (int id = 0; id < store.count(); ++id) {
    std::string const& name = store.spec(id).name;
    if (!name.starts_with(prefix)) continue;
    std::string const dataset = "grads/param/" + name.substr(prefix.size());
    if (reference.file().exists(dataset))
      reference.compare(queue, dataset, store.gradient(id), tolerance);
  }
}

MicroBatch reference_batch(Reference const& reference, ModelConfig const& config,
                           std::string const& group) {
  std::vector<Pass> const passes = resolve_passes(config);
  MicroBatch batch;
  batch.inputs.resize(config.modalities.size());
  batch.lengths.resize(config.modalities.size());
  Index const samples = reference.shape(group + "src_tokens")[0];
  for (Index s = 0; s < samples; ++s) {
    batch.positions.push_back(static_cast<std::uint64_t>(s));
    batch.keys.push_back(std::to_string(s));
  }
  for (std::size_t m = 0; m < config.modalities.size(); ++m) {
    ModalityInput& input = batch.inputs[m];
    if (config.modalities[m].adapter == "token") {
      auto const ids = reference.file().read<std::int32_t>(group + "src_tokens");
      Index const width = reference.shape(group + "src_tokens")[1];
      input.dtype = DType::int32;
      for (Index s = 0; s < samples; ++s) {
        std::vector<std::int32_t> item;
        for (Index i = 0; i < width; ++i)
          if (std::int32_t const id = ids[static_cast<std::size_t>(s * width + i)]; id != pad_token)
            item.push_back(id);
        append(input, item);
        batch.lengths[m].push_back(static_cast<Index>(item.size()) + 1);
      }
    } else {
      bool const signal = config.modalities[m].adapter == "convolution";
      auto const values = reference.values(group + (signal ? "src_audios" : "src_images"));
      std::size_t const item = values.size() / static_cast<std::size_t>(samples);
      std::vector<double> const padding =
          signal ? reference.values(group + "audio_padding_masks") : std::vector<double>();
      std::size_t const tokens = padding.size() / static_cast<std::size_t>(samples);
      input.dtype = reference.dtype();
      for (std::size_t s = 0; s < static_cast<std::size_t>(samples); ++s) {
        auto const begin = values.begin() + static_cast<std::ptrdiff_t>(s * item);
        auto end = begin + static_cast<std::ptrdiff_t>(item);
        if (signal) {  // without the padding of shorter ones
          auto const mask = padding.begin() + static_cast<std::ptrdiff_t>(s * tokens);
          auto const frames = std::count(mask, mask + static_cast<std::ptrdiff_t>(tokens), 0.0) - 1;
          end =
              begin + std::min(static_cast<Index>(item), samples_of(config.modalities[m], frames));
        }
        if (reference.dtype() == DType::float64)
          append(input, std::vector<double>(begin, end));
        else
          append(input, std::vector<float>(begin, end));
        batch.lengths[m].push_back(
            adapter_family(config.modalities[m].adapter).tokens(config.modalities[m], end - begin));
      }
    }
  }
  batch.masks.resize(passes.size());
  for (std::size_t p = 0; p < passes.size(); ++p) {
    if (!passes[p].masked) continue;
    for (Modality m : passes[p].modalities) {
      std::string const name = config.modalities[m.index()].name;
      std::string const joint = find_modality(config, "audio") != Modality::none ? "al_" : "vl_";
      std::string const dataset =
          group + (passes[p].modalities.size() > 1 ? joint : "") + name + "_mask_indices";
      auto const flags = reference.file().read<std::uint8_t>(dataset);
      Index const width = reference.shape(dataset)[1];
      TokenMask mask;
      for (Index s = 0; s < samples; ++s) {
        Index const length = batch.lengths[m.index()][static_cast<std::size_t>(s)];
        auto const begin = flags.begin() + s * width;
        mask.masked.insert(mask.masked.end(), begin, begin + length);
        mask.offsets.push_back(static_cast<Index>(mask.masked.size()));
      }
      batch.masks[p].push_back(std::move(mask));
    }
  }
  return batch;
}

}  // namespace accord::app
