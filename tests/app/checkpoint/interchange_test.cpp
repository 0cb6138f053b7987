// `accord checkpoint import|export|merge` from their command lines on, with tiny models.

#include "tests/app/checkpoint/interchange.hpp"

using namespace accord;
using namespace accord::testing;
using ::testing::AllOf;
using ::testing::HasSubstr;

namespace fs = std::filesystem;

TEST_F(Interchange, ARoundTripIsBitExactInBothFormatsAndBothTypes) {
  for (DType const dtype : {DType::float32, DType::float64}) {
    std::string const from = save("run-" + std::string(name_of(dtype)), config(), dtype);
    for (std::string const kind : {"safetensors", "pt"}) {
      std::string const file = "whole." + kind, out = "back-" + kind + std::string(name_of(dtype));
      run("export --checkpoint " + from + " --out " + path(file));
      EXPECT_THAT(import_as(file, out), HasSubstr("202 tensors, 97177 parameters"));
      EXPECT_EQ(stored_weights(folder_ / out), stored_weights(from));
      EXPECT_EQ(io::open_or_find(folder_ / out, {}).manifest.tensors[0].info.dtype, dtype);
    }
  }
}

TEST_F(Interchange, FilesHaveTheOfficialNamesAndBuffers) {
  run("export --checkpoint " + save("run", config()).string() + " --out " + path("m.safetensors"));
  io::TensorFile const file = io::TensorFile::open(folder_ / "m.safetensors");
  std::map<std::string, Shape> shapes;
  for (io::FileTensor const& tensor : file.tensors()) shapes[tensor.name] = tensor.shape;
  EXPECT_EQ(shapes.at("encoder_wrapper.text_adapter.rp_bucket"), (Shape{1024, 1024}));
  EXPECT_EQ(shapes.at("encoder_wrapper.image_adapter.rp_bucket"), (Shape{5, 5}));
  EXPECT_EQ(shapes.at("encoder_wrapper.image_adapter.position_idx"), (Shape{5}));
  EXPECT_EQ(shapes.at("decoder_wrapper.image_adapter.position_idx"), (Shape{5}));
  EXPECT_EQ(shapes.at("decoder_wrapper.fusion_model.version"), (Shape{1}));
  EXPECT_EQ(shapes.at("encoder_wrapper.fusion_model.layers.3.image_ffn.0.wi_0.weight"),
            (Shape{64, 32}));
  EXPECT_EQ(shapes.at("logit_scale"), Shape{});
}

TEST_F(Interchange, HalfPrecisionIsRoundedOnceAndWidenedExactly) {
  Values const exact = stored_weights(save("run", config()));
  for (auto const& [dtype, spacing] : {std::pair{"bfloat16", 0x1p-8}, {"float16", 0x1p-11}}) {
    std::string const half = std::string(dtype) + ".safetensors", out = std::string("i-") + dtype;
    run("export --checkpoint " + path("run") + " --dtype " + dtype + " --out " + path(half));
    import_as(half, out);
    Values const rounded = stored_weights(folder_ / out);
    ASSERT_EQ(rounded.size(), exact.size());
    double largest = 0;
    for (auto const& [name, values] : exact)
      for (std::size_t i = 0; i < values.size(); ++i) {
        double const error = std::abs(rounded.at(name)[i] - values[i]);
        ASSERT_LE(error, spacing * std::abs(values[i]) + 0x1p-25) << name;
        largest = std::max(largest, error);
      }
    EXPECT_GT(largest, 0);
    // What is rounded already is not rounded again.
    run("export --checkpoint " + path(out) + " --dtype " + dtype + " --out " +
        path("again.safetensors"));
    import_as("again.safetensors", out + "-again");
    EXPECT_EQ(stored_weights(folder_ / (out + "-again")), rounded);
  }
}

