#include "core/ops/attention.hpp"

#include <gtest/gtest.h>
#include <omp.h>

#include "core/ops/cuda/attention_unfused.hpp"
#include "tests/support/backend_test.hpp"

using namespace accord;
using accord::testing::expect_gradient;
using accord::testing::expect_near;
using accord::testing::random_values;
using accord::testing::tensor_of;
using accord::testing::values_of;

namespace {

constexpr Index heads = 3, width = heads * 4;
constexpr Index buckets = 7;

enum class Form { chosen, unfused };  ///< of the cuda backend

/// What one call computes, in doubles.
struct Result {
  std::vector<double> out, lse, dqkv, dtable0, dtable1, ddense;
};

struct Inputs {
  std::vector<double> qkv, upstream, table0, table1, dense;
};

/// Sequences of one segment (consecutive rows), of two modalities apart from each other, of two
/// segments of one modality that touch, and of one row; row 5 is in none of them.
class Case {
 public:
  Case() {
    segments = {{0, 5, 0}, {6, 4, 0}, {14, 6, 1}, {10, 2, 1}, {12, 2, 1}, {20, 1, 0}, {21, 3, 2}};
    sequences = {0, 1, 3, 5, 6, 7};
    positions.resize(rows);
    for (AttentionSegment const& s : segments)
      for (Index i = 0; i < s.length; ++i)
        positions[s.row + i] = static_cast<std::int32_t>(i == 0 ? 0 : 2 * i - 1 + (s.row % 2));
    keys.assign(rows, 1);
    keys[3] = keys[15] = keys[11] = 0;
    bucket.resize(largest_position * largest_position);
    for (std::size_t i = 0; i < bucket.size(); ++i)
      bucket[i] = static_cast<std::int32_t>((i * 5 + i / 12) % buckets);
  }

  Inputs inputs() const {
    Index const width = heads * head_dim;
    return {random_values(rows * 3 * width, 1),
            random_values(rows * width, 2),
            random_values(buckets * heads, 3),
            random_values(buckets * heads, 4),
            {}};
  }

  Result run(Backend backend, DType dtype, Inputs const& in, bool with_keys = true,
             bool with_bias = true, Form form = Form::chosen) const {
    Index const width = heads * head_dim;
    Queue queue(backend);
    AttentionPlan plan;
    plan.segments = segments;
    plan.sequences = sequences;
    if (with_bias) plan.positions = Tensor::from_host(queue, positions);
    if (with_keys) plan.keys = Tensor::from_host(queue, keys);
    Tensor const table0 = tensor_of(queue, dtype, in.table0, {buckets, heads});
    Tensor const table1 = tensor_of(queue, dtype, in.table1, {buckets, heads});
    Tensor const bucket_map = Tensor::from_host(queue, std::span<std::int32_t const>(bucket),
                                                {largest_position, largest_position});
    DType const sums = accumulator_of(dtype);
    Tensor dtable0 = tensor_of(queue, sums, in.table0, {buckets, heads});
    Tensor dtable1 = tensor_of(queue, sums, in.table1, {buckets, heads});
    std::vector<PositionBias> bias;
    if (with_bias) bias = {{table0, bucket_map, dtable0}, {table1, bucket_map, dtable1}, {}};
    Tensor const qkv = tensor_of(queue, dtype, in.qkv, {rows, 3 * width});
    Tensor const dout = tensor_of(queue, dtype, in.upstream, {rows, width});
    Tensor out = Tensor::zeros(queue, dtype, {rows, width});
    Tensor lse = Tensor::zeros(queue, sums, {rows, heads});
    Tensor dqkv = Tensor::zeros(queue, dtype, {rows, 3 * width});
    if (form == Form::chosen) {
      attention_forward(queue, plan, heads, qkv, bias, out, lse);
      attention_backward(queue, plan, heads, dout, qkv, out, lse, bias, dqkv);
    } else if constexpr (build::has_cuda) {
      cuda::unfused_attention_forward<BFloat16>(queue, plan, heads, qkv, bias, out, lse);
      cuda::unfused_attention_backward<BFloat16>(queue, plan, heads, dout, qkv, lse, bias, dqkv);
    }
    return {values_of(queue, out),     values_of(queue, lse),     values_of(queue, dqkv),
            values_of(queue, dtable0), values_of(queue, dtable1), {}};
  }

