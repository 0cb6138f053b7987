// What Training takes from checkpoints and puts into them.

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <utility>

#include "app/cli/build_info.hpp"
#include "app/config/compare.hpp"
#include "app/config/stored.hpp"
#include "app/train/algorithms.hpp"
#include "app/train/bit_conditions.hpp"
#include "app/train/diverged.hpp"
#include "app/train/inheritance.hpp"
#include "app/train/inherited_tables.hpp"
#include "app/train/training.hpp"
#include "core/base/trace.hpp"
#include "io/checkpoint/collective.hpp"
#include "io/checkpoint/finite.hpp"
#include "io/checkpoint/newest.hpp"
#include "io/checkpoint/save.hpp"

namespace accord::app {

CheckpointTensors Training::checkpoint_tensors(Moments moments) {
  return {queue_, parameters_, model_->parameters(), optimizer(), moments};
}

std::optional<io::OpenCheckpoint> Training::resume(io::Announce const& announce,
                                                   std::vector<std::string> const& allowed,
                                                   io::Retention* retention) {
  CheckpointTensors tensors = checkpoint_tensors(Moments::with);
  io::LoadOptions options;
  options.announce = announce;
  // The configuration first: with another model the tensors would not fit, and say less about why.
  std::vector<KeyChange> changes;
  options.check = [&](io::OpenCheckpoint const& found) {
    changes =
        require_resumable(found.manifest.documents.configuration, config_, found.folder, allowed);
  };
  if (retention)
    options.unusable = [&](std::filesystem::path const& folder) { retention->is_damaged(folder); };
  std::optional<io::OpenCheckpoint> checkpoint =
      io::load_newest(world_, queue_, config_.checkpoint.directory, tensors.infos(),
                      tensors.pieces(parallel::Copies::all), options);
  if (!checkpoint) return std::nullopt;
  tensors.finish_load();
  optimizer().spread_loaded(queue_);
  io::Manifest const& manifest = checkpoint->manifest;
  if (auto const saved = io::Tokenizer::load_from(manifest.documents.tokenizer);
      saved->hash() != tokenizer_->hash())
    throw UsageError(fmt::format(
        "data.tokenizer = \"{}\" is not the vocabulary {} was trained with; give that one, "
        "or another checkpoint.directory to start anew",
        config_.data.tokenizer, checkpoint->folder.string()));
  optimizer().set_completed(manifest.step);
  data_start_ = io::order_state_from_json(manifest.documents.loader);
  io::RunState const& run = manifest.documents.run;
  skipped_before_ = run.skipped_samples;
  skips_taken_ = 0;
  run_id_ = run.id;
  history_ = run.history;
  for (KeyChange const& change : changes) {
    history_.push_back({manifest.step, change.key, change.before, change.after});
    if (announce) announce(fmt::format("changed on request: {}", to_string(change)));
  }
  if (retention && world_.rank() == 0) retention->is_good(checkpoint->folder);
  if (world_.rank() == 0) carried_ = io::carried_by(*checkpoint);
  if (carried_) carried_configuration_ = run.carried_configuration;
  Config const saved = stored_config(*checkpoint);
  if (saved.train.epochs == config_.train.epochs) total_steps_before_ = run.total_steps;
  skip_steps_before_ = saved.data.skip_steps;
  return checkpoint;
}

io::OpenCheckpoint Training::initialise_from(std::filesystem::path const& path,
                                             io::Announce const& announce) {
  return io::with_newest(
      path, world_.rank() == 0 ? announce : nullptr,
      [&](auto const& tried) { return io::open_together(world_, queue_, path, announce, tried); },
      [&](io::OpenCheckpoint checkpoint) {
        inherit(checkpoint, announce);
        return checkpoint;
      });
}

void Training::inherit(io::OpenCheckpoint const& checkpoint, io::Announce const& announce) {
  CheckpointTensors tensors = checkpoint_tensors(Moments::without);
  std::vector<io::TensorInfo> const used = tensors.infos();
  std::vector<std::string> source;
  for (io::StoredTensor const& stored : checkpoint.manifest.tensors)
    if (stored.info.kind == "weight") source.push_back(stored.info.name);
  std::vector<Inherited> const tables =
      inherited_tensors(parameters_, config_.model, checkpoint.manifest);
  auto const is_inherited = [&](std::string const& name) {
    return std::any_of(tables.begin(), tables.end(),
                       [&](Inherited const& table) { return table.parameter.name == name; });
  };
  Inheritance parts = inheritance_of(parameters_, source);
  std::erase_if(parts.missing, is_inherited);
  // A head that tells other classes apart starts afresh.
  for (io::StoredTensor const& stored : checkpoint.manifest.tensors)
    for (ParameterSpec const& parameter : parameters_)
      if (stored.info.kind == "weight" && stored.info.name == parameter.name &&
          parameter.part.kind == ParameterPart::Kind::class_head &&
          stored.info.shape != parameter.shape)
        parts.fresh.push_back(parameter.name);
  if (!parts.missing.empty())
    throw DataError(fmt::format(
        "train.init_from: {} has no {}, though it has the parts these belong to: it is of another "
        "model; take its [model] and [[modality]] keys (`accord checkpoint inspect` shows them)",
        checkpoint.folder.string(), shortened(parts.missing)));
  if (world_.rank() == 0 && announce) {
    std::string const folder = checkpoint.folder.string();
    if (!parts.fresh.empty())
      announce(fmt::format("{}: has no {}: {} tensors of new parts start afresh", folder,
                           shortened(parts.fresh), parts.fresh.size()));
    if (!parts.unused.empty())
      announce(fmt::format("{}: {} tensors have no use here: {}", folder, parts.unused.size(),
                           shortened(parts.unused)));
  }
  std::set<std::string> anew(parts.fresh.begin(), parts.fresh.end());
  for (ParameterSpec const& parameter : parameters_)
    if (parameter.part.kind == ParameterPart::Kind::temperature) anew.insert(parameter.name);
  tensors.keep_only([&](io::TensorInfo const& info) {
    return !anew.contains(info.name) && !is_inherited(info.name);
  });
  io::LoadOptions options;
  options.unlisted = io::Unlisted::skip;
  options.announce = announce;
  io::load_tensors(world_, queue_, checkpoint, tensors.infos(),
                   tensors.pieces(parallel::Copies::all), options);
  tensors.finish_load();
  if (!tables.empty())
    load_inherited(world_, queue_, checkpoint, tables, model_->parameters(), optimizer(), options);
  optimizer().spread_loaded(queue_);
  io::together(world_, queue_, [&] {
    if (world_.rank() != 0) return;
    carried_ = io::carry(checkpoint, used, config_.checkpoint.directory);
    carried_configuration_ = to_toml(whole_config(checkpoint));
  });
}

io::RunState Training::run_state() {
  return {.id = run_id_,
          .build = build_description(),
          .conditions = bit_conditions(queue_, mesh_),
          .total_steps = total_steps(),
          .skipped_samples = skipped_samples(),
          .carried_configuration = carried_ ? carried_configuration_ : "",
          .history = history_};
}

void Training::require_finite(std::vector<io::TensorInfo> const& infos,
                              std::vector<io::ConstPiece> const& pieces) {
  try {
    io::together(world_, queue_, [&] {
      for (io::ConstPiece const& piece : pieces) {
        io::TensorInfo const& info = infos[static_cast<std::size_t>(piece.tensor)];
        std::optional<Index> const at = io::first_not_finite(
            info.dtype, {static_cast<std::byte const*>(piece.data),
                         static_cast<std::size_t>(piece.count) * size_of(info.dtype)});
        if (at)
          throw Error(
              fmt::format("step {}: element {} of {} is not a finite number, and no "
                          "checkpoint is saved; {}",
                          completed(), piece.begin + *at, info.path(), divergence_advice));
      }
    });
  } catch (Error const& error) {
    throw Diverged(error.what(), completed());
  }
}

std::filesystem::path Training::save(io::Announce const& announce, io::Retention* retention) {
  TraceSpan const span(queue_, Activity::storage, "checkpoint");
  CheckpointTensors tensors = checkpoint_tensors(Moments::with);
  io::Documents documents;
  documents.configuration = to_toml(config_);
  if (loader_) documents.loader = io::to_json(loader_->state());  // rank 0's count
  documents.algorithms = algorithms_document(queue_);
  documents.tokenizer = tokenizer_->files();
  documents.run = run_state();
  io::SaveOptions options;
  options.files = static_cast<int>(config_.checkpoint.files);
  options.keep = config_.checkpoint.keep > 0 ? config_.checkpoint.keep : io::keep_all;
  options.retention = retention;
  options.announce = announce;
  if (carried_) options.carried = &*carried_;
  std::vector<io::ConstPiece> pieces = tensors.pieces_to_save(queue_, *groups_.tensor);
  require_finite(tensors.infos(), pieces);
  std::filesystem::path folder = io::save_checkpoint(
      world_, queue_, config_.checkpoint.directory, completed(), tensors.infos(), std::move(pieces),
      std::move(documents), std::move(options));
  if (carried_) {  // the checkpoint holds the file from now on
    std::filesystem::path const before = std::exchange(carried_->path, folder / io::carried_name);
    std::error_code ignored;
    if (before == std::filesystem::path(config_.checkpoint.directory) / io::carried_name)
      std::filesystem::remove(before, ignored);
  }
  return folder;
}

}  // namespace accord::app
