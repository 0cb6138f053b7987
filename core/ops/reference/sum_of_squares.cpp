#include "core/ops/sum_of_squares.hpp"

namespace accord::reference {

template <class T>
void sum_of_squares(Queue&, ConstView x, View sum) {
  double total = 0;
  for (Index i = 0; i < x.size(); ++i) {
    double const value = x.as<T>()[i];
    total += value * value;
  }
  *sum.as<double>() += total;
}
template void sum_of_squares<double>(Queue&, ConstView, View);
template void sum_of_squares<float>(Queue&, ConstView, View);

}  // namespace accord::reference
