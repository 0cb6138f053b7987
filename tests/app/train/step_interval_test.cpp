#include "app/train/step_interval.hpp"

#include <gtest/gtest.h>

#include "parallel/comm/thread_communicator.hpp"
#include "tests/support/tiny_model.hpp"

namespace accord::app {
namespace {

TEST(StepInterval, GivesTheMeanOfItsStepsWithoutWhatIsNoSteps) {
  StepInterval interval(100);
  StepReport report;
  report.data_wait_seconds = 1;
  report.model_flops = 10;
  report.executed_flops = 20;
  interval.add(report);
  report.data_wait_seconds = 2;
  report.model_flops = 30;
  report.executed_flops = 40;
  report.timing_seconds = 5;
  interval.add(report);
  interval.leave_out(3);
  IntervalFigures const figures = interval.figures(120);
  EXPECT_EQ(figures.steps, 2);
  EXPECT_EQ(figures.step_seconds, 6);  // of 20 seconds 5 and 3 are none of theirs
  EXPECT_EQ(figures.data_wait_seconds, 1.5);
  EXPECT_EQ(figures.model_flops, 40);
  EXPECT_EQ(figures.executed_flops, 60);
}

TEST(IntervalFigures, OfAJobAreTheWorstWaitAndMemoryAndTheSumOfOperations) {
  parallel::ThreadGroup(2).run([](parallel::GroupCommunicator& world) {
    Queue queue(Backend::cpu);
    bool const first = world.rank() == 0;
    IntervalFigures const all = over_ranks(queue, world,
                                           {.step_seconds = 7,
                                            .data_wait_seconds = first ? 1.0 : 3.0,
                                            .model_flops = first ? 10.0 : 20.0,
                                            .executed_flops = first ? 30.0 : 40.0,
                                            .peak_memory_bytes = first ? 6.0 : 5.0,
                                            .steps = 2});
    EXPECT_EQ(all.step_seconds, 7);
    EXPECT_EQ(all.data_wait_seconds, 3);
    EXPECT_EQ(all.model_flops, 30);
    EXPECT_EQ(all.executed_flops, 70);
    EXPECT_EQ(all.peak_memory_bytes, 6);
    EXPECT_EQ(all.steps, 2);
  });
}

TEST(MetricsLine, NamesTheFiguresOfEveryObjective) {
  ModelConfig model =
      accord::testing::tiny_finetune_config(2, Pooling::attention);  // a contrast, and classes
  StepReport report;
  report.step = 3;
  report.epoch = 1;
  report.loss = 4;
  report.terms = {0.5, 0.25};
  report.accuracy = {0.125, 0.375, 0.75};
  report.scalars = {14};
  report.grad_norm = 2;
  report.learning_rate = 1e-3;
  IntervalFigures interval;
  interval.step_seconds = 2;
  interval.steps = 5;
  interval.data_wait_seconds = 0.5;
  interval.model_flops = 4e13;     // of 2 ranks in 10 seconds
  interval.executed_flops = 8e13;  // likewise
  interval.peak_memory_bytes = 1e9;
  EXPECT_EQ(io::to_json(metrics_line(report, interval, 2, model, 16, 7)),
            R"({"step": 3, "epoch": 1, "samples_seen": 48, "loss": 4.0, "itc_loss": 0.5, )"
            R"("class_loss": 0.25, "i2t_accuracy": 0.125, "t2i_accuracy": 0.375, )"
            R"("class_accuracy": 0.75, "logit_scale": 14.0, "grad_norm": 2.0, )"
            R"("learning_rate": 0.001, "step_seconds": 2.0, "data_wait_seconds": 0.5, )"
            R"("samples_per_second": 8.0, "model_tflops_per_rank": 2.0, )"
            R"("executed_tflops_per_rank": 4.0, "peak_memory_bytes": 1000000000, )"
            R"("skipped_samples": 7})"
            "\n");
}

}  // namespace
}  // namespace accord::app
