// `accord checkpoint merge`: two stages that share what the second did not train become one model.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <set>

#include "app/checkpoint/branch.hpp"
#include "app/checkpoint/commands.hpp"
#include "app/config/stored.hpp"
#include "core/base/error.hpp"
#include "core/model/model.hpp"
#include "io/checkpoint/read.hpp"
#include "io/file/output.hpp"

namespace accord::app {
namespace {

struct MergeOptions {
  std::filesystem::path stage1, stage2, out;
};

/// What ties the modalities of two stages together: all that both have, but for the decoder and the
/// temperature, which the second stage trains on.
std::set<std::string> bond_of(ModelConfig const& without_decoder) {
  std::set<std::string> names;
  for (ParameterSpec const& spec : Model::describe(without_decoder))
    if (spec.part.kind != ParameterPart::Kind::temperature) names.insert(spec.name);
  return names;
}

/// The second stage's configuration with the modalities that only the first has, in the order of
/// the first; and its objectives behind, with its decoder if the second has none.
Config merged_config(Config const& stage1, Config const& stage2) {
  Config merged = stage2;
  std::vector<ModalityConfig>& modalities = merged.model.modalities;
  modalities = stage1.model.modalities;
  for (ModalityConfig const& modality : stage2.model.modalities)
    if (find_modality(stage1.model, modality.name) == Modality::none)
      modalities.push_back(modality);
  merged.model.objectives.clear();
  for (Config const* source : {&stage1, &stage2})
    for (ObjectiveConfig objective : source->model.objectives) {
      auto const renumber = [&](Modality m) {
        return m == Modality::none
                   ? m
                   : find_modality(merged.model, source->model.modalities[m.index()].name);
      };
      objective.modality = renumber(objective.modality);
      for (Modality& m : objective.student) m = renumber(m);
      for (Modality& m : objective.teacher) m = renumber(m);
      std::erase_if(merged.model.objectives,
                    [&](ObjectiveConfig const& o) { return o.name == objective.name; });
      merged.model.objectives.push_back(std::move(objective));
    }
  if (!has_objective(stage2.model, &ObjectiveFamily::decodes))
    merged.model.decoder = stage1.model.decoder;
  return merged;
}

/// \throws DataError naming the tensor unless both hold the same bits
void require_equal(io::OpenCheckpoint const& a, io::StoredTensor const* left,
                   io::OpenCheckpoint const& b, io::StoredTensor const* right) {
  constexpr Index piece = 4 << 20;  // elements held at a time
  auto const refuse = [&](std::string const& what) {
    throw DataError(fmt::format(
        "{} {} between {} and {}: the second stage did not start from the first, or trained what "
        "both share; nothing was written",
        left->info.name, what, a.folder.string(), b.folder.string()));
  };
  if (!(left->info.shape == right->info.shape) || left->info.dtype != right->info.dtype)
    refuse("differs in shape or type");
  io::TensorValues const values[] = {io::stored_values(a, {left}), io::stored_values(b, {right})};
  std::vector<std::byte> bytes[2];
  for (Index begin = 0; begin < left->info.shape.size(); begin += piece) {
    auto const count = static_cast<std::size_t>(std::min(piece, left->info.shape.size() - begin));
    for (int side : {0, 1}) {
      bytes[side].resize(count * size_of(left->info.dtype));
      values[side](0, begin, bytes[side]);
    }
    if (bytes[0] != bytes[1]) refuse("differs");
  }
}

int merge(MergeOptions const& options) {
  io::require_writable_folder(options.out, "--out");
  auto const warn = [](std::string const& text) { std::cerr << text << std::endl; };
  io::OpenCheckpoint const stage1 = io::open_or_find(options.stage1, warn),
                           stage2 = io::open_or_find(options.stage2, warn);
  Config config = merged_config(whole_config(stage1), whole_config(stage2));
  Config const without_decoder =
      branch_of(config, all_modalities(config.model), DecoderPart::without);
  std::set<std::string> const bond = bond_of(without_decoder.model);
  if (std::string const part = missing_of_decoder(config, {&stage1, &stage2}); !part.empty()) {
    warn(fmt::format(
        "the result has no decoder, which has parts for each modality: neither holds {}", part));
    config = without_decoder;
  }

  std::map<std::string, io::StoredTensor const*> first, second;
  for (io::StoredTensor const& tensor : stage1.manifest.tensors)
    first.emplace(tensor.info.path(), &tensor);
  for (io::StoredTensor const& tensor : stage2.manifest.tensors)
    second.emplace(tensor.info.path(), &tensor);
  std::vector<io::TensorInfo> infos = weight_infos(Model::describe(config.model), DType::float32);
  struct Source {
    io::OpenCheckpoint const* checkpoint;
    io::StoredTensor const* tensor;
  };
  std::vector<Source> sources;
  std::vector<std::pair<io::StoredTensor const*, io::StoredTensor const*>> shared;
  for (io::TensorInfo& info : infos) {
    auto const a = first.find(info.path()), b = second.find(info.path());
    if (a == first.end() && b == second.end())
      throw DataError(fmt::format("neither {} nor {} holds {}", stage1.folder.string(),
                                  stage2.folder.string(), info.name));
    if (a != first.end() && b != second.end() && bond.contains(info.name))
      shared.emplace_back(a->second, b->second);
    sources.push_back(b != second.end() ? Source{&stage2, b->second} : Source{&stage1, a->second});
    if (!(sources.back().tensor->info.shape == info.shape))
      throw DataError(fmt::format("{} has shape {}, the merged model {}", info.name,
                                  to_string(sources.back().tensor->info.shape),
                                  to_string(info.shape)));
    info.dtype = sources.back().tensor->info.dtype;
  }
  if (shared.empty()) throw DataError("the two checkpoints share nothing");
  for (auto const& [a, b] : shared) require_equal(stage1, a, stage2, b);

  io::Documents documents;
  documents.configuration = to_toml(config);
  documents.tokenizer = stage2.manifest.documents.tokenizer;
  if (documents.tokenizer != stage1.manifest.documents.tokenizer)
    throw DataError("the two checkpoints have different vocabularies");
  documents.run.made_from =
      fmt::format("merged from {}, {}", std::filesystem::absolute(stage1.folder).string(),
                  std::filesystem::absolute(stage2.folder).string());
  auto const folder =
      write_weights(options.out, stage2.manifest.step, infos, std::move(documents),
                    [&](std::size_t i, Index begin, std::span<std::byte> out) {
                      io::stored_values(*sources[i].checkpoint, {sources[i].tensor})(0, begin, out);
                    });
  std::cout << fmt::format("{} shared tensors are bit-identical\n{}\n{}\n", shared.size(),
                           weights_text(infos), folder.string());
  return 0;
}

}  // namespace

void add_checkpoint_merge(CLI::App& group, Run& run) {
  auto options = std::make_shared<MergeOptions>();
  CLI::App* command =
      group.add_subcommand("merge", "Join two stages into a model of all their modalities");
  command->add_option("--stage1", options->stage1, "Checkpoint that the second stage started from")
      ->type_name("DIR")
      ->required();
  command->add_option("--stage2", options->stage2, "Checkpoint of the second stage")
      ->type_name("DIR")
      ->required();
  command->add_option("--out", options->out, "Folder that gets the joined checkpoint")
      ->type_name("DIR")
      ->required();
  command->footer(
      "Takes from the first what only the first has, and everything else from the second. Refused "
      "unless every\n"
      "tensor that both have is bit-identical, but for the decoder and logit_scale, which the "
      "second stage trains\n"
      "on. The result holds weights alone, and a decoder only if the two have its parts for every "
      "modality.");
  command->callback([options, &run] { run = [options] { return merge(*options); }; });
}

}  // namespace accord::app
