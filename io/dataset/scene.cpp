#include "io/dataset/scene.hpp"

#include <fmt/format.h>

#include "core/base/check.hpp"

namespace accord::io {
namespace {

constexpr Index objects = 96;

SceneObject object(Index number) {
  return {static_cast<int>(number / 48), static_cast<int>(number / 6 % 8),
          static_cast<int>(number % 6)};
}

std::string name_of(SceneObject const& o) {
  return fmt::format("a {} {} {}", object_sizes[static_cast<std::size_t>(o.size)],
                     object_colours[static_cast<std::size_t>(o.colour)],
                     object_shapes[static_cast<std::size_t>(o.shape)]);
}

}  // namespace

std::string Scene::caption() const {
  return fmt::format("{} {} {}", name_of(first),
                     object_relations[static_cast<std::size_t>(relation)], name_of(second));
}

int Scene::class_number() const {
  SceneObject const& object = relation % 2 == 0 ? first : second;  // above, left of
  return object.colour * static_cast<int>(object_shapes.size()) + object.shape;
}

std::vector<std::string> scene_classes() {
  std::vector<std::string> classes;
  for (std::string_view const colour : object_colours)
    for (std::string_view const shape : object_shapes)
      classes.push_back(fmt::format("{} {}", colour, shape));
  return classes;
}

Scene scene(Index number) {
  ACCORD_CHECK(number >= 0 && number < scene_count, "scene {} of {}", number, scene_count);
  Index const first = number / (4 * (objects - 1));
  Index const other = number % (objects - 1);
  return {object(first), object(other < first ? other : other + 1),
          static_cast<int>(number / (objects - 1) % 4)};
}

}  // namespace accord::io
