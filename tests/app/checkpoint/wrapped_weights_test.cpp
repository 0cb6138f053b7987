// Weights as trainers leave them: in dictionaries of their own, with words before the names.

#include "tests/app/checkpoint/interchange.hpp"
#include "tests/io/interchange/handmade.hpp"

using namespace accord;
using namespace accord::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

namespace {

class WrappedWeights : public Interchange {
 protected:
  void SetUp() override {
    run("export --checkpoint " + save("run", config()).string() + " --out " +
        path("m.safetensors"));
  }
  io::TensorFile weights() const { return io::TensorFile::open(folder_ / "m.safetensors"); }

  /// The tensors of the model as a pickled dictionary, names behind `prefix`. Storages go to those
  /// of the file to be.
  std::string dictionary(std::string const& prefix, double factor = 1) {
    io::TensorFile const file = weights();
    std::string pickle = "}(";
    for (io::FileTensor const& tensor : file.tensors()) {
      if (!is_floating(tensor.encoding)) continue;
      std::vector<float> values;
      for (double const value : file.read_numbers(tensor))
        values.push_back(
            static_cast<float>(tensor.name.ends_with("version") ? value : factor * value));
      auto const count = static_cast<std::int32_t>(values.size());
      std::string const storage = std::to_string(storages_.size());
      HandmadeTensor described{.storage = storage, .elements = count};
      std::int32_t stride = count;
      for (int k = 0; k < tensor.shape.rank(); ++k) {
        described.shape.push_back(static_cast<std::int32_t>(tensor.shape[k]));
        described.strides.push_back(stride /= described.shape.back());
      }
      pickle += text(prefix + tensor.name) + pickled(described);
      storages_.emplace_back(storage, raw(values));
    }
    return pickle + "u";
  }
  void write_torch(std::string const& name, std::string const& pickle) {
    write_file(folder_ / name, handmade_torch(pickle_begin + pickle + ".", storages_));
    storages_.clear();
  }
  static std::string wrapped(std::string const& key, std::string const& dictionary) {
    return fmt::format("}}{}{}s", text(key), dictionary);
  }
  void expect_weights_of_run(std::string const& imported) {
    EXPECT_EQ(stored_weights(folder_ / imported), stored_weights(folder_ / "run"));
  }
  void rename(std::string const& to, std::function<std::string(std::string const&)> const& name) {
    rewrite("m.safetensors", to, [&](std::vector<io::FileTensor>& tensors) {
      for (io::FileTensor& tensor : tensors) tensor.name = name(tensor.name);
    });
  }

  std::string text_of_file() const { return io::read_file(folder_ / "m.safetensors"); }
  static std::string header_of(std::string const& file) {
    std::uint64_t bytes = 0;
    std::memcpy(&bytes, file.data(), sizeof bytes);
    return file.substr(8, bytes);
  }
  static std::size_t value_bytes(std::string const& file) {
    return file.size() - 8 - header_of(file).size();
  }

 private:
  std::vector<std::pair<std::string, std::string>> storages_;
};

}  // namespace

TEST_F(WrappedWeights, AreFoundBelowTheKeysOfTrainers) {
  struct Kind {
    std::vector<std::string> keys;
    std::string prefix, said;
  };
  int number = 0;
  for (auto const& [keys, prefix, said] :
       {Kind{
            {"state_dict"}, "module.", "weights below 'state_dict' without 'module.' before names"},
        Kind{{"model"}, "module.", "weights below 'model' without 'module.'"},
        Kind{{"model"}, "", "202 tensors"}, Kind{{"module"}, "", "weights below 'module'"},
        Kind{{"state_dict"}, "_orig_mod.", "without '_orig_mod.'"},
        Kind{{}, "module._orig_mod.", "weights without 'module._orig_mod.' before names"},
        Kind{{"ema", "shadow"}, "model.", "weights below 'ema.shadow' without 'model.'"},
        Kind{{"model_ema.weights"}, "", "weights below 'model_ema.weights'"}}) {
    SCOPED_TRACE(said);
    std::string pickle = dictionary(prefix);
    for (auto key = keys.rbegin(); key != keys.rend(); ++key) pickle = wrapped(*key, pickle);
    std::string const name = "w" + std::to_string(number++);
    write_torch(name + ".pt", pickle);
    EXPECT_THAT(import_as(name + ".pt", name), HasSubstr(said));
    expect_weights_of_run(name);
  }
}

