#include "app/train/resume_notes.hpp"

#include <fmt/format.h>

#include <filesystem>

#include "app/cli/text.hpp"

namespace accord::app {
namespace {

void compare(std::vector<std::string>& changes, char const* name, double before, double after) {
  if (before != after) changes.push_back(fmt::format("{} {} -> {}", name, before, after));
}

std::string schedule_note(Config const& saved, io::Manifest const& checkpoint,
                          Schedule const& now) {
  Index const steps = checkpoint.documents.run.total_steps.value_or(saved.train.steps);
  if (steps == 0) return "";  // of a checkpoint that does not say how many its epochs made
  Schedule const before{saved.schedule.learning_rate, saved.schedule.min_learning_rate,
                        saved.schedule.warmup_steps, steps};
  std::vector<std::string> changes;
  compare(changes, "steps", static_cast<double>(before.steps), static_cast<double>(now.steps));
  compare(changes, "learning_rate", before.learning_rate, now.learning_rate);
  compare(changes, "min_learning_rate", before.min_learning_rate, now.min_learning_rate);
  compare(changes, "warmup_steps", static_cast<double>(before.warmup_steps),
          static_cast<double>(now.warmup_steps));
  if (changes.empty()) return "";
  std::string const said =
      fmt::format("the schedule is not the checkpoint's ({})", joined(changes));
  Index const step = checkpoint.step;
  if (step >= now.steps) return fmt::format("{}; no step is left to do", said);
  return fmt::format(
      "{}: step {} has learning rate {:.4g}, where the schedule of before had {:.4g}{}", said,
      step + 1, learning_rate_at(now, step), learning_rate_at(before, step),
      step > 0 ? fmt::format("; step {} had {:.4g}", step, learning_rate_at(before, step - 1))
               : "");
}

std::string init_from_note(Config const& saved, Config const& now) {
  std::string const &began = saved.train.init_from, &given = now.train.init_from;
  auto const normal = [](std::string const& path) {
    std::filesystem::path const plain = std::filesystem::path(path).lexically_normal();
    return plain.has_filename() ? plain : plain.parent_path();
  };
  if (given.empty()) return "";
  std::string const unused = fmt::format(
      "train.init_from = \"{}\" has no effect: the run goes on from a checkpoint of its own",
      given);
  if (normal(began) == normal(given)) return unused;
  return fmt::format(
      "{}, and it began {}; give another checkpoint.directory to start from {}", unused,
      began.empty() ? "without one" : fmt::format("from another one, \"{}\"", began), given);
}

}  // namespace

std::vector<std::string> resume_notes(Config const& saved, io::Manifest const& checkpoint,
                                      Config const& now, Schedule const& schedule) {
  std::vector<std::string> notes;
  for (std::string const& note :
       {schedule_note(saved, checkpoint, schedule), init_from_note(saved, now)})
    if (!note.empty()) notes.push_back(note);
  return notes;
}

}  // namespace accord::app
