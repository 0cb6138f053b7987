#include "app/config/config.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "app/config/schema.hpp"
#include "core/base/error.hpp"
#include "core/base/require.hpp"
#include "core/model/modality/adapter.hpp"

using namespace accord;
using namespace accord::app;
using ::testing::AllOf;
using ::testing::EndsWith;
using ::testing::HasSubstr;

namespace {

std::string const minimal = R"(
[model]
embed_dim = 32
layers = 4
heads = 4
ffn_dim = 64
[model.decoder]
embed_dim = 16
layers = 2
heads = 2
ffn_dim = 32
[loss]
denoising_pool = 2
[train]
steps = 10
global_batch = 64
)";

Config minimal_with(std::vector<std::string> const& overrides) {
  return parse_config(minimal, "run.toml", overrides);
}

template <class Call>
std::string usage_error(Call&& call) {
  try {
    call();
  } catch (UsageError const& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::usage);
    return error.what();
  }
  ADD_FAILURE() << "no UsageError";
  return "";
}

std::string error_of(std::string const& toml) {
  return usage_error([&] { parse_config(toml, "run.toml"); });
}

std::string error_with(std::vector<std::string> const& overrides) {
  return usage_error([&] { minimal_with(overrides); });
}

std::filesystem::path shipped_configs() {
  return std::filesystem::path(std::getenv("ACCORD_SOURCE_DIR")) / "jobs/configs";
}

/// Gives every key another value than its default where the type allows it blindly.
void disturb(Config& config) {
  for (Section const& section : schema()) {
    if (section.array) continue;
    void* const table = section.table(config, "");
    for (Key const& key : section.keys) {
      Value const value = key.get(config, table);
      if (key.type == Key::Type::boolean) key.set(config, table, Value(!std::get<bool>(value)));
      if (key.type == Key::Type::integer)
        key.set(config, table, Value(std::get<std::int64_t>(value) + 1));
      if (key.type == Key::Type::number)
        key.set(config, table, Value(std::get<double>(value) * 0.7 + 1e-3 / 3));
      if (key.type == Key::Type::text)
        key.set(config, table, Value(std::string("a \"b\" \\ c\n\x01")));
      if (key.type == Key::Type::choice) key.set(config, table, Value(key.choices.back()));
      if (key.type == Key::Type::texts)
        key.set(config, table, Value(std::vector<std::string>{"x", "y"}));
      if (key.type == Key::Type::integers)
        key.set(config, table, Value(std::vector<std::int64_t>{1, 2}));
      if (key.type == Key::Type::numbers)
        key.set(config, table, Value(std::vector<double>{1, 0.1, -1e300}));
    }
  }
}

}  // namespace

TEST(Config, StageOneBringsItsModalitiesAndObjectives) {
  Config const config = parse_config(minimal, "run.toml");
  ASSERT_EQ(config.model.modalities.size(), 2u);
  EXPECT_EQ(config.model.modalities[0].name, "text");
  EXPECT_EQ(config.model.modalities[1].mask_ratio, 0.75);
  std::vector<std::string> names;
  std::vector<double> weights;
  for (ObjectiveConfig const& objective : config.model.objectives) {
    names.push_back(objective.name);
    weights.push_back(objective.weight);
  }
  EXPECT_THAT(names, ::testing::ElementsAre("itc", "dcl_text_text", "dcl_image_image",
                                            "dcl_vl_text", "dcl_vl_image"));
  EXPECT_THAT(weights, ::testing::ElementsAre(1.0, 0.5, 1.0, 0.5, 0.5));
  EXPECT_EQ(resolve_passes(config.model).size(), 6u);
  EXPECT_EQ(config.data.max_tokens, 200) << "bytes";
  EXPECT_EQ(config.model.modalities[0].max_tokens, 200);
  EXPECT_EQ(config.model.no_decay.size(), 9u);
}