  Index rows = 24, head_dim = 4, largest_position = 12;
  std::vector<AttentionSegment> segments;
  std::vector<Index> sequences;
  std::vector<std::int32_t> positions, bucket;
  std::vector<std::uint8_t> keys;
};

double objective(Case const& c, Inputs const& in) {
  return accord::testing::dot(c.run(Backend::reference, DType::float64, in).out, in.upstream);
}

std::vector<double> difference(std::vector<double> a, std::vector<double> const& b) {
  for (std::size_t i = 0; i < a.size(); ++i) a[i] -= b[i];
  return a;
}

void expect_equal(Result const& got, Result const& want, double tolerance) {
  expect_near(got.out, want.out, tolerance, "out");
  expect_near(got.lse, want.lse, tolerance, "lse");
  expect_near(got.dqkv, want.dqkv, tolerance, "dqkv");
  expect_near(got.dtable0, want.dtable0, tolerance, "dtable 0");
  expect_near(got.dtable1, want.dtable1, tolerance, "dtable 1");
}

}  // namespace

TEST(Attention, BackwardMatchesFiniteDifferences) {
  Case const c;
  Inputs const in = c.inputs();
  Result const result = c.run(Backend::reference, DType::float64, in);
  expect_gradient(
      in.qkv, result.dqkv,
      [&](std::vector<double> const& x) {
        Inputs moved = in;
        moved.qkv = x;
        return objective(c, moved);
      },
      1e-9, "dqkv");
  // the gradients are added to what the tables' gradients held: here the tables themselves
  expect_gradient(
      in.table0, difference(result.dtable0, in.table0),
      [&](std::vector<double> const& x) {
        Inputs moved = in;
        moved.table0 = x;
        return objective(c, moved);
      },
      1e-9, "dtable 0");
  expect_gradient(
      in.table1, difference(result.dtable1, in.table1),
      [&](std::vector<double> const& x) {
        Inputs moved = in;
        moved.table1 = x;
        return objective(c, moved);
      },
      1e-9, "dtable 1");
}

TEST(Attention, OfTheCpuMatchesTheReference) {
  Case const c;
  Inputs const in = c.inputs();
  for (bool const with_keys : {false, true})
    for (bool const with_bias : {false, true}) {
      expect_equal(c.run(Backend::cpu, DType::float64, in, with_keys, with_bias),
                   c.run(Backend::reference, DType::float64, in, with_keys, with_bias), 1e-13);
      expect_equal(c.run(Backend::cpu, DType::float32, in, with_keys, with_bias),
                   c.run(Backend::reference, DType::float64, in, with_keys, with_bias), 4e-6);
    }
}

TEST(Attention, OfCudaMatchesTheReference) {
  ACCORD_NEEDS_DEVICE();
  Case const c;
  Inputs const in = c.inputs();
  for (bool const with_keys : {false, true})
    for (bool const with_bias : {false, true}) {
      Result const want = c.run(Backend::reference, DType::float64, in, with_keys, with_bias);
      expect_equal(c.run(Backend::cuda, DType::float32, in, with_keys, with_bias), want, 4e-6);
      expect_equal(c.run(Backend::cuda, DType::bfloat16, in, with_keys, with_bias), want, 0.02);
    }
}

TEST(Attention, OfTheCpuDoesNotDependOnTheNumberOfThreads) {
  Case const c;
  Inputs const in = c.inputs();
  int const before = omp_get_max_threads();
  omp_set_num_threads(1);
  Result const one = c.run(Backend::cpu, DType::float32, in);
  for (int const threads : {2, 3}) {
    omp_set_num_threads(threads);
    expect_equal(c.run(Backend::cpu, DType::float32, in), one, 0);
  }
  omp_set_num_threads(before);
}

// Many whole sequences, some longer than others, next to masked ones: the cpu adds one matrix of
// biases to all whole ones.
TEST(Attention, OfTheCpuMatchesTheReferenceForManyWholeSequences) {
  Case c;
  c.segments.clear();
  c.sequences = {0};
  c.rows = 200;
  c.keys.assign(c.rows, 1);
  c.positions.resize(c.rows);
  Index row = 0;
  for (Index s = 0; row + 6 <= c.rows; ++s) {
    Index const length = 3 + s % 4;
    c.segments.push_back({row, length, static_cast<int>(s % 2)});
    if (s % 4 != 1) c.sequences.push_back(static_cast<Index>(c.segments.size()));
    for (Index i = 0; i < length; ++i)
      c.positions[row + i] = static_cast<std::int32_t>(s % 5 == 4 ? 2 * i : i);
    row += length;
  }
  Inputs const in = c.inputs();
  expect_equal(c.run(Backend::cpu, DType::float64, in),
               c.run(Backend::reference, DType::float64, in), 1e-13);
}

