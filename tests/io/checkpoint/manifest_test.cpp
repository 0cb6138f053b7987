#include "io/checkpoint/manifest.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "core/base/error.hpp"
#include "sample_checkpoint.hpp"

using namespace accord;
using namespace accord::io;

namespace {

Manifest small_manifest() {
  Manifest manifest;
  manifest.step = 123456789012;
  manifest.documents = sample_documents(5);
  manifest.documents.algorithms = R"({"gemm":[1,2,3]})";
  manifest.tensors = {{{"weight", "a.b.c", Shape{3, 4}, DType::float32}, 0, 2048},
                      {{"exp_avg", "a.b.c", Shape{}, DType::float64}, 0, 2096}};
  manifest.files = {
      {"data-0000.h5", 4096, {1, 2}, {{2048, 16, {3, 4}}, {2064, 40, {0xffffffffffffffff, 0}}}},
      {"index.h5", 512, {5, 6}, {}}};
  return manifest;
}

void expect_refused(std::string const& text, std::string const& part) {
  try {
    manifest_from_text(text, "here/manifest.json");
    ADD_FAILURE() << "accepted: " << part;
  } catch (DataError const& error) {
    EXPECT_NE(std::string(error.what()).find("here/manifest.json"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
  }
}

}  // namespace

TEST(Manifest, ComesBackAsItWas) {
  Manifest const manifest = small_manifest();
  Manifest const read = manifest_from_text(to_text(manifest), "");
  EXPECT_EQ(to_text(read), to_text(manifest));
  EXPECT_EQ(read.step, manifest.step);
  EXPECT_EQ(read.documents.configuration, manifest.documents.configuration);
  EXPECT_EQ(read.documents.loader, manifest.documents.loader);
  EXPECT_EQ(read.documents.algorithms, manifest.documents.algorithms);
  EXPECT_EQ(read.documents.tokenizer, manifest.documents.tokenizer);
  EXPECT_EQ(read.documents.run, manifest.documents.run);
  ASSERT_EQ(read.tensors.size(), 2u);
  EXPECT_EQ(read.tensors[0].info.path(), "weight/a.b.c");
  EXPECT_EQ(read.tensors[0].info.shape, (Shape{3, 4}));
  EXPECT_EQ(read.tensors[1].info.shape, Shape{});
  EXPECT_EQ(read.tensors[1].info.dtype, DType::float64);
  ASSERT_EQ(read.files.size(), 2u);
  EXPECT_EQ(read.files[0].runs[1].hash, (Hash128{0xffffffffffffffff, 0}));
}

// A manifest as programs of before wrote it: the run as texts by name.
TEST(Manifest, ReadsVersion1) {
  Manifest const read = manifest_from_text(R"({
"checkpoint": {
"format": "accord-checkpoint",
"version": 1,
"step": 7,
"run": {"build":"accord 0.9.0","carried_from":"[model]\nembed_dim = 8\n","device":"cpu","layout":"data 2 x pipeline 1 x tensor 4","processor":"Some Processor","program":"0123abcd","skipped_samples":"3","threads":"4","total_steps":"1200"},
"configuration": "[train]\nsteps = 10\n",
"loader": {"position":448},
"algorithms": null,
"tokenizer": {"bytes":""},
"tensors": [{"kind":"weight","name":"logit_scale","shape":[],"dtype":"float32","file":0,"offset":2048}],
"files": [{"name":"data-0000.h5","bytes":4096,"outside":"00000000000000010000000000000002","runs":[[2048,4,"00000000000000030000000000000004"]]},{"name":"index.h5","bytes":512,"outside":"00000000000000050000000000000006","runs":[]}]
},
"xxh3_128": "27459774f3017cb027f0d90aff084d8c"
}
)",
                                           "");
  EXPECT_EQ(read.step, 7);
  RunState want;
  want.build = "accord 0.9.0";
  want.conditions.program = "0123abcd";
  want.conditions.device = "cpu";
  want.conditions.processor = "Some Processor";
  want.conditions.threads = 4;
  want.conditions.layout = {2, 1, 4};
  want.total_steps = 1200;
  want.skipped_samples = 3;
  want.carried_configuration = "[model]\nembed_dim = 8\n";
  EXPECT_EQ(read.documents.run, want);
  EXPECT_EQ(read.documents.configuration, "[train]\nsteps = 10\n");
  EXPECT_EQ(read.tensors.at(0).info.path(), "weight/logit_scale");
}

TEST(Manifest, RefusesEverySingleBitFlipAndEveryCut) {
  std::string const text = to_text(small_manifest());
  for (std::size_t byte = 0; byte < text.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = text;
      flipped[byte] = static_cast<char>(flipped[byte] ^ (1 << bit));
      EXPECT_THROW(manifest_from_text(flipped, ""), DataError) << byte << " " << bit;
    }
    EXPECT_THROW(manifest_from_text(text.substr(0, byte), ""), DataError) << byte;
  }
  EXPECT_THROW(manifest_from_text(text + "\n", ""), DataError);
}

TEST(Manifest, RefusesContradictionsThoughTheHashIsRight) {
  auto const refused = [](std::function<void(Manifest&)> const& change, std::string const& part) {
    Manifest manifest = small_manifest();
    change(manifest);
    expect_refused(to_text(manifest), part);
  };
  refused([](Manifest& m) { m.tensors[0].file = 2; }, "file 2 of 2");
  refused([](Manifest& m) { m.tensors[0].file = -1; }, "file -1");
  refused([](Manifest& m) { m.tensors[0].offset = 4090; }, "ends beyond its file");
  refused([](Manifest& m) { m.tensors[0].offset = ~0ull; }, "ends beyond its file");
  refused([](Manifest& m) { m.tensors[0].info.shape = Shape{1ll << 40, 1ll << 40}; }, "shape");
  refused([](Manifest& m) { m.tensors[0].info.shape = Shape{-1}; }, "shape");
  refused([](Manifest& m) { m.tensors[1] = m.tensors[0]; }, "listed twice");
  refused([](Manifest& m) { m.tensors[1].offset += 8; }, "no hash covers byte 2104");
  refused([](Manifest& m) { m.files[0].runs.pop_back(); }, "no hash covers byte 2064");
  refused([](Manifest& m) { m.files[0].runs[1].offset = 2060; }, "a run of 40 bytes");
  refused([](Manifest& m) { m.files[0].runs[1].bytes = ~0ull; }, "a run of");
  refused([](Manifest& m) { m.files[1].name = "../index.h5"; }, "../index.h5");
}

TEST(Manifest, RefusesDocumentsThatItCannotHold) {
  Manifest manifest = small_manifest();
  manifest.documents.tokenizer["vocab.bpe"] = "\xff\xfe";
  EXPECT_THROW(to_text(manifest), DataError);
  manifest = small_manifest();
  manifest.documents.loader = "{";
  EXPECT_THROW(to_text(manifest), DataError);
}
