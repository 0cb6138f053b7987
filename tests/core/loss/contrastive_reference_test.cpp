#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <filesystem>

#include "io/hdf5/hdf5_reader.hpp"
#include "tests/core/loss/distributed_contrast.hpp"

using namespace accord;
using accord::testing::ContrastBatch;
using accord::testing::ContrastOutcome;
using accord::testing::ContrastRun;
using accord::testing::Form;

namespace {

double relative_l2(std::vector<double> got, std::vector<double> const& want) {
  for (std::size_t i = 0; i < got.size(); ++i) got[i] -= want[i];
  return std::sqrt(accord::testing::dot(got, got) / accord::testing::dot(want, want));
}

double sum(std::vector<double> const& values) {
  double total = 0;
  for (double const v : values) total += v;
  return total;
}

}  // namespace

// Features and results of the official code on several ranks. Its per-rank losses and gradients are
// means over the rank's own rows: ours are divided by the global batch.
TEST(ContrastiveReference, RingReproducesTheOfficialAndTheGlobalLoss) {
  char const* folder = std::getenv("ACCORD_REFERENCE_DIR");
  if (folder == nullptr || *folder == '\0')
    GTEST_SKIP() << "ACCORD_REFERENCE_DIR is not set: there are no reference files to read";
  for (char const* name : {"dist_itc_4x6.h5", "dist_itc_3x1.h5", "dist_itc_4x7_smooth.h5"}) {
    SCOPED_TRACE(name);
    io::Hdf5Reader const file(std::filesystem::path(folder) / name);
    auto const shape = file.dataset("inputs/image_features").shape;
    int const ranks = static_cast<int>(shape[0]);
    double const scale = std::exp(file.read<double>("inputs/logit_scale")[0]);
    ContrastBatch const in{shape[0] * shape[1], shape[2],
                           file.read<double>("inputs/image_features"),
                           file.read<double>("inputs/text_features"), scale};
    ContrastRun run;
    run.backend = Backend::cpu;
    if (std::string(name).find("smooth") != std::string::npos) run.options.label_smoothing = 0.1;
    for (Form const form : {Form::ring, Form::gathered}) {
      run.form = form;
      run.options.gradient = ContrastGradient::exact;
      ContrastOutcome const exact = run_contrast(ranks, in, run);
      EXPECT_NEAR(exact.loss, file.read<double>("outputs/global/loss")[0], 1e-9);
      EXPECT_EQ(exact.a2b_correct, file.read<double>("outputs/global/i2t_ncorrect")[0]);
      EXPECT_EQ(exact.b2a_correct, file.read<double>("outputs/global/t2i_ncorrect")[0]);
      EXPECT_LT(relative_l2(exact.dz_a, file.read<double>("grads/global/d_image")), 1e-7);
      EXPECT_LT(relative_l2(exact.dz_b, file.read<double>("grads/global/d_text")), 1e-7);
      EXPECT_NEAR(exact.dscale * scale, file.read<double>("grads/global/d_logit_scale")[0], 1e-8);

      run.options.gradient = ContrastGradient::anchor;
      ContrastOutcome anchor = run_contrast(ranks, in, run);
      auto const losses = file.read<double>("outputs/official/loss");
      for (int rank = 0; rank < ranks; ++rank)
        EXPECT_NEAR(anchor.loss_of_rank[rank] * ranks, losses[rank], 1e-9);
      for (std::vector<double>* gradient : {&anchor.dz_a, &anchor.dz_b})
        for (double& g : *gradient) g *= ranks;
      EXPECT_LT(relative_l2(anchor.dz_a, file.read<double>("grads/official/d_image")), 1e-7);
      EXPECT_LT(relative_l2(anchor.dz_b, file.read<double>("grads/official/d_text")), 1e-7);
      EXPECT_NEAR(anchor.dscale * scale * ranks,
                  sum(file.read<double>("grads/official/d_logit_scale")), 1e-8);
    }
  }
}
