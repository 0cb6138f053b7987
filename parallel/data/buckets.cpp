#include "parallel/data/buckets.hpp"

#include <algorithm>

#include "core/tensor/tensor.hpp"

namespace accord::parallel {

FlatRange Bucket::part_of(int rank) const {
  Index const from = std::min(rank * part, range.count);
  return {range.begin + from, std::min(part, range.count - from)};
}

std::vector<Bucket> make_buckets(Index begin, Index end, Index elements, int ranks) {
  ACCORD_CHECK(elements > 0, "a bucket of {} elements", elements);
  Index const part = (elements + ranks - 1) / ranks;
  std::vector<Bucket> buckets;
  while (end > begin) {
    Index const count = std::min(end - begin, part * ranks);
    buckets.push_back({{end - count, count}, (count + ranks - 1) / ranks});
    end -= count;
  }
  return buckets;
}

void all_gather_bucket(Queue& queue, Communicator& data, View flat, Bucket const& bucket) {
  if (data.size() == 1) return;
  View const whole = flat.rows(bucket.range.begin, bucket.range.count);
  FlatRange const own = bucket.part_of(data.rank());
  View const part = flat.rows(own.begin, own.count);
  if (bucket.part * data.size() == bucket.range.count) {
    data.all_gather(queue, part, whole);
    return;
  }
  Tensor padded = Tensor::zeros(queue, flat.dtype(), Shape{bucket.part * data.size()});
  View const mine = padded.view().rows(data.rank() * bucket.part, bucket.part);
  copy(queue, part, mine.rows(0, own.count));
  data.all_gather(queue, mine, padded);
  copy(queue, padded.view().rows(0, bucket.range.count), whole);
}

}  // namespace accord::parallel
