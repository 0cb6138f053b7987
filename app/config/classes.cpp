#include "app/config/classes.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/error.hpp"
#include "core/model/objective.hpp"
#include "io/shard/dataset_index.hpp"
#include "io/text/lines.hpp"
#include "io/text/plain_text.hpp"

namespace accord::app {

void use_classes(Config& config) {
  int const o = find_objective(config.model, &ObjectiveFamily::labelled);
  if (o < 0) return;
  ObjectiveConfig& objective = config.model.objectives[static_cast<std::size_t>(o)];
  for (DataSource const& source : training_sources(config.data)) {
    std::vector<std::string> const names = io::read_index(source.path).classes;
    if (objective.class_names.empty()) objective.class_names = names;
    if (!names.empty() && names != objective.class_names)
      throw UsageError(fmt::format(
          "{}: its {} classes are not the {} that objective.{}.class_names lists; use data with "
          "the same classes in the same order, or leave the key out",
          source.path, names.size(), objective.class_names.size(), objective.name));
  }
  auto const named = static_cast<Index>(objective.class_names.size());
  if (objective.classes == 0) objective.classes = named;
  if (objective.classes == 0)
    throw UsageError(fmt::format(
        "objective.{}.classes is not set, and the data number their classes without naming them; "
        "say how many there are",
        objective.name));
  if (named > 0 && named != objective.classes)
    throw UsageError(fmt::format("objective.{}.classes = {}, but the data name {}", objective.name,
                                 objective.classes, named));
}

std::vector<std::string> class_names(io::Dataset const& dataset, std::string const& file) {
  std::vector<std::string> const& own = dataset.index().classes;
  if (file.empty()) {
    if (own.empty())
      throw DataError(
          fmt::format("{}: its classes have no names; give them with --classes FILE, one per line",
                      dataset.path().string()));
    return own;
  }
  std::vector<std::string> names = read_lines(file);
  if (!own.empty() && names.size() != own.size())
    throw DataError(fmt::format("{}: {} names for {} classes", file, names.size(), own.size()));
  return names;
}

std::vector<std::string> read_lines(std::filesystem::path const& file) {
  std::vector<std::string> lines;
  io::for_each_line(io::read_text_file(file), [&](Index, std::string_view line) {
    if (!line.empty()) lines.emplace_back(line);
  });
  if (lines.empty()) throw DataError(fmt::format("{}: holds no line", file.string()));
  return lines;
}

Labels labels_of(io::Dataset const& dataset, Index classes) {
  io::LabelKind const kind = dataset.index().label;
  if (kind == io::LabelKind::none)
    throw DataError(
        fmt::format("{}: has no labels to compare with; build it with `accord data build --label`",
                    dataset.path().string()));
  Labels labels;
  for (std::size_t k = 0; k < dataset.index().shards.size(); ++k) {
    auto const shard = dataset.shard(static_cast<Index>(k));
    for (Index i = 0; i < shard->samples(); ++i) {
      auto const of_sample = shard->multi_hot(i);
      bool const known = kind == io::LabelKind::single
                             ? shard->label(i) >= 0 && shard->label(i) < classes
                             : static_cast<Index>(of_sample.size()) == classes;
      if (!known)
        throw DataError(fmt::format("{}: sample '{}' {}, but there are {} classes",
                                    shard->path().string(), shard->key(i),
                                    kind == io::LabelKind::single
                                        ? fmt::format("is of class {}", shard->label(i))
                                        : fmt::format("has labels of {} classes", of_sample.size()),
                                    classes));
      if (kind == io::LabelKind::single)
        labels.single.push_back(shard->label(i));
      else
        labels.multi_hot.insert(labels.multi_hot.end(), of_sample.begin(), of_sample.end());
    }
  }
  return labels;
}

}  // namespace accord::app
