#include "io/dataset/tally.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "core/base/printable.hpp"

namespace accord::io {

void Tally::add(std::string const& example) {
  constexpr std::size_t most = 20, most_bytes = 400;
  ++count;
  if (examples.size() < most) examples.push_back(printable(example, most_bytes));
}

void Tally::add(Tally const& other) {
  count += other.count - static_cast<Index>(other.examples.size());
  for (std::string const& example : other.examples) add(example);
}

void add(Tallies& into, Tallies const& from) {
  for (auto const& [reason, tally] : from) into[reason].add(tally);
}

Index total(Tallies const& tallies) {
  Index sum = 0;
  for (auto const& [reason, tally] : tallies) sum += tally.count;
  return sum;
}

std::string most_frequent(Tallies const& tallies) {
  constexpr std::size_t most = 5;
  std::vector<std::pair<Index, std::string>> lines;
  for (auto const& [reason, tally] : tallies)
    lines.emplace_back(tally.count,
                       fmt::format("{} x {} ({})", tally.count, reason, tally.examples.front()));
  std::sort(lines.rbegin(), lines.rend());
  std::string text;
  for (std::size_t i = 0; i < std::min(lines.size(), most); ++i) text += "\n  " + lines[i].second;
  return text;
}

}  // namespace accord::io
