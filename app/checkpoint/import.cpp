// `accord checkpoint import`: weights of another program become a checkpoint.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "app/checkpoint/branch.hpp"
#include "app/checkpoint/choose_tensors.hpp"
#include "app/checkpoint/commands.hpp"
#include "app/cli/options.hpp"
#include "core/base/error.hpp"
#include "core/model/model.hpp"
#include "io/file/list_some.hpp"
#include "io/file/output.hpp"
#include "io/interchange/tensor_file.hpp"

namespace accord::app {
namespace {

struct ImportOptions {
  std::filesystem::path from, config, out;
  std::vector<std::string> overrides, allow_missing, allow_unknown;
  TensorChoice choice;
};

using ByName = std::map<std::string, io::FileTensor const*>;

/// A file that holds nothing of the decoder is meant for a model without one.
Config config_for(Config const& config, ByName const& file) {
  if (config.model.decoder.layers == 0) return config;
  Config without = branch_of(config, all_modalities(config.model), DecoderPart::without);
  std::map<std::string, bool> outside;
  for (ParameterSpec const& spec : Model::describe(without.model)) outside[spec.name] = true;
  for (ParameterSpec const& spec : Model::describe(config.model))
    if (!outside.contains(spec.name) && file.contains(spec.name)) return config;
  std::cout << "the file holds no decoder: imported without\n";
  return without;
}

/// Buffers follow from the configuration, and so say whether it is that of the file.
void check_buffer(io::TensorFile const& file, io::FileTensor const& tensor, Buffer const& own) {
  auto const refuse = [&](std::string const& what) {
    throw DataError(fmt::format("{}: {}: {}; the file belongs to a model of another configuration",
                                file.path().string(), tensor.name, what));
  };
  bool const whole = own.dtype == DType::int64;
  if (!tensor.unreadable.empty()) refuse(tensor.unreadable);
  if (whole != (tensor.encoding == io::Encoding::int64) ||
      (!whole && !is_floating(tensor.encoding)))
    refuse(fmt::format("is {}, here {}", names_of(tensor.encoding).name, name_of(own.dtype)));
  if (!(tensor.shape == own.shape))
    refuse(fmt::format("has shape {}, here {}", to_string(tensor.shape), to_string(own.shape)));
  std::vector<double> const values = file.read_numbers(tensor);
  for (std::size_t i = 0; i < values.size(); ++i)
    if (values[i] != own.values[i])
      refuse(fmt::format("element {} is {}, here {}", i, values[i], own.values[i]));
}

/// " below 'state_dict' without 'module.' before names": where in a file its weights were found.
std::string place_of(ChosenTensors const& chosen) {
  std::string text;
  if (!chosen.key.empty()) text += fmt::format(" below '{}'", chosen.key);
  if (!chosen.prefix.empty()) text += fmt::format(" without '{}' before names", chosen.prefix);
  return text;
}

std::set<std::string> names_in(ModelConfig const& model) {
  std::set<std::string> names;
  for (ParameterSpec const& spec : Model::describe(model)) names.insert(spec.name);
  for (Buffer const& buffer : official_buffers(model)) names.insert(buffer.name);
  return names;
}

/// The file's tensors for the model's parameters, in the model's order.
struct Selection {
  std::vector<io::TensorInfo> infos;
  std::vector<io::FileTensor const*> tensors;
};

/// "w (dtype U64)", "w (no values)": what there is to say of a tensor that nobody asked for.
std::string described(std::string const& name, io::FileTensor const& tensor) {
  if (!tensor.unreadable.empty()) return fmt::format("{} ({})", name, tensor.unreadable);
  return tensor.shape.size() == 0 ? name + " (no values)" : name;
}

/// \throws DataError listing all that does not fit
Selection select(io::TensorFile const& file, ChosenTensors chosen, ModelConfig const& model,
                 ImportOptions const& options) {
  Selection selection;
  ByName& by_name = chosen.by_name;
  std::vector<std::string> missing, unknown, reshaped, not_numbers;
  for (ParameterSpec const& spec : Model::describe(model)) {
    auto const found = by_name.extract(spec.name);
    if (found.empty()) {
      if (!begins_with_one_of(spec.name, options.allow_missing)) missing.push_back(spec.name);
      continue;
    }
    io::FileTensor const& tensor = *found.mapped();
    if (!tensor.unreadable.empty())
      not_numbers.push_back(described(spec.name, tensor));
    else if (!(tensor.shape == spec.shape))
      reshaped.push_back(
          fmt::format("{} {}, here {}", spec.name, to_string(tensor.shape), to_string(spec.shape)));
    else if (!is_floating(tensor.encoding))
      not_numbers.push_back(fmt::format("{} ({})", spec.name, names_of(tensor.encoding).name));
    else
      selection.infos.push_back({"weight", spec.name, spec.shape, exact_dtype(tensor.encoding)});
    selection.tensors.push_back(&tensor);
  }
  for (Buffer const& buffer : official_buffers(model))
    if (auto const found = by_name.extract(buffer.name); !found.empty())
      check_buffer(file, *found.mapped(), buffer);
  for (auto const& [name, tensor] : by_name)
    if (!begins_with_one_of(name, options.allow_unknown))
      unknown.push_back(described(name, *tensor));

  constexpr std::size_t most_names = 10;
  std::size_t const kinds =
      !missing.empty() + !unknown.empty() + !reshaped.empty() + !not_numbers.empty();
  std::string problems;
  auto const add = [&](std::string const& what, std::vector<std::string> const& names) {
    if (!names.empty())
      problems += fmt::format("; {} {}", what, io::list_some(names, most_names / kinds));
  };
  add("it lacks", missing);
  add("it holds what is unknown here:", unknown);
  add("shapes differ:", reshaped);
  add("expected floating-point numbers in", not_numbers);
  if (!problems.empty())
    throw DataError(fmt::format(
        "{}{}: the file does not fit the model of {}{}. Give the configuration it was made with; "
        "--allow-missing and --allow-unknown let names pass that begin as they say, --key and "
        "--strip-prefix choose among several models and names",
        file.path().string(), place_of(chosen), options.config.string(), problems));
  if (selection.infos.empty())
    throw DataError(fmt::format("{}: holds nothing of the model", file.path().string()));
  return selection;
}

int import_checkpoint(ImportOptions const& options) {
  io::require_writable_folder(options.out, "--out");
  Config config = load_config(options.config, options.overrides);
  auto const tokenizer = io::Tokenizer::load(config.data.tokenizer);
  use_vocabulary(config, tokenizer->vocabulary());
  io::TensorFile file = io::TensorFile::open(options.from);
  ChosenTensors chosen = choose_tensors(file, names_in(config.model), options.choice);
  if (!chosen.prefix.empty() || (!chosen.key.empty() && chosen.key != "model"))
    std::cout << fmt::format("weights{}\n", place_of(chosen));
  if (!chosen.others.empty())
    std::cout << fmt::format("the file holds others below {}: --key takes them\n", chosen.others);
  config = config_for(config, chosen.by_name);
  Selection const selection = select(file, std::move(chosen), config.model, options);
  with_byte_progress(file.bytes_to_check(), [&](auto const& show) { file.check(show); });

  io::Documents documents;
  documents.configuration = to_toml(config);
  documents.tokenizer = tokenizer->files();
  documents.run.made_from =
      fmt::format("imported from {}", std::filesystem::absolute(options.from).string());
  auto const folder = write_weights(
      options.out, 0, selection.infos, std::move(documents),
      [&](std::size_t i, Index begin, std::span<std::byte> out) {
        auto const count = static_cast<Index>(out.size() / size_of(selection.infos[i].dtype));
        file.read(*selection.tensors[i], begin, count, out.data());
      });
  std::cout << fmt::format("{}\n{}\n", weights_text(selection.infos), folder.string());
  return 0;
}

}  // namespace

void add_checkpoint_import(CLI::App& group, Run& run) {
  auto options = std::make_shared<ImportOptions>();
  CLI::App* command = group.add_subcommand(
      "import", "Make a checkpoint of the weights in a .pt or safetensors file");
  command->add_option("--from", options->from, "File to read: of torch.save, or safetensors")
      ->type_name("FILE")
      ->required();
  command->add_option("--config", options->config, "Configuration of the model (TOML)")
      ->type_name("FILE")
      ->required();
  add_override_option(*command, options->overrides);
  command->add_option("--out", options->out, "Folder of checkpoints that gets step-00000000")
      ->type_name("DIR")
      ->required();
  command
      ->add_option("--allow-missing", options->allow_missing,
                   "Leave out parameters whose names begin so when the file has none of that name")
      ->type_name("PREFIX")
      ->allow_extra_args(false);
  command
      ->add_option("--allow-unknown", options->allow_unknown,
                   "Pass over tensors of the file whose names begin so and which the model has not")
      ->type_name("PREFIX")
      ->allow_extra_args(false);
  command
      ->add_option("--key", options->choice.key,
                   "Dictionary of the file that holds the weights, as state_dict or ema.module; "
                   "without it the first with most of the model's names")
      ->type_name("KEY");
  command
      ->add_option("--strip-prefix", options->choice.prefix,
                   "Take this from the front of names, as module.; without it what most of the "
                   "model's names have before them")
      ->type_name("PREFIX");
  command->footer(
      "Names and shapes must be those of the official code. float16 and bfloat16 become float32, "
      "float64 stays;\n"
      "every value is exact. Nothing in a .pt file is run: it may hold tensors and plain values, "
      "anything else is\n"
      "refused. Buffers (rp_bucket, position_idx, version) are compared with the model's and left "
      "out. A file\n"
      "without decoder becomes a checkpoint without one. The result serves eval, embed, export and "
      "train.init_from.");
  command->callback([options, &run] { run = [options] { return import_checkpoint(*options); }; });
}

}  // namespace accord::app