TEST_F(Interchange, ValuesBeyondTheRangeOfATypeAreRefused) {
  save("run", config(), DType::float32,
       [](ParameterStore& store) { store.flat_values().as<float>()[3] = 1e6f; });
  expect_refused<DataError>(
      "export --checkpoint " + path("run") + " --dtype float16 --out " + path("h.safetensors"),
      "1 values are beyond the range of float16");
  EXPECT_FALSE(fs::exists(folder_ / "h.safetensors"));
  EXPECT_NO_THROW(run("export --checkpoint " + path("run") + " --dtype bfloat16 --out " +
                      path("h.safetensors")));
}

TEST_F(Interchange, AFileWithoutDecoderBecomesACheckpointWithoutOne) {
  save("run", config());
  run("export --checkpoint " + path("run") + " --no-decoder --out " + path("n.pt"));
  EXPECT_THAT(import_as("n.pt", "i"), AllOf(HasSubstr("the file holds no decoder"),
                                            HasSubstr("134 tensors, 84969 parameters")));
  app::Config const imported = app::stored_config(io::open_or_find(folder_ / "i", {}));
  EXPECT_EQ(imported.model.decoder.layers, 0);
  ASSERT_EQ(imported.model.objectives.size(), 1u);
  EXPECT_EQ(imported.model.objectives[0].name, "itc");
}

TEST_F(Interchange, WhatDoesNotFitTheModelIsRefusedByName) {
  run("export --checkpoint " + save("run", config()).string() + " --out " + path("m.safetensors"));
  auto const by_name = [](std::vector<io::FileTensor>& tensors, std::string const& name) {
    return std::find_if(tensors.begin(), tensors.end(),
                        [&](io::FileTensor const& t) { return t.name == name; });
  };
  rewrite("m.safetensors", "missing.safetensors", [&](std::vector<io::FileTensor>& tensors) {
    tensors.erase(by_name(tensors, "text_proj.bias"));
  });
  expect_import_refused("missing.safetensors", "it lacks text_proj.bias");
  expect_import_refused("missing.safetensors", "it lacks text_proj.bias", "--allow-missing image_");
  EXPECT_THAT(import_as("missing.safetensors", "i1", "--allow-missing text_proj"),
              HasSubstr("201 tensors"));

  rewrite("m.safetensors", "unknown.safetensors", [&](std::vector<io::FileTensor>& tensors) {
    by_name(tensors, "text_proj.bias")->name = "sound_proj.bias";
  });
  expect_import_refused("unknown.safetensors",
                        "it lacks text_proj.bias; it holds what is unknown here: sound_proj.bias");
  EXPECT_THAT(
      import_as("unknown.safetensors", "i2", "--allow-missing text_proj --allow-unknown sound_"),
      HasSubstr("201 tensors"));

  rewrite("m.safetensors", "shape.safetensors", [&](std::vector<io::FileTensor>& tensors) {
    by_name(tensors, "text_proj.weight")->shape = {16, 64};
  });
  expect_import_refused("shape.safetensors",
                        "shapes differ: text_proj.weight [16, 64], here [32, 32]");

  rewrite("m.safetensors", "integers.safetensors", [&](std::vector<io::FileTensor>& tensors) {
    by_name(tensors, "text_proj.weight")->encoding = io::Encoding::int32;
  });
  expect_import_refused("integers.safetensors",
                        "expected floating-point numbers in text_proj.weight (int32)");

  rewrite("m.safetensors", "bucket.safetensors", [&](std::vector<io::FileTensor>& tensors) {
    by_name(tensors, "encoder_wrapper.text_adapter.rp_bucket")->offset += 8;
  });
  expect_import_refused("bucket.safetensors",
                        "encoder_wrapper.text_adapter.rp_bucket: element 0 is 511, here 513");
  // Buffers need not be there.
  rewrite("m.safetensors", "bare.safetensors", [&](std::vector<io::FileTensor>& tensors) {
    std::erase_if(tensors, [](io::FileTensor const& t) {
      return t.name.ends_with("rp_bucket") || t.name.ends_with("version") ||
             t.name.ends_with("position_idx");
    });
  });
  EXPECT_THAT(import_as("bare.safetensors", "i3"), HasSubstr("202 tensors"));
}

