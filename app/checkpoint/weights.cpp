#include <fmt/format.h>

#include <iostream>
#include <limits>
#include <set>

#include "app/checkpoint/branch.hpp"
#include "app/checkpoint/commands.hpp"
#include "app/cli/build_info.hpp"
#include "core/base/error.hpp"
#include "core/comm/self_communicator.hpp"
#include "core/model/model.hpp"
#include "io/checkpoint/save.hpp"
#include "io/file/leased_folder.hpp"

namespace accord::app {

std::vector<io::TensorInfo> weight_infos(std::vector<ParameterSpec> const& parameters,
                                         DType dtype) {
  std::vector<io::TensorInfo> infos;
  for (ParameterSpec const& spec : parameters)
    infos.push_back({"weight", spec.name, spec.shape, dtype});
  return infos;
}

std::string missing_of_decoder(Config const& config,
                               std::vector<io::OpenCheckpoint const*> const& checkpoints) {
  std::set<std::string> known;
  Config const rest = branch_of(config, all_modalities(config.model), DecoderPart::without);
  for (ParameterSpec const& spec : Model::describe(rest.model)) known.insert(spec.name);
  for (io::OpenCheckpoint const* checkpoint : checkpoints)
    for (io::StoredTensor const& tensor : checkpoint->manifest.tensors)
      known.insert(tensor.info.name);
  for (ParameterSpec const& spec : Model::describe(config.model))
    if (!known.contains(spec.name)) return spec.name;
  return "";
}

std::filesystem::path write_weights(std::filesystem::path const& directory, Index step,
                                    std::vector<io::TensorInfo> infos, io::Documents documents,
                                    io::TensorValues const& values) {
  io::LeasedFolder const held(directory, {}, "--out", "accord checkpoint",
                              [](std::string const& text) { std::cerr << text << std::endl; });
  if (std::error_code error; std::filesystem::exists(io::step_folder(directory, step), error))
    throw UsageError(fmt::format("{} is there already; give another folder as --out",
                                 io::step_folder(directory, step).string()));
  documents.run.build = build_description();
  std::vector<io::ConstPiece> pieces;
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < infos.size(); ++i) {
    pieces.push_back({static_cast<int>(i), 0, infos[i].shape.size(), nullptr});
    total += static_cast<std::uint64_t>(infos[i].shape.size()) * size_of(infos[i].dtype);
  }
  SelfCommunicator alone;
  Queue queue(Backend::cpu);
  io::SaveOptions options;
  options.keep = io::keep_all;  // what else is there is not ours to remove
  io::CheckpointSave save(alone, queue, directory, step, std::move(infos), std::move(pieces),
                          std::move(documents), std::move(options));
  with_byte_progress(total, [&](auto const& show) {
    std::uint64_t done = 0;
    save.write([&](std::size_t tensor, Index begin, std::span<std::byte> out) {
      values(tensor, begin, out);
      show(done += out.size());
    });
  });
  return save.commit(alone, queue);
}

std::string weights_text(std::vector<io::TensorInfo> const& infos) {
  Index parameters = 0;
  for (io::TensorInfo const& info : infos) parameters += info.shape.size();
  return fmt::format("{} tensors, {} parameters", infos.size(), parameters);
}

}  // namespace accord::app
