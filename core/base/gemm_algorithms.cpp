#include "core/base/gemm_algorithms.hpp"

#include <bit>
#include <sstream>

#include "core/base/check.hpp"

namespace accord::cuda {
namespace {

DType dtype_named(std::string const& name) {
  for (DType dtype : {DType::float32, DType::bfloat16})
    if (name == name_of(dtype)) return dtype;
  throw DataError(fmt::format("a matrix product of {} is not known", name));
}

}  // namespace

Index row_bucket(Index rows) {
  auto const n = static_cast<std::uint64_t>(rows);
  std::uint64_t const step = n > 16 ? std::bit_floor(n - 1) / 8 : 1;
  return static_cast<Index>((n + step - 1) / step * step);
}

GemmAlgorithm const* GemmAlgorithms::find(GemmKey const& key) const {
  auto const it = chosen_.find(key);
  return it == chosen_.end() ? nullptr : &it->second;
}

std::string GemmAlgorithms::text() const {
  std::string text;
  for (auto const& [key, algorithm] : chosen_) {
    text +=
        fmt::format("{} {} {} {}{} {} {} {} {}", key.rows, key.columns, key.inner,
                    key.transpose_a ? 't' : 'n', key.transpose_b ? 't' : 'n', name_of(key.operand),
                    name_of(key.result), key.accumulate ? "add" : "set", key.alignment);
    for (std::uint64_t const word : algorithm) text += fmt::format(" {:016x}", word);
    text += '\n';
  }
  return text;
}

void GemmAlgorithms::load(std::string const& text) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    GemmKey key;
    GemmAlgorithm algorithm{};
    std::string transposed, operand, result, write;
    words >> key.rows >> key.columns >> key.inner >> transposed >> operand >> result >> write >>
        key.alignment >> std::hex;
    for (std::uint64_t& word : algorithm) words >> word;
    std::string rest;
    if (words.fail() || words >> rest || transposed.size() != 2)
      throw DataError(fmt::format("not a recorded choice of a matrix product: \"{}\"", line));
    key.transpose_a = transposed[0] == 't';
    key.transpose_b = transposed[1] == 't';
    key.operand = dtype_named(operand);
    key.result = dtype_named(result);
    key.accumulate = write == "add";
    remember(key, algorithm);
  }
}

}  // namespace accord::cuda
