#include "app/train/resume_notes.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace accord::app {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class ResumeNotes : public ::testing::Test {
 protected:
  ResumeNotes() {
    saved_.train.steps = 10;
    saved_.schedule = {.learning_rate = 1e-3, .min_learning_rate = 1e-5, .warmup_steps = 2};
    now_ = saved_;
    checkpoint_.step = 10;
    checkpoint_.documents.run.total_steps = 10;
  }
  std::vector<std::string> notes(Index steps) const {
    return resume_notes(saved_, checkpoint_, now_,
                        {now_.schedule.learning_rate, now_.schedule.min_learning_rate,
                         now_.schedule.warmup_steps, steps});
  }

  Config saved_, now_;
  io::Manifest checkpoint_;
};

TEST_F(ResumeNotes, SaysNothingOfARunThatGoesOnAsItWas) { EXPECT_THAT(notes(10), IsEmpty()); }

TEST_F(ResumeNotes, TellsTheRatesOnBothSidesOfALongerSchedule) {
  EXPECT_THAT(notes(20),
              ElementsAre(AllOf(HasSubstr("steps 10 -> 20"), HasSubstr("step 11 has learning rate"),
                                HasSubstr("had 1e-05; step 10 had"))));
}

TEST_F(ResumeNotes, TellsOfEveryPartOfASchedule) {
  checkpoint_.step = 5;
  now_.schedule = {.learning_rate = 2e-3, .min_learning_rate = 1e-6, .warmup_steps = 3};
  EXPECT_THAT(notes(10), ElementsAre(AllOf(HasSubstr("learning_rate 0.001 -> 0.002"),
                                           HasSubstr("min_learning_rate 1e-05 -> 1e-06"),
                                           HasSubstr("warmup_steps 2 -> 3"))));
}

TEST_F(ResumeNotes, KnowsARunWithNothingLeft) {
  EXPECT_THAT(notes(8), ElementsAre(HasSubstr("no step is left")));
}

TEST_F(ResumeNotes, SaysThatTheWeightsOfAnotherHaveNoEffect) {
  saved_.train.init_from = "runs/a/";
  now_.train.init_from = "runs/./a";
  EXPECT_THAT(notes(10), ElementsAre(AllOf(HasSubstr("train.init_from"), HasSubstr("no effect"),
                                           ::testing::Not(HasSubstr("began")))));
  now_.train.init_from = "runs/b";
  EXPECT_THAT(notes(10), ElementsAre(HasSubstr("it began from another one, \"runs/a/\"")));
  saved_.train.init_from = "";
  EXPECT_THAT(notes(10), ElementsAre(HasSubstr("it began without one")));
  now_.train.init_from = "";
  EXPECT_THAT(notes(10), IsEmpty());
}

}  // namespace
}  // namespace accord::app