// Heads of 64 in bfloat16 are fused: sequences below, at and above one tile of 64, two of them of
// two modalities, some keys that nobody attends to. The same through the library.
TEST(Attention, OfCudaFusedAndUnfusedMatchesTheReference) {
  ACCORD_NEEDS_DEVICE();
  Case c;
  c.head_dim = 64;
  c.segments = {{0, 64, 0}, {64, 5, 1}, {70, 80, 0}, {150, 1, 1}, {151, 17, 1}, {168, 70, 0}};
  c.sequences = {0, 1, 3, 4, 6};
  c.rows = 240;
  c.largest_position = 90;
  c.keys.assign(static_cast<std::size_t>(c.rows), 1);
  for (Index const row : {3, 66, 100, 149, 160, 200}) c.keys[static_cast<std::size_t>(row)] = 0;
  c.positions.resize(static_cast<std::size_t>(c.rows));
  for (AttentionSegment const& s : c.segments)
    for (Index i = 0; i < s.length; ++i)
      c.positions[static_cast<std::size_t>(s.row + i)] = static_cast<std::int32_t>(s.length - i);
  c.bucket.resize(90 * 90);
  for (std::size_t i = 0; i < c.bucket.size(); ++i)
    c.bucket[i] = static_cast<std::int32_t>((i * 5 + i / 90) % buckets);
  Inputs const in = c.inputs();
  // The reference in float32 on what bfloat16 holds: what is left is the rounding of p and dlogit.
  Inputs rounded = in;
  for (auto* values : {&rounded.qkv, &rounded.upstream, &rounded.table0, &rounded.table1})
    for (double& x : *values) x = to_float32(to_bfloat16(static_cast<float>(x)));
  Result const want = c.run(Backend::reference, DType::float32, rounded);
  auto const expect_close = [](std::vector<double> const& a, std::vector<double> const& b,
                               double tolerance, char const* what) {
    EXPECT_LE(accord::testing::relative_distance(a, b), tolerance) << what;
  };
  for (Form const form : {Form::chosen, Form::unfused}) {
    SCOPED_TRACE(form == Form::unfused ? "unfused" : "fused");
    Result const got = c.run(Backend::cuda, DType::bfloat16, in, true, true, form);
    expect_close(got.lse, want.lse, 1e-6, "lse");
    expect_close(got.out, want.out, 4e-3, "out");
    expect_close(got.dqkv, want.dqkv, 5e-3, "dqkv");
    expect_close(difference(got.dtable0, in.table0), difference(want.dtable0, rounded.table0), 5e-3,
                 "dtable 0");
    expect_close(difference(got.dtable1, in.table1), difference(want.dtable1, rounded.table1), 5e-3,
                 "dtable 1");
  }
}

// Longer than the logits of all heads fit the workspace.
TEST(Attention, OfCudaTakesOneHeadAfterAnotherOfALongSequence) {
  ACCORD_NEEDS_DEVICE();
  Case c;
  c.rows = c.largest_position = 850;
  c.segments = {{0, 850, 0}};
  c.sequences = {0, 1};
  c.positions.clear();
  for (std::int32_t i = 0; i < 850; ++i) c.positions.push_back(i);
  c.keys.assign(850, 1);
  c.keys[7] = 0;
  c.bucket.resize(850 * 850);
  for (std::size_t i = 0; i < c.bucket.size(); ++i)
    c.bucket[i] = static_cast<std::int32_t>((i * 5 + i / 850) % buckets);
  c.head_dim = 2;
  Inputs const in = c.inputs();
  Result const got = c.run(Backend::cuda, DType::float32, in);
  Result const want = c.run(Backend::reference, DType::float64, in);
  expect_near(got.out, want.out, 4e-6, "out");
  expect_near(got.dqkv, want.dqkv, 4e-6, "dqkv");
  EXPECT_LE(accord::testing::relative_distance(got.dtable0, want.dtable0), 1e-5);
}

TEST(Attention, LeavesRowsOfNoSegmentAlone) {
  Case const c;
  for (Backend const backend : {Backend::reference, Backend::cpu}) {
    Result const result = c.run(backend, DType::float64, c.inputs());
    for (Index i = 0; i < width; ++i) EXPECT_EQ(result.out[5 * width + i], 0);
    for (Index i = 0; i < 3 * width; ++i) EXPECT_EQ(result.dqkv[5 * 3 * width + i], 0);
  }
}

