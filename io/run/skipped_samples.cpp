#include "io/run/skipped_samples.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/comm/gather_lists.hpp"

namespace accord::io {

std::vector<SkippedSample> gather_skipped(Queue& queue, Communicator& world,
                                          std::span<SkippedSample const> mine) {
  nlohmann::json list = nlohmann::json::array();
  for (SkippedSample const& s : mine)
    list.push_back({s.position, s.source, s.key, s.sample, s.reason});
  std::vector<SkippedSample> all;
  for (std::string const& text : gather_lists(
           queue, world, list.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)))
    if (world.rank() == 0)
      for (nlohmann::json const& s : nlohmann::json::parse(text))
        all.push_back({s[0], s[1], s[2], s[3], s[4]});
  // Those of one position were met one after another.
  std::stable_sort(all.begin(), all.end(),
                   [](auto const& a, auto const& b) { return a.position < b.position; });
  return all;
}

std::string skipped_line(SkippedSample const& skipped, Index global_batch, Index passed_over) {
  nlohmann::ordered_json const line = {
      {"step", static_cast<Index>(skipped.position) / global_batch - passed_over + 1},
      {"position", skipped.position},
      {"source", skipped.source},
      {"sample", skipped.sample},
      {"key", skipped.key},
      {"reason", skipped.reason}};
  return line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace accord::io
