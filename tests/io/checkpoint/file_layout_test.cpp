#include "io/checkpoint/file_layout.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

using namespace accord;
using namespace accord::io;

namespace {

TensorInfo tensor_of(std::string name, Index elements, DType dtype = DType::float32) {
  return {"weight", std::move(name), Shape{elements}, dtype};
}

std::string error_of(std::vector<TensorInfo> const& infos, std::vector<ConstPiece> const& pieces) {
  try {
    check_coverage(infos, pieces);
  } catch (Error const& error) {
    return error.what();
  }
  return "";
}

}  // namespace

TEST(DealOverFiles, BalancesBytes) {
  std::vector<TensorInfo> infos;
  for (Index n : {100, 1, 50, 7, 7, 30, 200, 90, 3})
    infos.push_back(tensor_of(std::to_string(n), n));
  std::vector<int> const file_of = deal_over_files(infos, 3);
  std::vector<Index> filled(3);
  for (std::size_t i = 0; i < infos.size(); ++i)
    filled.at(static_cast<std::size_t>(file_of[i])) += infos[i].shape.size();
  EXPECT_LE(*std::max_element(filled.begin(), filled.end()), 200);  // 488 / 3, and one of 200
  EXPECT_GE(*std::min_element(filled.begin(), filled.end()), 120);
}

TEST(DealOverFiles, LeavesNoFileEmpty) {
  std::vector<TensorInfo> const infos{tensor_of("a", 1), tensor_of("b", 1)};
  EXPECT_EQ(deal_over_files(infos, 5), (std::vector<int>{0, 1}));
  EXPECT_EQ(deal_over_files(infos, 0), (std::vector<int>{0, 0}));
}

TEST(CheckCoverage, AcceptsPiecesInAnyOrder) {
  EXPECT_EQ(error_of({tensor_of("a", 10), tensor_of("b", 3)},
                     {{1, 0, 3, nullptr}, {0, 4, 6, nullptr}, {0, 0, 4, nullptr}}),
            "");
}

TEST(CheckCoverage, NamesWhatNobodyOrTwoHold) {
  std::vector<TensorInfo> const infos{tensor_of("a", 10), tensor_of("b", 3)};
  auto const contains = [](std::string const& text, std::string const& part) {
    EXPECT_NE(text.find(part), std::string::npos) << text;
  };
  contains(error_of(infos, {{0, 0, 10, nullptr}, {1, 0, 2, nullptr}}), "[2, 3) of weight/b");
  contains(error_of(infos, {{0, 0, 10, nullptr}}), "[0, 3) of weight/b");
  contains(error_of(infos, {{0, 0, 4, nullptr}, {0, 5, 5, nullptr}, {1, 0, 3, nullptr}}),
           "[4, 5) of weight/a belong to no rank");
  contains(error_of(infos, {{0, 0, 6, nullptr}, {0, 5, 5, nullptr}, {1, 0, 3, nullptr}}),
           "from 5 of weight/a belong to two");
  contains(error_of(infos, {{0, 0, 11, nullptr}, {1, 0, 3, nullptr}}), "10 elements");
  contains(error_of(infos, {{0, 0, 10, nullptr}, {1, 0, 3, nullptr}, {2, 0, 1, nullptr}}),
           "tensor 2");
}

TEST(RunsOf, MergesNeighboursAcrossTensors) {
  std::vector<TensorInfo> const infos{tensor_of("a", 10), tensor_of("b", 3), tensor_of("c", 5)};
  std::vector<Placement> const places{{0, 1000}, {0, 1040}, {0, 1100}};
  std::vector<ConstPiece> const pieces{{2, 0, 5, nullptr}, {1, 0, 3, nullptr}, {0, 6, 4, nullptr}};
  std::vector<FileRun> const runs = runs_of(infos, places, pieces, 1 << 20);
  ASSERT_EQ(runs.size(), 2u);
  EXPECT_EQ(runs[0].offset, 1024u);
  EXPECT_EQ(runs[0].bytes, 16u + 12u);
  ASSERT_EQ(runs[0].fragments.size(), 2u);
  EXPECT_EQ(runs[0].fragments[0].piece, 2);
  EXPECT_EQ(runs[0].fragments[1].piece, 1);
  EXPECT_EQ(runs[1].offset, 1100u);
}

TEST(RunsOf, EndAtMultiplesAndNeverCutAnElement) {
  // float64 at an offset that is no multiple of 8: borders at 64, 128, ... fall inside elements.
  std::vector<TensorInfo> const infos{tensor_of("a", 100, DType::float64)};
  std::vector<Placement> const places{{0, 20}};
  std::vector<ConstPiece> const pieces{{0, 0, 33, nullptr}, {0, 33, 67, nullptr}};
  std::uint64_t at = 20;
  for (FileRun const& run : runs_of(infos, places, pieces, 64)) {
    EXPECT_EQ(run.offset, at);
    EXPECT_EQ((run.offset - 20) % 8, 0u);
    EXPECT_EQ(run.bytes % 8, 0u);
    EXPECT_LT(run.bytes, 64u + 8u);
    std::uint64_t inside = run.offset;
    for (Fragment const& fragment : run.fragments) {
      EXPECT_EQ(fragment.offset, inside);
      inside += fragment.bytes;
    }
    at += run.bytes;
    EXPECT_EQ(inside, at);
    EXPECT_TRUE(at % 64 < 8 || at == 820);
  }
  EXPECT_EQ(at, 820u);
}
