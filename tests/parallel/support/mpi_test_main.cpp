// main() of tests that run under mpirun: all ranks run all tests; rank 0 reports, the others speak
// only of failures.
#include <gtest/gtest.h>

#include <cstdio>

#include "parallel/comm/mpi_environment.hpp"

namespace {

class FailuresOnly : public testing::EmptyTestEventListener {
 public:
  explicit FailuresOnly(int rank) : rank_(rank) {}
  void OnTestPartResult(testing::TestPartResult const& result) override {
    if (result.failed())
      std::fprintf(stderr, "[rank %d] %s:%d: %s\n", rank_, result.file_name(), result.line_number(),
                   result.message());
  }

 private:
  int rank_;
};

}  // namespace

int main(int argc, char** argv) {
  accord::parallel::MpiEnvironment mpi(argc, argv);
  testing::InitGoogleTest(&argc, argv);
  if (mpi.rank() > 0) {
    auto& listeners = testing::UnitTest::GetInstance()->listeners();
    delete listeners.Release(listeners.default_result_printer());
    listeners.Append(new FailuresOnly(mpi.rank()));
  }
  return RUN_ALL_TESTS();
}
