#include "app/train/inherited_tables.hpp"

#include <gtest/gtest.h>

#include "core/base/error.hpp"
#include "core/model/interpolation.hpp"
#include "tests/support/op_testing.hpp"

using namespace accord;
using namespace accord::app;

namespace {

ModelConfig text_and_image() {
  ModelConfig model;
  model.modalities = {{.name = "text", .adapter = "token"}, {.name = "image", .adapter = "patch"}};
  return model;
}

ParameterSpec parameter(std::string const& name, Shape shape) {
  return {.name = "encoder_wrapper." + name, .shape = shape};
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
      {parameter("text_adapter.rel_pos_table_list.0.weight", {18, 4}),
       parameter("text_adapter.rel_pos_table_list.11.weight", {18, 4})},
      text_and_image(),
      source_with({parameter("text_adapter.rel_pos_table_list.0.weight", {18, 4})}));
  ASSERT_EQ(inherited.size(), 1u);  // table 0 is loaded as it is
  EXPECT_EQ(inherited[0].name, "encoder_wrapper.text_adapter.rel_pos_table_list.11.weight");
  EXPECT_EQ(inherited[0].source, "encoder_wrapper.text_adapter.rel_pos_table_list.0.weight");
  std::vector<double> const values = accord::testing::random_values(18 * 4, 1);
  EXPECT_EQ(inherit(inherited[0], values), values);
}

TEST(InheritedTables, AModelThatHasTablesOfItsOwnKeepsThem) {
  std::vector<ParameterSpec> const own = {
      parameter("text_adapter.rel_pos_table_list.0.weight", {18, 4}),
      parameter("text_adapter.rel_pos_table_list.1.weight", {18, 4})};
  EXPECT_TRUE(inherited_tensors(own, text_and_image(), source_with(own)).empty());
}

TEST(InheritedTables, TablesOfALargerGridAreResized) {
  auto const inherited = inherited_tensors(
      {parameter("image_adapter.pos_embed", {37, 8}),
       parameter("image_adapter.rel_pos_table_list.0.weight", {124, 4}),
       parameter("image_adapter.rel_pos_table_list.1.weight", {124, 4}),
       parameter("image_adapter.cls_embedding", {1, 1, 8})},
      text_and_image(),
      source_with({parameter("image_adapter.pos_embed", {17, 8}),
                   parameter("image_adapter.rel_pos_table_list.0.weight", {52, 4}),
                   parameter("image_adapter.cls_embedding", {1, 1, 8})}));
  ASSERT_EQ(inherited.size(), 3u);
  std::vector<double> const positions = accord::testing::random_values(17 * 8, 1);
  EXPECT_EQ(inherit(inherited[0], positions), resize_position_table(positions, 4, 6));
  std::vector<double> const table = accord::testing::random_values(52 * 4, 2);
  for (std::size_t i : {1u, 2u})
    EXPECT_EQ(inherit(inherited[i], table), resize_bias_table(table, 4, 6));
}

TEST(InheritedTables, BiasTablesDoNotShrinkAndOddSizesAreNoGrids) {
  Inherited tensor{
      "encoder_wrapper.image_adapter.rel_pos_table_list.0.weight", "", {124, 4}, {52, 4}};
  EXPECT_THROW(inherit(tensor, std::vector<double>(124 * 4)), UsageError);
  tensor.from = {125, 4};
  EXPECT_THROW(inherit(tensor, std::vector<double>(125 * 4)), DataError);
}

TEST(InheritedTables, OtherTensorsOfAnotherSizeAreNotTouched) {
  EXPECT_TRUE(inherited_tensors(
                  {parameter("text_adapter.embed_positions.weight", {66, 8}),
                   parameter("text_adapter.rel_pos_table_list.0.weight", {18, 4})},
                  text_and_image(),
                  source_with({parameter("text_adapter.embed_positions.weight", {34, 8}),
                               parameter("text_adapter.rel_pos_table_list.0.weight", {34, 4})}))
                  .empty());
}
