#include "core/ops/cuda/gemm_algorithms.hpp"

#include <bit>
#include <charconv>
#include <iterator>
#include <sstream>
#include <string_view>

#include "core/base/check.hpp"

namespace accord::cuda {
namespace {

constexpr std::array<std::string_view, 2> transposed_names = {"n", "t"};
constexpr std::array<std::string_view, 2> write_names = {"set", "add"};
constexpr std::array<std::string_view, 3> extra_names = {"plain", "bias", "column_sums"};
constexpr std::string_view apart = "apart";  // no algorithm: the extra is done after the product

/// The index of `name`. \throws DataError if it is none of them.
template <std::size_t N>
std::size_t index_of(std::array<std::string_view, N> const& names, std::string const& name) {
  for (std::size_t i = 0; i < N; ++i)
    if (names[i] == name) return i;
  throw DataError(fmt::format("\"{}\" stands for nothing there", name));
}

DType dtype_named(std::string const& name) {
  for (DType dtype : {DType::float32, DType::bfloat16})
    if (name == name_of(dtype)) return dtype;
  throw DataError(fmt::format("a matrix product of {} is not known", name));
}

template <class Integer>
Integer number(std::string const& word, int base = 10) {
  Integer value{};
  auto const [end, error] = std::from_chars(word.data(), word.data() + word.size(), value, base);
  if (error != std::errc() || end != word.data() + word.size())
    throw DataError(fmt::format("\"{}\" is not a number", word));
  return value;
}

std::pair<GemmKey, GemmChoice> parse(std::string const& line) {
  std::istringstream stream(line);
  std::vector<std::string> const words(std::istream_iterator<std::string>(stream), {});
  constexpr std::size_t of_key = 10;
  bool const alone = words.size() == of_key + 1 && words.back() == apart;
  if (!alone && words.size() != of_key + GemmAlgorithm().size())
    throw DataError(fmt::format("{} words", words.size()));
  GemmKey const key{number<Index>(words[0]),
                    number<Index>(words[1]),
                    number<Index>(words[2]),
                    index_of(transposed_names, words[3]) != 0,
                    index_of(transposed_names, words[4]) != 0,
                    dtype_named(words[5]),
                    dtype_named(words[6]),
                    index_of(write_names, words[7]) != 0,
                    number<int>(words[8]),
                    static_cast<GemmExtra>(index_of(extra_names, words[9]))};
  if (alone) return {key, std::nullopt};
  GemmAlgorithm algorithm;
  for (std::size_t i = 0; i < algorithm.size(); ++i)
    algorithm[i] = number<std::uint64_t>(words[of_key + i], 16);
  return {key, algorithm};
}

}  // namespace

Index bucket_of(Index extent) {
  auto const n = static_cast<std::uint64_t>(extent);
  std::uint64_t const step = n > 16 ? std::bit_floor(n - 1) / 8 : 1;
  return static_cast<Index>((n + step - 1) / step * step);
}

GemmChoice const* GemmAlgorithms::find(GemmKey const& key) const {
  auto const it = chosen_.find(key);
  return it == chosen_.end() || (timing_ && !it->second.timed) ? nullptr : &it->second.choice;
}

GemmChoice const& GemmAlgorithms::remember(GemmKey const& key, GemmChoice const& choice) {
  return (chosen_[key] = {choice, timing_}).choice;
}

std::vector<std::string> GemmAlgorithms::lines() const {
  std::vector<std::string> lines;
  for (auto const& [key, chosen] : chosen_) {
    if (!chosen.timed) continue;
    std::string line =
        fmt::format("{} {} {} {} {} {} {} {} {} {}", key.rows, key.columns, key.inner,
                    transposed_names[key.transpose_a], transposed_names[key.transpose_b],
                    name_of(key.operand), name_of(key.result), write_names[key.accumulate],
                    key.alignment, extra_names[static_cast<std::size_t>(key.extra)]);
    if (!chosen.choice) line += fmt::format(" {}", apart);
    if (chosen.choice)
      for (std::uint64_t const word : *chosen.choice) line += fmt::format(" {:016x}", word);
    lines.push_back(std::move(line));
  }
  return lines;
}

void GemmAlgorithms::add(std::vector<std::string> const& lines) {
  for (std::string const& line : lines) try {
      auto const [key, choice] = parse(line);
      chosen_[key] = {choice, true};
    } catch (DataError const& error) {
      throw DataError(
          fmt::format("not a recorded choice of a matrix product: \"{}\": {}", line, error.what()));
    }
}

GemmAlgorithms& algorithms_of(Stream& stream) {
  std::shared_ptr<GemmAlgorithms>& algorithms = stream.algorithms();
  if (!algorithms) algorithms = std::make_shared<GemmAlgorithms>();
  return *algorithms;
}

}  // namespace accord::cuda