TEST_F(Interchange, DamagedValuesAreRefusedBeforeAnythingIsWritten) {
  run("export --checkpoint " + save("run", config()).string() + " --out " + path("m.pt"));
  io::TensorFile const file = io::TensorFile::open(folder_ / "m.pt");
  {
    io::File out = io::File::open_write(folder_ / "m.pt");
    std::byte byte;
    out.read_at(file.tensors()[50].offset, {&byte, 1});
    byte ^= std::byte{1};
    out.write_at(file.tensors()[50].offset, {&byte, 1});
  }
  expect_import_refused("m.pt", "do not match their CRC-32");
}

TEST_F(Interchange, ABranchIsACheckpointOfItsOwn) {
  save("run", config({"train.frozen=['text_proj', 'encoder_wrapper.image_adapter.cls']"}));
  Values const whole = stored_weights(folder_ / "run");
  run("export --checkpoint " + path("run") + " --modalities image --no-decoder --out " +
      path("image"));
  io::OpenCheckpoint const branch = io::open_or_find(folder_ / "image", {});
  EXPECT_EQ(branch.manifest.step, 7);
  app::Config const config = app::stored_config(branch);
  ASSERT_EQ(config.model.modalities.size(), 1u);
  EXPECT_EQ(config.model.modalities[0].name, "image");
  EXPECT_TRUE(config.model.objectives.empty());
  EXPECT_EQ(config.model.frozen, (std::vector<std::string>{"encoder_wrapper.image_adapter.cls"}));
  for (auto const& [name, values] : stored_weights(folder_ / "image")) {
    EXPECT_EQ(values, whole.at(name)) << name;
    EXPECT_EQ(name.find("text"), std::string::npos) << name;
    EXPECT_EQ(name.find("decoder"), std::string::npos) << name;
  }
  EXPECT_THAT(run("verify " + path("image")), HasSubstr("every byte as it was written"));

  // With the decoder, the terms that need nothing else stay, under new numbers.
  run("export --checkpoint " + path("run") + " --modalities image --out " + path("image-decoder"));
  app::Config const denoising = app::stored_config(io::open_or_find(folder_ / "image-decoder", {}));
  ASSERT_EQ(denoising.model.objectives.size(), 1u);
  EXPECT_EQ(denoising.model.objectives[0].name, "dcl_image_image");
  EXPECT_EQ(denoising.model.objectives[0].modality, 0);
}

TEST_F(Interchange, WhatCannotBeExportedIsRefused) {
  save("run", config());
  std::string const from = "export --checkpoint " + path("run");
  expect_refused<UsageError>(from + " --modalities sound --out " + path("x"),
                             "there is no modality \"sound\"; the model has text, image");
  expect_refused<UsageError>(from + " --out " + path("x.zip"), "ends in .safetensors or .pt");
  expect_refused<UsageError>(from + " --dtype bfloat16 --out " + path("x"), "--dtype is for files");
  run(from + " --out " + path("x"));
  expect_refused<UsageError>(from + " --out " + path("x"), "is there already");
}

namespace {

// A second stage: the text of the first, with sketches instead of pictures.
constexpr char const* second_stage = R"(
[model]
embed_dim = 32
layers = 4
heads = 4
ffn_dim = 64
layer_scale_init = 0.3
[model.decoder]
embed_dim = 16
layers = 2
heads = 2
ffn_dim = 32
[[modality]]
name = "text"
adapter = "token"
positions = 66
[[modality]]
name = "sketch"
adapter = "patch"
size = 32
[[objective]]
name = "stc"
kind = "contrast"
student = ["sketch"]
teacher = ["text"]
[[objective]]
name = "dcl_sketch"
kind = "denoise"
student = ["sketch"]
teacher = ["sketch"]
[data]
max_tokens = 64
[loss]
denoising_pool = 2
[train]
steps = 8
global_batch = 64
)";

void add_to(ParameterStore& store, std::string const& name, float amount) {
  int const id = store.find(name);
  ASSERT_GE(id, 0) << name;
  store.value(id).as<float>()[0] += amount;
}

}  // namespace

