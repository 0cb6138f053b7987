#pragma once

#include "tests/parallel/data/toy_training.hpp"

namespace accord::parallel {

/// The same toy run on one rank alone.
ToyResult run_toy_alone(ToyRun const& run, Zero zero = Zero::sharded);
/// Every tensor and every step's norm the same, bit by bit.
void expect_same(ToyResult const& got, ToyResult const& want);
/// Every tensor within `relative` of its own norm.
void expect_close(ToyResult const& got, ToyResult const& want, double relative);

}  // namespace accord::parallel