TEST(Config, ExplicitObjectivesReplaceTheShippedOnes) {
  Config const config = parse_config(minimal + R"(
[[modality]]
name = "image"
adapter = "patch"
size = 32
[[modality]]
name = "text"
adapter = "token"
[[objective]]
name = "pairs"
kind = "contrast"
student = ["image"]
teacher = ["text"]
)",
                                     "run.toml");
  ASSERT_EQ(config.model.objectives.size(), 1u);
  EXPECT_EQ(config.model.objectives[0].name, "pairs");
  EXPECT_EQ(config.model.modalities[0].name, "image") << "in the order of the file";
  EXPECT_EQ(config.model.objectives[0].student, std::vector<Modality>{0});
}

std::string const with_motion = minimal + R"(
[[modality]]
name = "text"
adapter = "token"
[[modality]]
name = "motion"
adapter = "patch_sequence"
frame = [3]
max_frames = 64
std = [1, 0.5, 2]
[[objective]]
name = "pairs"
kind = "contrast"
student = ["motion"]
teacher = ["text"]
)";

TEST(Config, AModalityOfArraysIsDescribedByItsFrames) {
  ModalityConfig const motion = parse_config(with_motion, "run.toml").model.modalities[1];
  EXPECT_EQ(motion.frame, std::vector<Index>{3});
  EXPECT_EQ(motion.patch, 1);
  EXPECT_EQ(motion.mask, MaskKind::uniform);
  EXPECT_EQ(motion.mean, std::vector<double>{});
  EXPECT_EQ(motion.std, (std::vector<double>{1, 0.5, 2}));
  Config const video = parse_config(
      with_motion, "run.toml",
      {"modality.motion.frame=[32, 24, 3]", "modality.motion.patch=8", "modality.motion.std=[]"});
  EXPECT_EQ(video.model.modalities[1].frame, (std::vector<Index>{32, 24, 3}));
  std::string const printed = to_toml(video);
  EXPECT_EQ(to_toml(parse_config(printed, "printed")), printed);
}

TEST(Config, HasTheKeysThatFamiliesRead) {
  Section const& modality = *std::ranges::find_if(
      schema(), [](Section const& s) { return s.path == std::vector<std::string>{"modality"}; });
  for (std::string const& family : adapter_family_names())
    for (char const* key : adapter_family(family).keys) {
      ASSERT_NE(modality.find(key), nullptr) << family << " reads " << key;
      EXPECT_TRUE(modality.find(key)->belongs_to(family)) << key;
    }
  std::vector<std::string> of_all;
  for (Key const& key : modality.keys)
    if (key.adapters.empty()) of_all.push_back(key.name);
  EXPECT_THAT(of_all, ::testing::ElementsAre("adapter", "mask", "mask_ratio", "joint_mask",
                                             "joint_mask_ratio"));
}

TEST(Config, RefusesModalitiesThatNothingCanBeNamedAfter) {
  EXPECT_THAT(
      error_of(minimal + "[[modality]]\nname = \"a/b\"\nadapter = \"token\"\n"),
      HasSubstr("modality.a/b cannot be the name of a modality: give up to 32 small letters"));
}