class Merge : public Interchange {
 protected:
  static app::Config sketch_config() {
    app::Config config = app::parse_config(second_stage, "second.toml");
    app::use_vocabulary(config, io::Tokenizer::load("bytes")->vocabulary());
    return config;
  }
  std::string merge() {
    return "merge --stage1 " + path("one") + " --stage2 " + path("two") + " --out " + path("both");
  }
};

// Initial values depend on names and seed alone, so the two stages begin with the same text.
TEST_F(Merge, JoinsWhatTheSecondStageDidNotTrain) {
  save("one", config());
  save("two", sketch_config(), DType::float32, [](ParameterStore& store) {
    add_to(store, "logit_scale", 1);
    add_to(store, "text_mask_head.bias", 1);
    add_to(store, "sketch_proj.bias", 1);
  });
  Values const one = stored_weights(folder_ / "one"), two = stored_weights(folder_ / "two");
  run(merge());
  io::OpenCheckpoint const merged = io::open_or_find(folder_ / "both", {});
  app::Config const config = app::stored_config(merged);
  ASSERT_EQ(config.model.modalities.size(), 3u);
  EXPECT_EQ(config.model.modalities[2].name, "sketch");
  EXPECT_EQ(config.model.objectives.size(), 7u);
  Values const both = stored_weights(folder_ / "both");
  EXPECT_EQ(both.size(), Model::describe(config.model).size());
  for (auto const& [name, values] : both)
    EXPECT_EQ(values, two.contains(name) ? two.at(name) : one.at(name)) << name;
  EXPECT_EQ(merged.manifest.tensors.size(), both.size());
}

TEST_F(Merge, NamesTheSharedTensorThatDiffers) {
  save("one", config());
  std::string const shared = "encoder_wrapper.fusion_model.layers.2.self_attn.v_proj.bias";
  save("two", sketch_config(), DType::float32,
       [&](ParameterStore& store) { add_to(store, shared, 0x1p-20f); });
  expect_refused<DataError>(merge(), shared + " differs");
  EXPECT_FALSE(fs::exists(folder_ / "both"));
}

TEST(Branch, SizesAreThoseOfThePaper) {
  auto const count = [](ModelConfig const& model,
                        std::function<bool(std::string const&)> const& counts) {
    Index parameters = 0;
    for (ParameterSpec const& spec : Model::describe(model))
      if (counts(spec.name)) parameters += spec.shape.size();
    return parameters;
  };
  auto const all = [](std::string const&) { return true; };
  app::Config const config = app::parse_config(
      "[model]\npreset = \"onepeace-4b\"\n[[modality]]\nname = \"audio\"\n"
      "adapter = \"convolution\"\n[train]\nsteps = 9\nglobal_batch = 64\n",
      "4b.toml", {"modality.text.vocabulary=50264"});
  auto const branch = [&](std::vector<std::string> const& names, app::DecoderPart decoder) {
    return app::branch_of(config, app::modalities_named(config.model, names), decoder).model;
  };
  app::DecoderPart const with = app::DecoderPart::with, without = app::DecoderPart::without;
  EXPECT_EQ(count(branch({"text", "image"}, with), all), 2759268497);
  EXPECT_EQ(count(branch({"text", "audio"}, with), all), 2775509857);
  EXPECT_EQ(count(branch({"text", "image", "audio"}, with), all), 3926288577);
  EXPECT_EQ(count(branch({"text", "image"}, without), all), 2730320785);
  EXPECT_EQ(count(branch({"text", "audio"}, without), all), 2745970785);
  EXPECT_EQ(count(branch({"text", "image", "audio"}, without), all), 3884740545);
  // The published figure leaves out final norm, projection and temperature.
  EXPECT_EQ(count(branch({"image"}, without),
                  [](std::string const& name) {
                    return name != "logit_scale" && name.find("image_layer_norm") == name.npos &&
                           !name.starts_with("image_proj");
                  }),
            1514569056);
}
