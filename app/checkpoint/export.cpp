// `accord checkpoint export`: the weights of a checkpoint, or of a part of its model, for other
// programs or as a checkpoint that stands on its own.

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstring>
#include <map>
#include <memory>

#include "app/checkpoint/branch.hpp"
#include "app/checkpoint/commands.hpp"
#include "app/cli/build_info.hpp"
#include "app/config/stored.hpp"
#include "core/base/error.hpp"
#include "core/model/model.hpp"
#include "io/checkpoint/finite.hpp"
#include "io/checkpoint/newest.hpp"
#include "io/checkpoint/read.hpp"
#include "io/file/output.hpp"
#include "io/interchange/safetensors.hpp"
#include "io/interchange/torch_file.hpp"

namespace accord::app {
namespace {

struct ExportOptions {
  std::filesystem::path checkpoint, out;
  std::vector<std::string> modalities;
  std::string dtype;
  bool without_decoder = false;
};

/// The weights of the branch as they lie in the checkpoint.
struct Weights {
  std::vector<io::TensorInfo> infos;
  std::vector<io::StoredTensor const*> stored;
};

Weights weights_of(io::OpenCheckpoint const& checkpoint, ModelConfig const& model) {
  Weights weights{weight_infos(Model::describe(model), DType::float32), {}};
  weights.stored = io::match_tensors(checkpoint, weights.infos, false);
  for (std::size_t i = 0; i < weights.infos.size(); ++i)
    weights.infos[i].dtype = weights.stored[i]->info.dtype;
  return weights;
}

/// The values of the weights. Where they cannot be read, or are none, `unreadable` becomes true.
io::TensorValues sound_values(io::OpenCheckpoint const& checkpoint, Weights const& weights,
                              bool& unreadable) {
  return [&weights, &unreadable, stored = io::stored_values(checkpoint, weights.stored)](
             std::size_t tensor, Index begin, std::span<std::byte> out) {
    try {
      stored(tensor, begin, out);
      io::TensorInfo const& info = weights.infos[tensor];
      if (auto const at = io::first_not_finite(info.dtype, out))
        throw DataError(
            fmt::format("element {} of {} is not a finite number", begin + *at, info.path()));
    } catch (...) {
      unreadable = true;
      throw;
    }
  };
}

io::Encoding encoding_for(std::string const& dtype, DType stored) {
  if (dtype.empty())
    return stored == DType::float64 ? io::Encoding::float64 : io::Encoding::float32;
  for (io::EncodingNames const& names : io::known_encodings())
    if (names.name == dtype) return names.encoding;
  throw UsageError(fmt::format("--dtype {}: not a type to store weights in", dtype));
}

/// Values of weights, converted, and of the buffers behind them.
class FileContent {
 public:
  FileContent(io::TensorValues const& values, Weights const& weights, std::vector<Buffer> buffers,
              std::string const& dtype)
      : weights_(weights), values_(values), buffers_(std::move(buffers)) {
    for (io::TensorInfo const& info : weights.infos)
      tensors_.push_back({info.name, encoding_for(dtype, info.dtype), info.shape});
    for (Buffer const& buffer : buffers_)
      tensors_.push_back(
          {buffer.name,
           buffer.dtype == DType::int64 ? io::Encoding::int64 : encoding_for(dtype, DType::float32),
           buffer.shape});
  }

  std::vector<io::FileTensor> const& tensors() const { return tensors_; }

  void fill(std::size_t tensor, Index begin, std::span<std::byte> out) const {
    io::Encoding const encoding = tensors_[tensor].encoding;
    auto const count = static_cast<Index>(out.size() / size_of(encoding));
    if (tensor >= weights_.infos.size())
      return fill_buffer(buffers_[tensor - weights_.infos.size()], begin, count, encoding, out);
    DType const dtype = weights_.infos[tensor].dtype;
    std::vector<std::byte> stored(static_cast<std::size_t>(count) * size_of(dtype));
    values_(tensor, begin, stored);
    if (Index const beyond = io::narrow(dtype, stored.data(), count, encoding, out.data());
        beyond > 0)
      throw DataError(fmt::format(
          "{}: {} values are beyond the range of {}; give another --dtype, as in bfloat16",
          tensors_[tensor].name, beyond, names_of(encoding).name));
  }

 private:
  static void fill_buffer(Buffer const& buffer, Index begin, Index count, io::Encoding encoding,
                          std::span<std::byte> out) {
    auto const first = buffer.values.begin() + begin;
    if (encoding == io::Encoding::int64) {
      std::vector<std::int64_t> const wide(first, first + count);
      std::memcpy(out.data(), wide.data(), out.size());
    } else {
      std::vector<float> const numbers(first, first + count);
      io::narrow(DType::float32, reinterpret_cast<std::byte const*>(numbers.data()), count,
                 encoding, out.data());
    }
  }