TEST(Config, RefusesFramesThatCannotBeCut) {
  auto const error = [](std::vector<std::string> const& overrides) {
    return usage_error([&] { parse_config(with_motion, "run.toml", overrides); });
  };
  EXPECT_THAT(error({"modality.motion.frame=[]"}), HasSubstr("frame has 0 entries"));
  EXPECT_THAT(error({"modality.motion.frame=[4, 4]"}), HasSubstr("frame has 2 entries"));
  EXPECT_THAT(error({"modality.motion.frame=[0]"}), HasSubstr("expected a list of integers"));
  EXPECT_THAT(error({"modality.motion.max_frames=0"}), HasSubstr("max_frames is not set"));
  EXPECT_THAT(error({"modality.motion.patch=2"}), HasSubstr("a series has none"));
  EXPECT_THAT(error({"modality.motion.mean=[0.5]"}), HasSubstr("mean has 1 entries for 3"));
  EXPECT_THAT(error({"modality.motion.std=[1, 0, 1]"}), HasSubstr("each > 0"));
  EXPECT_THAT(error({"modality.motion.std=[\"a\"]"}), HasSubstr("a list of numbers, each > 0"));
  EXPECT_THAT(error({"modality.motion.std=[1, \"a\"]"}), HasSubstr("a list of numbers"));
  EXPECT_THAT(error({"modality.motion.max_frames=2000"}),
              HasSubstr("raise modality.motion.patch_"));
  EXPECT_THAT(error({"modality.motion.frame=[16, 16, 3]", "modality.motion.max_frames=65"}),
              HasSubstr("makes 16641 tokens; up to 16385 are possible: raise "
                        "modality.motion.patch_frames or modality.motion.patch"));
  EXPECT_THAT(error({"modality.motion.frame=[4000000000, 4000000000, 3]"}),
              HasSubstr("3.07e+21 numbers; up to 1073741824 are possible"));
  EXPECT_THAT(error({"modality.motion.max_frames=9223372036854775807"}), HasSubstr("numbers"));
  EXPECT_THAT(error({"modality.motion.patch_frames=65"}), HasSubstr("every patch would end"));
  EXPECT_THAT(error({"modality.motion.mean=[\"a\"]"}), EndsWith("expected a list of numbers"));
  EXPECT_THAT(error({"modality.motion.mask=whole_word"}), HasSubstr("needs words"));
  EXPECT_THAT(error({"modality.motion.frame=[9, 6, 1]", "modality.motion.patch=2"}),
              HasSubstr("does not divide the frame's 9 x 6 pixels; choose one of 1, 3"));
  EXPECT_THAT(error({"modality.motion.size=32"}), HasSubstr("belongs to modalities with adapter"));
}

TEST(Config, PresetIsOverriddenByExplicitKeys) {
  Config const config = parse_config(
      "[model]\npreset = \"onepeace-4b\"\nlayers = 12\n[train]\nsteps = 9\nglobal_batch = 32",
      "run.toml");
  EXPECT_EQ(config.model.encoder.embed_dim, 1536);
  EXPECT_EQ(config.model.encoder.layers, 12);
  EXPECT_EQ(config.model.encoder.layer_scale_init, 1e-6);
  EXPECT_EQ(config.model.decoder.heads, 12);
  EXPECT_EQ(config.model.modalities[0].vocabulary, 50264);
}

TEST(Config, OverridesApplyInOrderAndReachNamedTables) {
  Config const config = minimal_with(
      {"train.steps=20", "train.steps=30", "modality.image.size=128", "objective.itc.weight=0.25",
       "train.dtype=float64", "data.train=/a/b c", "parallel.sequence=false",
       "schedule.learning_rate=1", "parallel.stage_layers=[1, 3]", "data.validation=\"quoted\""});
  EXPECT_EQ(config.train.steps, 30);
  EXPECT_EQ(config.model.modalities[1].size, 128);
  EXPECT_EQ(config.model.objectives[0].weight, 0.25);
  EXPECT_EQ(config.train.dtype, DType::float64);
  EXPECT_EQ(config.data.train, "/a/b c");
  EXPECT_EQ(config.data.validation, "quoted");
  EXPECT_EQ(config.schedule.learning_rate, 1.0);
  EXPECT_EQ(config.parallel.stage_layers, (std::vector<Index>{1, 3}));
  EXPECT_THAT(error_with({"modality.sound.size=3"}),
              AllOf(HasSubstr("--set"), HasSubstr("no [[modality]] named \"sound\""),
                    HasSubstr("text, image")));
}

TEST(Config, ResolvedPrintReadsBackToTheSame) {
  Config config = minimal_with({"modality.image.size=64", "objective.itc.weight=0.1"});
  std::string const printed = to_toml(config);
  EXPECT_EQ(to_toml(parse_config(printed, "printed")), printed);
}

