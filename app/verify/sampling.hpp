#pragma once
// Random draws are compared as distributions: whether what was seen here and what a file recorded
// can come from the same one. A true difference of none is taken for one as rarely as a normal
// variable leaves four standard deviations, however many numbers a comparison looks at.

#include <string>
#include <vector>

#include "app/verify/reference.hpp"

namespace accord::app {

/// The chance to see shares at least as far apart as `a` of `n` and `b` of `m` when both draw with
/// one frequency: Fisher's exact test, two-sided (twice the smaller tail, at most 1). It holds for
/// rare events too, where a count of 1 lies many standard deviations from 0.
double chance_of_difference(Index a, Index n, Index b, Index m);

/// Notes under `name` whether all these frequencies agree: seen[i] among `draws` here, want[i]
/// among `reference_draws` in the file. Each may be as unlikely as four standard deviations divided
/// by their number, for of a thousand independent ones some leave four.
void expect_frequencies(Reference& reference, std::string const& name,
                        std::vector<double> const& seen, double draws,
                        std::vector<double> const& want, double reference_draws);

/// Notes whether the mean of `draws` here is within four standard deviations of the file's mean of
/// `reference_draws`, whose single draws have the deviation `sigma`.
void expect_mean(Reference& reference, std::string const& name, double seen, double draws,
                 double want, double sigma, double reference_draws);

}  // namespace accord::app
