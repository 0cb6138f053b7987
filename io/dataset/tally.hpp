#pragma once
// What happened how often, with the first cases: for reports.

#include <map>
#include <string>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::io {

struct Tally {
  Index count = 0;
  std::vector<std::string> examples;  ///< at most 20, printable

  void add(std::string const& example);
  void add(Tally const& other);
};

/// By reason.
using Tallies = std::map<std::string, Tally>;

void add(Tallies& into, Tallies const& from);
Index total(Tallies const& tallies);

/// For messages: the five most frequent, each in a line of its own: "\n  12 x reason (example)".
std::string most_frequent(Tallies const& tallies);

}  // namespace accord::io