TEST(Config, EveryKeySurvivesPrintAndParse) {
  Config config = parse_config(minimal, "run.toml");
  disturb(config);
  // What the blind changes broke among keys that depend on one another.
  config.preset = "";
  config.train.stage = 1;
  config.train.steps = 0;
  config.train.global_batch = 12;
  config.train.micro_batch = 6;
  config.model.encoder.embed_dim = 20;
  config.model.decoder.embed_dim = 6;
  config.model.loss.denoising_pool = 3;
  config.schedule.min_learning_rate = 0;
  config.data.max_tokens = 7;
  config.parallel.tensor = 5;
  config.data.crop = io::CropSpec::Kind::shift;
  config.checkpoint.asynchronous = false;
  config.log.trace = false;
  for (ModalityConfig& modality : config.model.modalities) modality.size = 32;
  std::string const printed = to_toml(config);
  Config const read = parse_config(printed, "printed");
  EXPECT_EQ(to_toml(read), printed);
  EXPECT_EQ(read.data.train, "a \"b\" \\ c\n\x01");
  EXPECT_EQ(read.optimizer.epsilon, config.optimizer.epsilon);
  EXPECT_FALSE(read.model.parity.adam_epsilon_corrected);
}

TEST(Config, UnknownKeysSuggestTheNearest) {
  EXPECT_THAT(error_of(minimal + "global_bath = 3"),
              AllOf(HasSubstr("run.toml:17:"), HasSubstr("unknown key train.global_bath"),
                    HasSubstr("did you mean train.global_batch?")));
  EXPECT_THAT(error_with({"trian.steps=3"}), HasSubstr("did you mean train.steps?"));
  EXPECT_THAT(error_with({"modality.image.sise=3"}),
              HasSubstr("did you mean modality.image.size?"));
  EXPECT_THAT(error_with({"train.learning_rate=3"}),
              HasSubstr("did you mean schedule.learning_rate?"));
  EXPECT_THAT(error_with({"steps=3"}), HasSubstr("did you mean train.steps?"));
}

TEST(Config, WrongTypesAndRangesSayWhatIsExpected) {
  EXPECT_THAT(error_with({"train.steps=1.5"}),
              HasSubstr("train.steps = 1.5: expected an integer >= 0"));
  EXPECT_THAT(error_with({"optimizer.epsilon=0"}), HasSubstr("expected a number > 0"));
  EXPECT_THAT(error_with({"train.dtype=float8"}),
              AllOf(HasSubstr("\"float8\""), HasSubstr("\"float64\", \"float32\", \"bfloat16\"")));
  EXPECT_THAT(error_with({"parallel.sequence=1"}), HasSubstr("expected true or false"));
  EXPECT_THAT(error_with({"train.seed=-1"}), HasSubstr(">= 0 and <= 4294967295"));
  EXPECT_THAT(error_with({"model.drop_path=nan"}), HasSubstr("expected a number"));
  EXPECT_THAT(error_with({"optimizer.clip_norm=inf"}), HasSubstr("expected a number >= 0"));
  EXPECT_THAT(error_with({"train.frozen=[1, 2]"}), HasSubstr("expected a list of texts"));
  EXPECT_THAT(error_with({"train.steps"}), HasSubstr("expected section.key=value"));
  EXPECT_THAT(error_of("[train\nsteps = 3"),
              AllOf(HasSubstr("run.toml:1"), HasSubstr("not valid TOML")));
  EXPECT_THAT(error_of("[[modality]]\nadapter = \"patch\""), HasSubstr("has no name"));
  EXPECT_THAT(error_of("[[modality]]\nname = \"a\"\n[[modality]]\nname = \"a\""),
              HasSubstr("a second [[modality]] named \"a\""));
  EXPECT_THAT(error_with({"modality.text.size=32"}),
              HasSubstr("belongs to modalities with adapter = \"patch\""));
  EXPECT_THAT(usage_error([] { load_config("no/such.toml"); }), HasSubstr("no/such.toml"));
  EXPECT_THAT(usage_error([] { load_config("/"); }), HasSubstr("not a file"));
}

