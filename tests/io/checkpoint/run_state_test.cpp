#include "io/checkpoint/run_state.hpp"

#include <gtest/gtest.h>

#include "core/base/error.hpp"

namespace accord::io {
namespace {

RunState full_state() {
  return {.id = "",
          .build = "accord 1.0",
          .made_from = "imported from a file",
          .conditions = {.program = "0123",
                         .device = "cuda: a device",
                         .library = "a library",
                         .processor = "a processor",
                         .threads = 4,
                         .layout = {.data = 2, .pipeline = 1, .tensor = 8}},
          .total_steps = 1200,
          .skipped_samples = 3,
          .carried_configuration = "[model]\n"};
}

TEST(RunState, ComesBackAsItWas) {
  EXPECT_EQ(run_state_from_json(to_json(full_state())), full_state());
  EXPECT_EQ(run_state_from_json(to_json({})), RunState{});
}

TEST(RunState, RemembersWhichRunItIsOfAndWhatWasChanged) {
  RunState state = full_state();
  state.id = "0f";
  state.history = {{3, "schedule.learning_rate", "0.1", "0.01"}, {5, "train.seed", "1", "2"}};
  EXPECT_EQ(run_state_from_json(to_json(state)), state);
}

TEST(RunState, IsNumbersWhereItIsNumbers) {
  EXPECT_EQ(to_json({.conditions = {.threads = 2, .layout = {1, 2, 4}}, .total_steps = 5}),
            R"({"conditions":{"threads":2,"layout":{"data":1,"pipeline":2,"tensor":4}},)"
            R"("total_steps":5,"skipped_samples":0})");
}

TEST(RunState, TakesDefaultsForWhatIsMissingAndPassesOverWhatItDoesNotKnow) {
  EXPECT_EQ(run_state_from_json(R"({"build":"b","history":[1,2]})"), (RunState{.build = "b"}));
}

TEST(RunState, RefusesFieldsOfAnotherKind) {
  for (char const* json :
       {"[1]", "", "{", R"({"build":1})", R"({"total_steps":"5"})", R"({"skipped_samples":1.5})",
        R"({"conditions":{"threads":"2"}})", R"({"conditions":{"layout":"data 1"}})"})
    EXPECT_THROW(run_state_from_json(json), DataError) << json;
}

TEST(RunState, ReadsTheNotesOfVersion1) {
  EXPECT_EQ(run_state_from_notes({{"build", "accord 1.0"},
                                  {"imported_from", "a file"},
                                  {"program", "0123"},
                                  {"device", "cuda: a device"},
                                  {"library", "a library"},
                                  {"processor", "a processor"},
                                  {"threads", "4"},
                                  {"layout", "data 2 x pipeline 1 x tensor 8"},
                                  {"total_steps", "1200"},
                                  {"skipped_samples", "3"},
                                  {"carried_from", "[model]\n"}}),
            full_state());
  EXPECT_EQ(run_state_from_notes({}), RunState{});
  EXPECT_EQ(run_state_from_notes({{"merged_from", "a, b"}}).made_from, "merged from a, b");
  EXPECT_EQ(run_state_from_notes({{"exported_from", "a"}}).made_from, "exported from a");
  for (auto const& [name, text] :
       {std::pair{"threads", "four"}, std::pair{"layout", "2"}, std::pair{"total_steps", "12x"}})
    EXPECT_THROW(run_state_from_notes({{name, text}}), DataError) << name;
}

TEST(RunLayout, ReadsAsWords) {
  EXPECT_EQ(to_string(RunLayout{2, 1, 4}), "data 2 x pipeline 1 x tensor 4");
  EXPECT_EQ(to_string(RunLayout{}), "");
}

}  // namespace
}  // namespace accord::io