  Weights const& weights_;
  io::TensorValues values_;
  std::vector<Buffer> buffers_;
  std::vector<io::FileTensor> tensors_;
};

void write_file(io::OpenCheckpoint const& checkpoint, Config const& branch, Weights const& weights,
                io::TensorValues const& values, ExportOptions const& options,
                std::filesystem::path const& target) {
  FileContent const content(values, weights, official_buffers(branch.model), options.dtype);
  std::uint64_t total = 0, done = 0;
  for (io::FileTensor const& tensor : content.tensors()) total += tensor.bytes();
  with_byte_progress(total, [&](auto const& show) {
    auto const encoded = [&](std::size_t tensor, Index begin, std::span<std::byte> out) {
      content.fill(tensor, begin, out);
      show(done += out.size());
    };
    if (options.out.extension() == ".pt")
      io::write_torch(target, content.tensors(), encoded);
    else
      io::write_safetensors(target, content.tensors(),
                            {{"format", "pt"},
                             {"producer", "accord " + version()},
                             {"step", std::to_string(checkpoint.manifest.step)}},
                            encoded);
  });
  std::cout << fmt::format("{}\n{}\n", weights_text(weights.infos), options.out.string());
}

void write_checkpoint(io::OpenCheckpoint const& checkpoint, Config const& branch,
                      Weights const& weights, io::TensorValues const& values,
                      ExportOptions const& options) {
  if (!options.dtype.empty())
    throw UsageError(
        "--dtype is for files; a checkpoint keeps the type its values have (leave --dtype out)");
  io::Documents documents;
  documents.configuration = to_toml(branch);
  documents.tokenizer = checkpoint.manifest.documents.tokenizer;
  documents.run.made_from =
      fmt::format("exported from {}", std::filesystem::absolute(checkpoint.folder).string());
  auto const folder = write_weights(options.out, checkpoint.manifest.step, weights.infos,
                                    std::move(documents), values);
  std::cout << fmt::format("{}\n{}\n", weights_text(weights.infos), folder.string());
}

/// Where to write: refuses what could not be written, before anything is read.
std::filesystem::path checked_output(std::filesystem::path const& out) {
  std::string const kind = out.extension();
  bool const file = kind == ".safetensors" || kind == ".pt";
  if (!file && !kind.empty() && !std::filesystem::is_directory(out))
    throw UsageError(fmt::format(
        "--out {}: give a name that ends in .safetensors or .pt, or a folder for a checkpoint",
        out.string()));
  if (file) return io::Output(out, "--out").seekable();
  io::require_writable_folder(out, "--out");
  return out;
}

/// `unreadable` becomes true where it is the checkpoint that is at fault.
void export_weights(io::OpenCheckpoint const& checkpoint, ExportOptions const& options,
                    std::filesystem::path const& target, bool& unreadable) {
  Config const config = whole_config(checkpoint);
  std::vector<Modality> const kept = options.modalities.empty()
                                         ? all_modalities(config.model)
                                         : modalities_named(config.model, options.modalities);
  Config const branch =
      branch_of(config, kept, options.without_decoder ? DecoderPart::without : DecoderPart::with);
  if (std::string const part = missing_of_decoder(branch, {&checkpoint}); !part.empty())
    throw DataError(fmt::format(
        "{}: has no {}: its decoder knows only what the run denoised; give --no-decoder, or "
        "--modalities that it denoised",
        checkpoint.folder.string(), part));
  Weights const weights = weights_of(checkpoint, branch.model);
  io::TensorValues const values = sound_values(checkpoint, weights, unreadable);
  std::string const kind = options.out.extension();
  if (kind == ".safetensors" || kind == ".pt")
    write_file(checkpoint, branch, weights, values, options, target);
  else
    write_checkpoint(checkpoint, branch, weights, values, options);
}

int export_checkpoint(ExportOptions const& options) {
  std::filesystem::path const target = checked_output(options.out);
  auto const warn = [](std::string const& text) { std::cerr << text << std::endl; };
  std::exception_ptr const failure = io::with_newest(
      options.checkpoint, warn,
      [&](auto const& tried) { return io::open_or_find(options.checkpoint, warn, tried); },
      [&](io::OpenCheckpoint const& checkpoint) {
        bool unreadable = false;
        try {
          export_weights(checkpoint, options, target, unreadable);
        } catch (...) {
          if (unreadable) throw;  // another one may not be
          return std::current_exception();
        }
        return std::exception_ptr();
      });
  if (failure) std::rethrow_exception(failure);
  return 0;
}

}  // namespace

void add_checkpoint_export(CLI::App& group, Run& run) {
  auto options = std::make_shared<ExportOptions>();
  CLI::App* command = group.add_subcommand(
      "export", "Write the weights of a checkpoint, or of some of its modalities");
  command
      ->add_option("--checkpoint", options->checkpoint,
                   "Checkpoint, or folder of which the newest is taken")
      ->type_name("DIR")
      ->required();
  command
      ->add_option("--out", options->out,
                   "NAME.safetensors, NAME.pt, or a folder that gets a checkpoint")
      ->type_name("PATH")
      ->required();
  command
      ->add_option("--modalities", options->modalities,
                   "Only these, as in image,text; all if not given")
      ->type_name("NAMES")
      ->delimiter(',');
  command->add_flag("--no-decoder", options->without_decoder,
                    "Without the decoder, which only pretraining needs");
  command
      ->add_option("--dtype", options->dtype,
                   "Type of the values in a file; as in the checkpoint if not given")
      ->type_name("NAME")
      ->check(CLI::IsMember({"float64", "float32", "bfloat16", "float16"}));
  command->footer(
      "Files have the official names and layout, buffers included; values are rounded to nearest "
      "even. A folder\n"
      "gets a checkpoint that stands on its own: the configuration is cut to the modalities, and "
      "embed, eval and\n"
      "train.init_from take it like any other. Embeddings are bitwise those of the whole model. "
      "The "
      "state of the\n"
      "optimizer stays behind.");
  command->callback([options, &run] { run = [options] { return export_checkpoint(*options); }; });
}

}  // namespace accord::app