TEST(Config, ContradictionsAreRefused) {
  EXPECT_THAT(error_with({"model.embed_dim=4611686018427387904"}),
              HasSubstr("model.embed_dim = 4611686018427387904 is more than 1048576"));
  EXPECT_THAT(error_with({"parallel.schedule=interleaved", "parallel.pipeline=2"}),
              HasSubstr("parallel.virtual_stages = 2"));
  EXPECT_THAT(error_with({"train.epochs=3"}), HasSubstr("both given"));
  EXPECT_THAT(error_with({"train.steps=0"}), HasSubstr("give one"));
  EXPECT_THAT(error_with({"train.global_batch=0"}), HasSubstr("train.global_batch is not set"));
  EXPECT_THAT(error_with({"train.global_batch=63"}),
              HasSubstr("not a multiple of loss.denoising_pool"));
  EXPECT_THAT(error_with({"train.micro_batch=3"}), HasSubstr("loss.denoising_pool = 2"));
  EXPECT_THAT(error_with({"train.micro_batch=6"}),
              HasSubstr("does not divide train.global_batch = 64"));
  EXPECT_THAT(error_with({"model.heads=5"}), HasSubstr("choose one of 1, 2, 4, 8, 16, 32"));
  EXPECT_THAT(error_with({"model.layers=0"}), HasSubstr("model.layers is not set"));
  EXPECT_THAT(error_with({"modality.image.size=40"}),
              HasSubstr("not a multiple of modality.image.patch"));
  EXPECT_THAT(error_with({"modality.image.patch=8"}), HasSubstr("patches of 16"));
  EXPECT_THAT(error_with({"data.max_tokens=600"}), HasSubstr("too few for data.max_tokens"));
  EXPECT_THAT(error_with({"model.decoder.layers=0"}), HasSubstr("needs a decoder"));
  EXPECT_THAT(error_with({"objective.itc.student=[\"image\", \"text\"]"}),
              HasSubstr("between two modalities"));
  EXPECT_THAT(error_with({"objective.itc.student=[\"smell\"]"}),
              HasSubstr("no [[modality]] named \"smell\""));
  EXPECT_THAT(error_with({"objective.dcl_image_image.modality=text"}),
              HasSubstr("among its student"));
  EXPECT_THAT(error_with({"schedule.warmup_steps=10"}), HasSubstr("leaves nothing"));
  EXPECT_THAT(error_with({"data.shift=3"}), HasSubstr("data.crop = \"shift\""));
  EXPECT_THAT(error_with({"train.stage=3"}), HasSubstr("train.stage = 3"));
}

TEST(Config, AClassificationHasNoTeacherAndStandsAlone) {
  EXPECT_THAT(error_with({"objective.itc.kind=classify"}), HasSubstr("objective.itc.teacher"));
  std::vector<std::string> const classify = {"objective.itc.kind=classify",
                                             "objective.itc.teacher=[]", "objective.itc.classes=3"};
  auto with = [&](std::vector<std::string> more) {
    more.insert(more.begin(), classify.begin(), classify.end());
    return error_with(more);
  };
  EXPECT_THAT(with({"objective.itc.class_names=[\"a\", \"b\"]"}), HasSubstr("names 2 classes"));
  EXPECT_THAT(with({"objective.dcl_text_text.kind=classify", "objective.dcl_text_text.teacher=[]"}),
              HasSubstr("several classify terms"));
}

TEST(Config, WhatDoesNothingYetIsRefusedByName) {
  EXPECT_THAT(error_with({"checkpoint.asynchronous=true"}),
              AllOf(HasSubstr("checkpoint.asynchronous"), HasSubstr("not available yet")));
}

