// Pictures to pixels of the model's size: resized whole, cut out, normalised, and the random part.

#include <fmt/format.h>

#include <array>

#include "app/verify/cases.hpp"
#include "app/verify/sampling.hpp"
#include "core/ops/patches.hpp"
#include "io/file/integer_text.hpp"
#include "io/media/crop.hpp"
#include "io/media/resize.hpp"

namespace accord::app {
namespace {

constexpr std::uint32_t crop_seed = 3407;

// Normalisation is the patch op's: the picture as one window of one patch is planar.
std::vector<double> normalised(Queue& queue, Reference const& reference,
                               std::vector<std::uint8_t> const& pixels, Index size) {
  PatchLayout layout{.size = size, .patch = size, .kernel = size};
  for (std::size_t c = 0; c < 3 && reference.has("/mean"); ++c) {
    layout.mean[c] = reference.number(fmt::format("/mean/{}", c));
    layout.deviation[c] = reference.number(fmt::format("/std/{}", c));
  }
  Tensor planar(queue, reference.dtype(), {1, 3 * size * size});
  patchify(queue,
           Tensor::from_host(queue, std::span<std::uint8_t const>(pixels), {1, size * size * 3}),
           layout, planar);
  return as_doubles(queue, planar);
}

// outputs/<group>/resized_<suffix>, and tensor_<suffix> where it was recorded. A whole picture's
// suffix is the picture's; that of a box is <picture>_<number>.
void compare_pictures(Queue& queue, Reference& reference, std::string const& group) {
  io::Hdf5Reader const& file = reference.file();
  io::ResizeWorkspace workspace;
  bool const cut = group.starts_with("crop");
  for (std::string const& name : file.members("outputs/" + group)) {
    if (!name.starts_with("resized_")) continue;
    std::string const suffix = name.substr(std::string("resized_").size());
    std::string const picture = cut ? suffix.substr(0, suffix.rfind('_')) : suffix;
    std::string const input = "inputs/image_" + picture;
    auto const source = file.read<std::uint8_t>(input);
    std::vector<Index> const shape = reference.shape(input);
    io::Box box{0, 0, shape[1], shape[0]};
    if (cut) {  // top, left, height, width
      auto const boxes = file.read<std::int32_t>("inputs/boxes_" + picture);
      std::size_t const at = 4 * io::integer_in<std::size_t>(suffix.substr(suffix.rfind('_') + 1));
      box = {boxes.at(at + 1), boxes.at(at), boxes.at(at + 3), boxes.at(at + 2)};
    }
    std::string const resized = "outputs/" + group + "/" + name;
    std::vector<Index> const to = reference.shape(resized);  // [height, width, 3]
    std::vector<std::uint8_t> pixels(static_cast<std::size_t>(to[0] * to[1] * 3));
    io::resize_bicubic({source.data(), shape[1], shape[0]}, box, static_cast<int>(to[1]),
                       static_cast<int>(to[0]), pixels.data(), workspace);
    reference.compare(resized, {pixels.begin(), pixels.end()}, {});
    std::string const tensor = "outputs/" + group + "/tensor_" + suffix;
    if (file.exists(tensor))
      reference.compare(tensor, normalised(queue, reference, pixels, to[0]), {.absolute = 1e-5});
  }
}

// Random parts are compared as distributions.
void compare_random_parts(Reference& reference) {
  std::string const statistics = "outputs/random_crop_stats";
  auto attribute = [&](std::string const& name) {
    return reference.file().attribute<double>(statistics, name);
  };
  auto const width = static_cast<Index>(attribute("width")),
             height = static_cast<Index>(attribute("height"));
  Draws const draws(crop_seed, Purpose::crop);
  double const n = 20000;
  std::array<double, 4> sums{};
  for (std::uint64_t position = 0; position < static_cast<std::uint64_t>(n); ++position) {
    io::Box const box = io::random_resized_box(
        width, height, {.kind = io::CropSpec::Kind::random_resized}, draws, position);
    sums[0] += static_cast<double>(box.width * box.height) / static_cast<double>(width * height);
    sums[1] += static_cast<double>(box.width) / static_cast<double>(box.height);
    sums[2] += static_cast<double>(box.left);
    sums[3] += static_cast<double>(box.top);
  }
  char const* const names[] = {"area", "aspect", "left", "top"};
  for (std::size_t k = 0; k < 4; ++k) {
    std::string const name = names[k];
    expect_mean(reference, statistics + " " + name + " mean", sums[k] / n, n,
                attribute(name + "_mean"), attribute(name + "_std"), attribute("draws"));
  }
}

}  // namespace

void verify_transform_image(Queue& queue, Reference& reference) {
  for (std::string const& group : reference.file().members("outputs"))
    if (group == "random_crop_stats")
      compare_random_parts(reference);
    else
      compare_pictures(queue, reference, group);
}

}  // namespace accord::app
