#include "core/ops/sum_of_squares.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include "core/ops/cpu/row_chunks.hpp"

namespace accord::cpu {
namespace {

// Independent partial sums, so that the loop vectorises without reordering anything.
constexpr Index lanes = 16;

template <class T>
double chunk_sum(T const* x, Index count) {
  std::array<double, lanes> partial{};
  auto const add = [&](Index i, Index n) {
    for (Index j = 0; j < n; ++j) {
      double const value = x[i + j];
      partial[static_cast<std::size_t>(j)] += value * value;
    }
  };
  Index const whole = count / lanes * lanes;
  for (Index i = 0; i < whole; i += lanes) add(i, lanes);
  add(whole, count - whole);
  double sum = 0;
  for (double value : partial) sum += value;
  return sum;
}

}  // namespace

template <class T>
void sum_of_squares(Queue&, ConstView x, View sum) {
  T const* const values = x.as<T>();
  Index const chunks = (x.size() + thread_grain - 1) / thread_grain;
  std::vector<double> sums(static_cast<std::size_t>(chunks));
  parallel_for(chunks, 1, [&](Index begin, Index end) {
    for (Index c = begin; c < end; ++c)
      sums[static_cast<std::size_t>(c)] =
          chunk_sum(values + c * thread_grain, std::min(thread_grain, x.size() - c * thread_grain));
  });
  for (double value : sums) *sum.as<double>() += value;
}
template void sum_of_squares<double>(Queue&, ConstView, View);
template void sum_of_squares<float>(Queue&, ConstView, View);

}  // namespace accord::cpu
