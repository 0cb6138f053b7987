#include "app/train/inherited_tables.hpp"

#include <gtest/gtest.h>

#include "core/base/error.hpp"
#include "core/model/interpolation.hpp"
#include "core/model/parameter_names.hpp"
#include "tests/support/op_testing.hpp"

using namespace accord;
using namespace accord::app;

namespace {

ModelConfig text_and_image() {
  ModelConfig model;
  model.modalities = {{.name = "text", .adapter = "token"}, {.name = "image", .adapter = "patch"}};
  return model;
}

using Kind = ParameterPart::Kind;

ParameterSpec parameter(std::string const& name, Shape shape, Kind kind = Kind::weights) {
  std::string const full = "encoder_wrapper." + name;
  return {.name = full,
          .shape = shape,
          .part = {.kind = kind, .modality = official::modality_of(full)}};
}

ParameterSpec bias_table(std::string const& name, Shape shape) {
  return parameter(name, shape, Kind::bias_table);
}

ParameterSpec position_table(std::string const& name, Shape shape) {
  return parameter(name, shape, Kind::position_table);
}

io::Manifest source_with(std::vector<ParameterSpec> const& parameters) {
  io::Manifest source;
  for (ParameterSpec const& p : parameters)
    source.tensors.push_back({{"weight", p.name, p.shape, DType::float32}, 0, 0});
  return source;
}

}  // namespace

TEST(InheritedTables, TablesOfLayersComeFromTheSharedOne) {
  auto const inherited = inherited_tensors(
      {bias_table("text_adapter.rel_pos_table_list.0.weight", {18, 4}),
       bias_table("text_adapter.rel_pos_table_list.11.weight", {18, 4})},
      text_and_image(),
      source_with({bias_table("text_adapter.rel_pos_table_list.0.weight", {18, 4})}));
  ASSERT_EQ(inherited.size(), 1u);  // table 0 is loaded as it is
  EXPECT_EQ(inherited[0].parameter.name,
            "encoder_wrapper.text_adapter.rel_pos_table_list.11.weight");
  EXPECT_EQ(inherited[0].source, "encoder_wrapper.text_adapter.rel_pos_table_list.0.weight");
  std::vector<double> const values = accord::testing::random_values(18 * 4, 1);
  EXPECT_EQ(inherited_values(inherited[0], values), values);
}

TEST(InheritedTables, AModelThatHasTablesOfItsOwnKeepsThem) {
  std::vector<ParameterSpec> const own = {
      bias_table("text_adapter.rel_pos_table_list.0.weight", {18, 4}),
      bias_table("text_adapter.rel_pos_table_list.1.weight", {18, 4})};
  EXPECT_TRUE(inherited_tensors(own, text_and_image(), source_with(own)).empty());
}

TEST(InheritedTables, TablesOfALargerGridAreResized) {
  auto const inherited = inherited_tensors(
      {position_table("image_adapter.pos_embed", {37, 8}),
       bias_table("image_adapter.rel_pos_table_list.0.weight", {124, 4}),
       bias_table("image_adapter.rel_pos_table_list.1.weight", {124, 4}),
       parameter("image_adapter.cls_embedding", {1, 1, 8})},
      text_and_image(),
      source_with({position_table("image_adapter.pos_embed", {17, 8}),
                   bias_table("image_adapter.rel_pos_table_list.0.weight", {52, 4}),
                   parameter("image_adapter.cls_embedding", {1, 1, 8})}));
  ASSERT_EQ(inherited.size(), 3u);
  std::vector<double> const positions = accord::testing::random_values(17 * 8, 1);
  EXPECT_EQ(inherited_values(inherited[0], positions), resize_position_table(positions, 4, 6));
  std::vector<double> const table = accord::testing::random_values(52 * 4, 2);
  for (std::size_t i : {1u, 2u})
    EXPECT_EQ(inherited_values(inherited[i], table), resize_bias_table(table, 4, 6));
}

TEST(InheritedTables, BiasTablesDoNotShrinkAndOddSizesAreNoGrids) {
  Inherited tensor{bias_table("image_adapter.rel_pos_table_list.0.weight", {52, 4}),
                   "",
                   {124, 4},
                   adapter_family("patch").resize_table};
  EXPECT_THROW(inherited_values(tensor, std::vector<double>(124 * 4)), UsageError);
  tensor.from = {125, 4};
  EXPECT_THROW(inherited_values(tensor, std::vector<double>(125 * 4)), DataError);
}

TEST(InheritedTables, OtherTensorsOfAnotherSizeAreNotTouched) {
  EXPECT_TRUE(inherited_tensors(
                  {position_table("text_adapter.embed_positions.weight", {66, 8}),
                   bias_table("text_adapter.rel_pos_table_list.0.weight", {18, 4})},
                  text_and_image(),
                  source_with({position_table("text_adapter.embed_positions.weight", {34, 8}),
                               bias_table("text_adapter.rel_pos_table_list.0.weight", {34, 4})}))
                  .empty());
}