TEST(Config, LayoutsAreCheckedAgainstTheNumberOfRanks) {
  auto error_on = [](int ranks, std::vector<std::string> const& overrides,
                     Backend backend = Backend::cpu) {
    return usage_error([&] { check_layout(minimal_with(overrides), ranks, backend); });
  };
  for (int const ranks : {1, 2, 4, 8, 16, 32}) check_layout(minimal_with({}), ranks, Backend::cpu);
  check_layout(minimal_with({"parallel.tensor=4", "parallel.pipeline=4"}), 16, Backend::cpu);
  EXPECT_THAT(error_on(3, {}), HasSubstr("use one of 1, 2, 4, 8, 16, 32"));
  EXPECT_THAT(error_on(64, {}), HasSubstr("in pools of loss.denoising_pool = 2"));
  EXPECT_THAT(error_on(8, {"train.micro_batch=16"}), HasSubstr("does not divide the 8 samples"));
  EXPECT_THAT(error_on(3, {"parallel.tensor=2"}), HasSubstr("use a multiple of 2 ranks"));
  EXPECT_THAT(error_on(8, {"parallel.tensor=8"}), HasSubstr("choose one of 1, 2, 4"));
  EXPECT_THAT(error_on(8, {"parallel.pipeline=8"}), HasSubstr("more than model.layers = 4"));
  EXPECT_THAT(error_on(2, {"parallel.pipeline=2", "parallel.stage_layers=[1, 2]"}),
              HasSubstr("adds up to 3"));
  EXPECT_THAT(error_on(2, {"parallel.pipeline=2", "parallel.schedule=interleaved",
                           "parallel.virtual_stages=2", "train.micro_batch=64"}),
              AllOf(HasSubstr("rounds of parallel.pipeline = 2"), HasSubstr("makes 1 of the 64"),
                    HasSubstr("choose one of 2, 4, 8, 16, 32")));
  EXPECT_THAT(error_on(1, {"train.dtype=bfloat16"}),
              HasSubstr("\"bfloat16\" is not available on the cpu"));
  EXPECT_THAT(error_on(1, {"train.dtype=float64"}, Backend::cuda),
              HasSubstr("\"float64\" is not available on cuda"));
}

TEST(Config, TheTokenizersVocabularyMustBeTheModels) {
  Config config = minimal_with({});
  use_vocabulary(config, 260);
  EXPECT_EQ(config.model.modalities[0].vocabulary, 260);
  EXPECT_THAT(usage_error([&] { use_vocabulary(config, 50264); }), HasSubstr("has 50264 rows"));
}

TEST(Config, ShippedFilesAreValid) {
  int files = 0;
  for (auto const& file : std::filesystem::directory_iterator(shipped_configs())) {
    Config const config = load_config(file.path());
    if (config.train.dtype != DType::bfloat16) check_layout(config, 1, Backend::cpu);
    std::string const printed = to_toml(config);
    EXPECT_EQ(to_toml(parse_config(printed, "printed")), printed) << file.path();
    ++files;
  }
  EXPECT_GE(files, 5);
}

TEST(Config, TinyRunsOnEveryLayoutItPromises) {
  for (int const tensor : {1, 2, 4})
    for (int const pipeline : {1, 2, 4})
      for (int const data : {1, 2, 4, 8}) {
        Config config = load_config(shipped_configs() / "tiny-vl.toml");
        config.parallel.tensor = tensor;
        config.parallel.pipeline = pipeline;
        check_layout(config, tensor * pipeline * data, Backend::cpu);
      }
  Config const config = load_config(shipped_configs() / "tiny-vl.toml");
  EXPECT_EQ(config.train.init, InitMode::dense);
  EXPECT_EQ(config.schedule.warmup_steps, 0);
  EXPECT_GE(config.schedule.learning_rate, 1e-3);
}

TEST(Config, TheReferenceNamesEveryKey) {
  std::string const reference = configuration_reference();
  for (Section const& section : schema())
    for (Key const& key : section.keys) {
      EXPECT_THAT(reference, HasSubstr("`" + key.name + "`"));
      EXPECT_FALSE(key.doc.empty()) << key.name;
    }
}