TEST(Attention, WithADenseBiasEqualsTheTableItWasGatheredFrom) {
  Index const n = 5, sequences = 2, rows = n * sequences;
  Queue queue(Backend::reference);
  std::vector<std::int32_t> positions, bucket(n * n);
  for (Index i = 0; i < rows; ++i) positions.push_back(static_cast<std::int32_t>(i % n));
  for (Index i = 0; i < n * n; ++i) bucket[i] = static_cast<std::int32_t>(3 * i % buckets);
  AttentionPlan plan;
  plan.segments = {{0, n, 0}, {n, n, 0}};
  plan.sequences = {0, 1, 2};
  plan.positions = Tensor::from_host(queue, positions);
  auto const table_values = random_values(buckets * heads, 3);
  Tensor const table = tensor_of(queue, DType::float64, table_values, {buckets, heads});
  Tensor const map = Tensor::from_host(queue, std::span<std::int32_t const>(bucket), {n, n});
  Tensor dtable = Tensor::zeros(queue, DType::float64, {buckets, heads});
  PositionBias const bias{table, map, dtable};
  std::vector<double> values;
  for (Index s = 0; s < sequences; ++s)
    for (Index h = 0; h < heads; ++h)
      for (std::int32_t const b : bucket) values.push_back(table_values[b * heads + h]);
  Tensor const dense_values = tensor_of(queue, DType::float64, values, {sequences, heads, n, n});
  Tensor ddense(queue, DType::float64, {sequences, heads, n, n});

  Tensor const qkv = accord::testing::random_tensor(queue, DType::float64, {rows, 3 * width}, 1);
  Tensor const dout = accord::testing::random_tensor(queue, DType::float64, {rows, width}, 2);
  Tensor out(queue, DType::float64, {rows, width}), lse(queue, DType::float64, {rows, heads});
  Tensor dqkv(queue, DType::float64, {rows, 3 * width});
  attention_forward(queue, plan, heads, qkv, {&bias, 1}, out, lse);
  attention_backward(queue, plan, heads, dout, qkv, out, lse, {&bias, 1}, dqkv);
  auto const want_out = values_of(queue, out), want_dqkv = values_of(queue, dqkv);
  plan.dense = {dense_values, ddense};
  attention_forward(queue, plan, heads, qkv, {}, out, lse);
  attention_backward(queue, plan, heads, dout, qkv, out, lse, {}, dqkv);
  expect_near(values_of(queue, out), want_out, 1e-15, "out");
  expect_near(values_of(queue, dqkv), want_dqkv, 1e-15, "dqkv");
  std::vector<double> summed(buckets * heads);
  auto const gradient = values_of(queue, ddense);
  for (Index s = 0; s < sequences; ++s)
    for (Index h = 0; h < heads; ++h)
      for (Index i = 0; i < n * n; ++i)
        summed[bucket[i] * heads + h] += gradient[(s * heads + h) * n * n + i];
  expect_near(summed, values_of(queue, dtable), 1e-14, "dtable");

  Queue cpu(Backend::cpu);
  EXPECT_THROW(attention_forward(cpu, plan, heads, qkv, {}, out, lse), Error);
}

TEST(Attention, OfNoSequencesDoesNothing) {
  for (Backend const backend : {Backend::reference, Backend::cpu}) {
    Queue queue(backend);
    Tensor const qkv = Tensor::zeros(queue, DType::float64, {0, 3 * width});
    Tensor out(queue, DType::float64, {0, width}), lse(queue, DType::float64, {0, heads});
    Tensor dqkv(queue, DType::float64, {0, 3 * width});
    attention_forward(queue, {}, heads, qkv, {}, out, lse);
    attention_backward(queue, {}, heads, out, qkv, out, lse, {}, dqkv);
  }
}

TEST(Attention, RefusesAPlanThatLeavesTheRows) {
  Queue queue(Backend::reference);
  AttentionPlan plan;
  plan.segments = {{2, 3, 0}};
  plan.sequences = {0, 1};
  Tensor const qkv = Tensor::zeros(queue, DType::float64, {4, 3 * width});
  Tensor out = Tensor::zeros(queue, DType::float64, {4, width});
  Tensor lse = Tensor::zeros(queue, DType::float64, {4, heads});
  EXPECT_THROW(attention_forward(queue, plan, heads, qkv, {}, out, lse), Error);
}
