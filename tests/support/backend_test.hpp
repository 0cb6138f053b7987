#pragma once
// A fixture that runs a computation on a backend and compares it with the reference.

#include <gtest/gtest.h>
#include <omp.h>

#include <functional>
#include <string>
#include <vector>

#include "tests/support/operands.hpp"

namespace accord::testing {

/// Makes its operands, calls ops, returns the views to compare.
using Computation = std::function<std::vector<View>(Operands&)>;

struct Setting {
  Backend backend;
  DType dtype;
};

/// What an op wrote, and the type that it is kept in.
struct Result {
  std::vector<double> values;
  DType dtype;
  bool operator==(Result const&) const = default;
};

/// The reference backend computes bfloat16 cases in float32, from operands rounded alike.
inline std::vector<Result> results(Setting setting, Layout layout, Computation const& computation) {
  Queue queue(setting.backend);
  bool const held_in_float32 =
      setting.backend == Backend::reference && setting.dtype == DType::bfloat16;
  Operands operands(queue, held_in_float32 ? DType::float32 : setting.dtype, layout, setting.dtype);
  std::vector<Result> results;
  for (View view : computation(operands)) results.push_back({values_of(queue, view), view.dtype()});
  return results;
}

/// ||got - want|| / ||want||, and NaN where either holds a NaN.
inline double relative_distance(std::vector<double> const& got, std::vector<double> const& want) {
  double difference = 0, norm = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    difference += (got[i] - want[i]) * (got[i] - want[i]);
    norm += want[i] * want[i];
  }
  return difference == 0 ? 0 : std::sqrt(difference / norm);
}

/// Sets the number of OpenMP threads while it lives.
class Threads {
 public:
  explicit Threads(int threads) : before_(omp_get_max_threads()) { omp_set_num_threads(threads); }
  Threads(Threads const&) = delete;
  Threads& operator=(Threads const&) = delete;
  ~Threads() { omp_set_num_threads(before_); }

 private:
  int before_;
};

enum class ThreadCount { keeps_the_bits, may_round };

class BackendTest : public ::testing::TestWithParam<Setting> {
 protected:
  void SetUp() override {
    if (GetParam().backend == Backend::cuda) ACCORD_NEEDS_DEVICE();
  }

  /// What results in `dtype` may differ by, relative L2: the rounding of sums, and of each
  /// bfloat16 result. Sums and statistics of a bfloat16 op are float32, and as good as those of a
  /// float32 op.
  static double tolerance(DType dtype) {
    switch (dtype) {
      case DType::float64:
        return 1e-13;
      case DType::float32:
        return 1e-5;
      default:
        return 0x1p-8;
    }
  }

  /// The computation gives what the reference backend gives in the same type (relative L2), on
  /// dense and strided operands, and the same bits for 1, 2 and 3 threads.
  void expect_like_reference(Computation const& computation, std::string const& what,
                             ThreadCount thread_count = ThreadCount::keeps_the_bits) {
    Setting const setting = GetParam();
    std::vector<int> const thread_counts =
        setting.backend == Backend::cuda ? std::vector{1} : std::vector{1, 2, 3};
    for (Layout layout : {Layout::dense, Layout::strided}) {
      auto const want = results({Backend::reference, setting.dtype}, layout, computation);
      std::vector<Result> first;
      for (int threads : thread_counts) {
        Threads const with(threads);
        auto const got = results(setting, layout, computation);
        if (threads == 1) first = got;
        for (std::size_t i = 0; i < want.size(); ++i) {
          ASSERT_EQ(got[i].values.size(), want[i].values.size()) << what;
          EXPECT_LE(relative_distance(got[i].values, want[i].values), tolerance(got[i].dtype))
              << what << ", result " << i
              << (layout == Layout::strided ? ", strided rows" : ", dense rows");
          EXPECT_TRUE(thread_count == ThreadCount::may_round || got[i] == first[i])
              << what << ", result " << i << " differs on " << threads << " threads";
        }
      }
    }
  }
};

/// Rows and columns below, at and above a vector's width, none, enough for three threads, and more
/// rows than there are blocks that sum columns.
inline std::vector<Shape> const matrix_shapes{{0, 5},  {1, 1},   {3, 7},     {2, 16},
                                              {5, 33}, {65, 96}, {200, 257}, {600, 3}};

inline auto const backends = ::testing::Values(
    Setting{Backend::cpu, DType::float64}, Setting{Backend::cpu, DType::float32},
    Setting{Backend::cuda, DType::float32}, Setting{Backend::cuda, DType::bfloat16});
inline std::string backend_name(::testing::TestParamInfo<Setting> const& info) {
  return std::string(name_of(info.param.backend)) + "_" + std::string(name_of(info.param.dtype));
}

}  // namespace accord::testing

/// Runs every TEST_P of a suite derived from BackendTest on each backend and type.
#define ACCORD_TEST_ON_BACKENDS(suite)                                   \
  INSTANTIATE_TEST_SUITE_P(Backends, suite, ::accord::testing::backends, \
                           ::accord::testing::backend_name)