TEST_F(WrappedWeights, OfSeveralAreTheFirstThatIsNoAverage) {
  std::string const average = dictionary("", 0.5), own = dictionary("module.");
  write_torch("two.pt", "}(" + text("epoch") + "K\x03" + text("model_ema") + average +
                            text("state_dict") + own + "u");
  EXPECT_THAT(import_as("two.pt", "i1"), AllOf(HasSubstr("weights below 'state_dict'"),
                                               HasSubstr("others below 'model_ema'")));
  expect_weights_of_run("i1");
  EXPECT_THAT(import_as("two.pt", "i2", "--key model_ema"), Not(HasSubstr("others")));
  EXPECT_NE(stored_weights(folder_ / "i2"), stored_weights(folder_ / "run"));
  EXPECT_NO_THROW(import_as("two.pt", "i3", "--key state_dict --strip-prefix module."));
  EXPECT_NO_THROW(import_as("two.pt", "i4", "--strip-prefix module"));
  expect_weights_of_run("i4");
  expect_import_refused("two.pt", "no tensors below --key 'optimizer'", "--key optimizer");
  expect_import_refused("two.pt", "no name begins with --strip-prefix 'net.'",
                        "--key state_dict --strip-prefix net.");
  expect_import_refused("two.pt",
                        "below 'state_dict' without 'module.encoder_wrapper.' before names",
                        "--key state_dict --strip-prefix module.encoder_wrapper.");
}

TEST_F(WrappedWeights, OfSafetensorsHaveWordsBeforeTheirNames) {
  rename("wrapped.safetensors", [](std::string const& name) { return "model.module." + name; });
  EXPECT_THAT(import_as("wrapped.safetensors", "i"),
              HasSubstr("without 'model.module.' before names"));
  expect_weights_of_run("i");
  rename("some.safetensors", [](std::string const& name) {
    return name.starts_with("text_proj") ? name : "module." + name;
  });
  EXPECT_NO_THROW(import_as("some.safetensors", "j"));
}

TEST_F(WrappedWeights, OfOtherTypesAreNamedAndPassedOverWhereThatIsAllowed) {
  std::string const good = text_of_file();
  std::string const more =
      ",\"step\":{\"dtype\":\"U64\",\"shape\":[1],\"data_offsets\":[" +
      std::to_string(value_bytes(good)) + "," + std::to_string(value_bytes(good) + 8) +
      "]},\"none\":{\"dtype\":\"F32\"," + "\"shape\":[0],\"data_offsets\":[" +
      std::to_string(value_bytes(good) + 8) + "," + std::to_string(value_bytes(good) + 8) + "]}}";
  std::string header = header_of(good);
  header = header.substr(0, header.rfind('}')) + more;
  write_file(
      folder_ / "more.safetensors",
      handmade_safetensors(header, good.substr(8 + header_of(good).size()) + std::string(8, '\1')));
  expect_import_refused("more.safetensors",
                        "it holds what is unknown here: none (no values), step (dtype U64)");
  EXPECT_NO_THROW(import_as("more.safetensors", "i", "--allow-unknown none --allow-unknown step"));
  expect_weights_of_run("i");
  std::string other = good;
  std::size_t const at = other.find("\"F32\"", other.find("\"text_proj.weight\""));
  write_file(folder_ / "other.safetensors", other.replace(at, 5, "\"U32\""));
  expect_import_refused("other.safetensors",
                        "expected floating-point numbers in text_proj.weight (dtype U32)");
}

TEST_F(WrappedWeights, AreListedByTenNamesAtMost) {
  rename("strange.safetensors", [](std::string const& name) { return "strange_" + name; });
  try {
    import_as("strange.safetensors", "i");
    ADD_FAILURE();
  } catch (DataError const& error) {
    std::string const said = error.what();
    EXPECT_LT(said.size(), 1500u) << said;
    EXPECT_THAT(said, HasSubstr("and 203 more"));
  }
}
