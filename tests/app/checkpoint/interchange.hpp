#pragma once
// Checkpoints, files and the commands between them.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <CLI/CLI.hpp>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "app/checkpoint/branch.hpp"
#include "app/cli/commands.hpp"
#include "app/config/stored.hpp"
#include "core/base/error.hpp"
#include "core/comm/self_communicator.hpp"
#include "core/model/model.hpp"
#include "io/checkpoint/read.hpp"
#include "io/checkpoint/save.hpp"
#include "io/interchange/safetensors.hpp"
#include "io/interchange/tensor_file.hpp"
#include "tests/app/support/stored_weights.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::testing {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

using Values = std::map<std::string, std::vector<double>>;

class Interchange : public TemporaryFolder {
 protected:
  static fs::path config_file() {
    return fs::path(std::getenv("ACCORD_SOURCE_DIR")) / "jobs/configs/tiny-vl.toml";
  }
  static app::Config config(std::vector<std::string> const& overrides = {}) {
    app::Config config = app::load_config(config_file(), overrides);
    app::use_vocabulary(config, io::Tokenizer::load("bytes")->vocabulary());
    return config;
  }

  /// A checkpoint of step 7 as a run leaves it, every parameter at random; `change` may touch
  /// values.
  fs::path save(std::string const& name, app::Config const& config, DType dtype = DType::float32,
                std::function<void(ParameterStore&)> const& change = {}) {
    Queue queue(Backend::cpu);
    SelfCommunicator alone;
    Model model(queue, config.model, dtype, alone, Model::whole(config.model));
    model.initialise(queue, InitMode::dense, 5);
    ParameterStore& store = model.parameters();
    if (change) change(store);
    std::vector<io::TensorInfo> infos;
    std::vector<io::ConstPiece> pieces;
    for (int id = 0; id < store.count(); ++id) {
      View const value = store.value(id);
      for (char const* kind : {"weight", "exp_avg"}) {
        pieces.push_back({static_cast<int>(infos.size()), 0, value.size(), value.data()});
        infos.push_back({kind, store.spec(id).name, store.spec(id).shape, dtype});
      }
    }
    io::Documents documents;
    documents.configuration = app::to_toml(config);
    documents.tokenizer = io::Tokenizer::load("bytes")->files();
    return io::save_checkpoint(alone, queue, folder_ / name, 7, infos, pieces, documents, {});
  }

  /// Standard output of `accord checkpoint ARGUMENTS`. \throws what the command throws
  std::string run(std::string const& arguments) {
    CLI::App program;
    app::Run run;
    app::add_checkpoint(program, run);
    program.parse("checkpoint " + arguments);
    ::testing::internal::CaptureStdout();
    ::testing::internal::CaptureStderr();
    std::exception_ptr thrown;
    try {
      run();
    } catch (...) {
      thrown = std::current_exception();
    }
    ::testing::internal::GetCapturedStderr();
    std::string output = ::testing::internal::GetCapturedStdout();
    if (thrown) std::rethrow_exception(thrown);
    return output;
  }
  std::string import_as(std::string const& file, std::string const& out,
                        std::string const& more = "") {
    return run("import --from " + path(file) + " --config " + config_file().string() + " --out " +
               path(out) + " " + more);
  }
  std::string path(std::string const& name) const { return (folder_ / name).string(); }

  template <class Failure>
  void expect_refused(std::string const& arguments, std::string const& part) {
    try {
      run(arguments);
      ADD_FAILURE() << "accepted: " << part;
    } catch (Failure const& error) {
      EXPECT_THAT(error.what(), HasSubstr(part));
    }
  }
  void expect_import_refused(std::string const& file, std::string const& part,
                             std::string const& more = "") {
    expect_refused<DataError>("import --from " + path(file) + " --config " +
                                  config_file().string() + " --out " + path("refused") + " " + more,
                              part);
    EXPECT_FALSE(fs::exists(folder_ / "refused"));
  }

  /// Writes the tensors of `file` anew, with those changed that `change` touches; nothing else.
  void rewrite(std::string const& from, std::string const& to,
               std::function<void(std::vector<io::FileTensor>&)> const& change) {
    io::TensorFile const source = io::TensorFile::open(folder_ / from);
    std::vector<io::FileTensor> tensors = source.tensors();
    change(tensors);
    io::File const bytes = io::File::open_read(folder_ / from);
    io::write_safetensors(
        folder_ / to, tensors, {}, [&](std::size_t i, Index begin, std::span<std::byte> out) {
          bytes.read_at(
              tensors[i].offset + static_cast<std::uint64_t>(begin) * size_of(tensors[i].encoding),
              out);
        });
  }
};

}  // namespace accord::testing
