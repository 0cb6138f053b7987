#include "io/loader/item_decoder.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <string_view>
#include <utility>

#include "core/base/check.hpp"
#include "core/model/modality/adapter.hpp"
#include "io/media/array.hpp"

namespace accord::io {
namespace {

/// Counts an item of `bytes` bytes in and returns where it goes: `place`, or behind those that
/// `input` holds.
std::byte* extend(ModalityInput& input, DType dtype, std::size_t bytes, std::byte* place) {
  input.dtype = dtype;
  input.offsets.push_back(input.offsets.back() + static_cast<Index>(bytes / size_of(dtype)));
  if (place) return place;
  std::size_t const begin = input.data.size();
  input.data.resize(begin + bytes);
  return input.data.data() + begin;
}

std::size_t bytes_of_picture(ModalityConfig const& config) {
  return static_cast<std::size_t>(config.size * config.size * 3);
}

/// An item of numbers, as the adapter reads it.
void append_values(ModalityConfig const& config, std::vector<float> const& values,
                   ModalityInput& input, std::vector<Index>& lengths) {
  std::size_t const size = values.size() * sizeof(float);
  std::memcpy(extend(input, DType::float32, size, nullptr), values.data(), size);
  lengths.push_back(
      adapter_family(config.adapter).tokens(config, static_cast<Index>(values.size())));
}

/// Whether an array is frames x one frame; of a single channel it may lack that axis. \throws
/// DataError
void check_frames(ModalityConfig const& config, std::vector<Index> const& shape) {
  auto const is = [&](std::vector<Index> const& frame) {
    return shape.size() == frame.size() + 1 &&
           std::equal(frame.begin(), frame.end(), shape.begin() + 1);
  };
  std::vector<Index> const flat(config.frame.begin(), config.frame.end() - 1);
  if (is(config.frame) || (config.frame.back() == 1 && is(flat))) return;
  throw DataError(fmt::format("an array of {}, where modality.{}.frame asks for frames x {}",
                              shape_text(shape), config.name, shape_text(config.frame)));
}

void append_offsets(std::vector<Index>& to, std::vector<Index> const& from) {
  Index const begin = to.back();
  for (std::size_t i = 1; i < from.size(); ++i) to.push_back(begin + from[i]);
}

template <class T>
void append_all(std::vector<T>& to, std::vector<T> const& from) {
  to.insert(to.end(), from.begin(), from.end());
}

void append(MicroBatch& to, MicroBatch const& from) {
  append_all(to.positions, from.positions);
  append_all(to.labels, from.labels);
  append_all(to.multi_hot, from.multi_hot);
  append_all(to.keys, from.keys);
  for (std::size_t m = 0; m < to.inputs.size(); ++m) {
    if (from.inputs[m].offsets.size() > 1) to.inputs[m].dtype = from.inputs[m].dtype;
    append_all(to.inputs[m].data, from.inputs[m].data);
    append_offsets(to.inputs[m].offsets, from.inputs[m].offsets);
    append_all(to.lengths[m], from.lengths[m]);
  }
  to.masks.resize(from.masks.size());
  for (std::size_t p = 0; p < from.masks.size(); ++p) {
    to.masks[p].resize(from.masks[p].size());
    for (std::size_t s = 0; s < from.masks[p].size(); ++s) {
      append_all(to.masks[p][s].masked, from.masks[p][s].masked);
      append_offsets(to.masks[p][s].offsets, from.masks[p][s].offsets);
    }
  }
}

}  // namespace

ItemDecoder::ItemDecoder(ModelConfig const& model, std::vector<Modality> const& modalities,
                         std::shared_ptr<Tokenizer const> tokenizer,
                         std::vector<PictureOptions> pictures, std::uint32_t seed)
    : modalities_(model.modalities),
      families_(model.modalities.size(), Family::none),
      tokenizer_(std::move(tokenizer)),
      pictures_(std::move(pictures)),
      crop_(seed, Purpose::crop) {
  pictures_.resize(modalities_.size());
  for (Modality m : modalities) {
    std::size_t const i = static_cast<std::size_t>(m);
    ModalityConfig const& config = modalities_[i];
    if (config.adapter == "token") {
      ACCORD_CHECK(tokenizer_ != nullptr, "no tokenizer for modality {}", config.name);
      if (tokenizer_->vocabulary() > config.vocabulary)
        throw UsageError(fmt::format(
            "modality {}: the tokenizer has {} rows, the model's table {}: use the tokenizer that "
            "the model was made with",
            config.name, tokenizer_->vocabulary(), config.vocabulary));
      families_[i] = Family::token;
    } else if (config.adapter == "patch") {
      families_[i] = Family::patch;
    } else if (config.adapter == "convolution") {
      families_[i] = Family::convolution;
    } else if (config.adapter == "patch_sequence") {
      families_[i] = Family::patch_sequence;
    } else {
      throw UsageError(fmt::format(
          "modality {}: no reader for the items of adapter \"{}\" (known: \"token\", \"patch\", "
          "\"convolution\", \"patch_sequence\")",
          config.name, config.adapter));
    }
  }
}

void ItemDecoder::append(Modality modality, std::span<std::byte const> bytes, std::uint64_t key,
                         MicroBatch& batch, Scratch& scratch, Places const& places) const {
  std::size_t const m = static_cast<std::size_t>(modality);
  ModalityInput& input = batch.inputs[m];
  std::vector<Index>& lengths = batch.lengths[m];
  switch (families_[m]) {
    case Family::token:
      return append_text(modalities_[m], bytes, input, lengths);
    case Family::patch:
      return append_picture(modalities_[m], pictures_[m], bytes, key,
                            places.empty() ? nullptr : places[m], input, lengths, scratch);
    case Family::convolution:
      return append_sound(modalities_[m], bytes, input, lengths);
    case Family::patch_sequence:
      return append_frames(modalities_[m], bytes, input, lengths);
    case Family::none:
      break;
  }
  ACCORD_CHECK(false, "modality {} was not among those to decode", modalities_[m].name);
}

void ItemDecoder::append_text(ModalityConfig const& config, std::span<std::byte const> bytes,
                              ModalityInput& input, std::vector<Index>& lengths) const {
  std::string_view const caption(reinterpret_cast<char const*>(bytes.data()), bytes.size());
  std::vector<std::int32_t> const rows = tokenizer_->encode(caption, config.max_tokens);
  std::size_t const size = rows.size() * sizeof(std::int32_t);
  std::memcpy(extend(input, DType::int32, size, nullptr), rows.data(), size);
  lengths.push_back(static_cast<Index>(rows.size()) + 1);
}

void ItemDecoder::append_picture(ModalityConfig const& config, PictureOptions const& options,
                                 std::span<std::byte const> bytes, std::uint64_t key,
                                 std::byte* place, ModalityInput& input,
                                 std::vector<Index>& lengths, Scratch& scratch) const {
  Image const image = decode_image(bytes, {}, options.alpha);
  std::byte* const out = extend(input, DType::uint8, bytes_of_picture(config), place);
  crop_image({image.rgb.data(), image.width, image.height}, options.crop, crop_, key,
             static_cast<int>(config.size), reinterpret_cast<std::uint8_t*>(out), scratch.resize);
  Index const side = config.size / config.patch;
  lengths.push_back(side * side + 1);
}

void ItemDecoder::append_sound(ModalityConfig const& config, std::span<std::byte const> bytes,
                               ModalityInput& input, std::vector<Index>& lengths) const {
  std::vector<float> const samples =
      waveform(decode_sound(bytes), {config.sample_rate, config.min_seconds, config.max_seconds});
  append_values(config, samples, input, lengths);
}

void ItemDecoder::append_frames(ModalityConfig const& config, std::span<std::byte const> bytes,
                                ModalityInput& input, std::vector<Index>& lengths) const {
  Array array = decode_array(bytes);
  check_frames(config, array.shape);
  Index const frames = std::min(array.shape.front(), config.max_frames);
  array.values.resize(static_cast<std::size_t>(frames * frame_elements(config)));
  auto const channels = static_cast<std::size_t>(config.frame.back());
  for (std::size_t i = 0; i < array.values.size(); ++i) {
    double const mean = config.mean.empty() ? 0 : config.mean[i % channels],
                 deviation = config.std.empty() ? 1 : config.std[i % channels];
    double const value = (array.values[i] - mean) / deviation;
    if (std::abs(value) > std::numeric_limits<float>::max())
      throw DataError(fmt::format("{} becomes {:.3g} by modality.{}.mean and std: beyond float32",
                                  array.values[i], value, config.name));
    array.values[i] = static_cast<float>(value);
  }
  append_values(config, array.values, input, lengths);
}

std::vector<std::uint8_t> ItemDecoder::word_starts(Modality modality,
                                                   ModalityInput const& input) const {
  std::vector<std::uint8_t> flags;
  if (families_[static_cast<std::size_t>(modality)] != Family::token) return flags;
  auto const* rows = reinterpret_cast<std::int32_t const*>(input.data.data());
  for (Index i = input.offsets.end()[-2]; i < input.offsets.back() - 1; ++i)
    flags.push_back(tokenizer_->word_start(rows[i]));
  return flags;
}

std::size_t ItemDecoder::item_bytes(Modality modality) const {
  std::size_t const m = static_cast<std::size_t>(modality);
  return families_[m] == Family::patch ? bytes_of_picture(modalities_[m]) : 0;
}

Index ItemDecoder::maskable(Modality modality, Index length) const {
  return length - (families_[static_cast<std::size_t>(modality)] == Family::token ? 2 : 1);
}

MicroBatch empty_batch(std::size_t modalities) {
  MicroBatch batch;
  batch.inputs.resize(modalities);
  batch.lengths.resize(modalities);
  return batch;
}

MicroBatch join(std::vector<MicroBatch> const& parts) {
  MicroBatch batch = empty_batch(parts.at(0).inputs.size());
  for (MicroBatch const& part : parts) append(batch, part);
  return batch;
}

}  // namespace accord::io