TEST(Config, AnOverrideGivesATextKeyWhatWasTyped) {
  for (std::string const typed : {"20240601", "2024-06-01", "1e5", "1_1_1", "true", "[1]", "{}",
                                  "0x10", "a#b", "1 # b", ""}) {
    EXPECT_EQ(minimal_with({"log.directory=" + typed}).log.directory, typed);
    EXPECT_EQ(minimal_with({"data.train=" + typed}).data.train, typed);
  }
  EXPECT_EQ(minimal_with({"log.directory=\"20240601\""}).log.directory, "20240601");
  EXPECT_THAT(error_with({"train.steps=2024-06-01"}), HasSubstr("expected an integer"));
  EXPECT_THAT(error_with({"train.dtype=32"}), HasSubstr("\"float32\""));
}

TEST(Config, IntegersAreCheckedWhereTheyAreRead) {
  for (std::string const key :
       {"checkpoint.keep", "checkpoint.files", "data.threads", "data.shift", "loss.tile",
        "train.global_batch", "modality.text.vocabulary", "modality.image.size"})
    EXPECT_THAT(error_with({key + "=4294967296"}), AllOf(HasSubstr(key), HasSubstr("<=")));
  EXPECT_THAT(error_with({"parallel.stage_layers=[4294967296]"}), HasSubstr("<= 2147483647"));
  EXPECT_THAT(error_with({"train.steps=9007199254740992", "train.global_batch=1073741824"}),
              AllOf(HasSubstr("train.steps"), HasSubstr("train.global_batch")));
  EXPECT_THAT(error_with({"train.steps=0", "train.epochs=4611686018427387905"}),
              HasSubstr("train.epochs"));
}

TEST(Config, LegalNumbersAreListedAtOnce) {
  EXPECT_THAT(divisors_of(36), ::testing::ElementsAre(1, 2, 3, 4, 6, 9, 12, 18, 36));
  EXPECT_THAT(divisors_of(1), ::testing::ElementsAre(1));
  EXPECT_EQ(divisors_of(Index{1} << 40).size(), 41u);
}

TEST(Config, DepthAndLengthAreBounded) {
  auto const repeated = [](std::string const& part, int times) {
    std::string text;
    for (int i = 0; i < times; ++i) text += part;
    return text;
  };
  std::string const key = repeated("a.", 20000) + "a";
  EXPECT_THAT(error_of("[" + key + "]\n"), HasSubstr("run.toml:1"));
  EXPECT_THAT(error_of("[[" + key + "]]\n"), HasSubstr("run.toml:1"));
  EXPECT_THAT(error_of("\n" + key + " = 1\n"), HasSubstr("run.toml:2"));
  EXPECT_THAT(error_of("x = {" + key + " = 1}\n"), HasSubstr("run.toml:1"));
  EXPECT_THAT(error_of("x = {y = \"\"\"z\"\"\"\", " + key + " = 1}\n"), HasSubstr("run.toml:1"));
  EXPECT_THAT(error_of(repeated("a.", 20000) + "\"b\" = 1\n"), HasSubstr("run.toml:1"));
  std::string const nested = repeated("{a.a.a.a.a.a.a.a=", 200) + "1" + repeated("}", 200);
  error_of("x = " + nested + "\n");
  error_of("x = " + repeated("[", 50000) + repeated("]", 50000) + "\n");
  error_with({key + "=1"});
  error_with({"log.directory.x=" + nested});
  EXPECT_EQ(minimal_with({"data.train=" + key}).data.train, key);
  EXPECT_EQ(minimal_with({"data.train=" + nested}).data.train, nested);
  error_with({std::string(1 << 20, 'k') + "=1"});

  std::string many = minimal;
  for (int i = 0; i < 20000; ++i)
    many += fmt::format("[[modality]]\nname = \"m{}\"\nadapter = \"token\"\n", i);
  EXPECT_THAT(error_of(many), HasSubstr("more than 1000 [[modality]]"));
}
