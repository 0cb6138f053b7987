#include "app/checkpoint/choose_tensors.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "io/file/list_some.hpp"

namespace accord::app {
namespace {

constexpr std::size_t max_name_bytes = 1024;  // of a name that can be one of a model's

/// What stands before names that are wanted.
struct Front {
  std::string text;       ///< dictionary and prefix, with the dots between them
  std::size_t hits = 0;   ///< names that are wanted
  std::size_t place = 0;  ///< in the file, of the first
};

/// Means of weights over steps: another model than the one that trains.
bool is_average(std::string_view front) {
  return front.find("ema") != front.npos || front.find("average") != front.npos ||
         front.find("swa") != front.npos;
}

/// All there are, the best first.
std::vector<Front> fronts(io::TensorFile const& file, std::set<std::string> const& wanted) {
  std::unordered_map<std::string, Front> found;
  std::size_t place = 0;
  for (io::FileTensor const& tensor : file.tensors()) {
    ++place;
    if (tensor.name.size() > max_name_bytes) continue;
    for (std::size_t at = 0; at != std::string::npos;) {
      if (wanted.contains(tensor.name.substr(at))) {
        std::string text = tensor.name.substr(0, at);
        Front& front = found.try_emplace(text, Front{text, 0, place}).first->second;
        ++front.hits;
      }
      std::size_t const dot = tensor.name.find('.', at);
      at = dot == std::string::npos ? dot : dot + 1;
    }
  }
  std::vector<Front> all;
  for (auto& [text, front] : found) all.push_back(std::move(front));
  std::ranges::sort(all, [](Front const& a, Front const& b) {
    return std::tuple(b.hits, is_average(a.text), a.place) <
           std::tuple(a.hits, is_average(b.text), b.place);
  });
  return all;
}

/// The innermost dictionary that all of `front` lies in.
std::string dictionary_of(io::TensorFile const& file, std::string const& front) {
  std::string best;
  for (std::string const& name : file.dictionaries())
    if (name.size() > best.size() && front.starts_with(name + ".")) best = name;
  return best;
}

/// Where nothing is found the names are shown as they are, so that one can say more.
std::string likely_dictionary(io::TensorFile const& file) {
  auto const& names = file.dictionaries();
  for (char const* usual : {"model", "state_dict", "module"})
    if (std::ranges::find(names, usual) != names.end()) return usual;
  return "";
}

}  // namespace

ChosenTensors choose_tensors(io::TensorFile& file, std::set<std::string> const& wanted,
                             TensorChoice const& choice) {
  ChosenTensors chosen;
  auto const refuse = [&](std::string const& what) {
    throw DataError(fmt::format("{}: {}", file.path().string(), what));
  };
  if (choice.key) {
    file.keep_below(chosen.key = *choice.key);
    if (file.tensors().empty())
      refuse(fmt::format("no tensors below --key '{}'{}", *choice.key,
                         file.dictionaries().empty()
                             ? ""
                             : "; there are some below " + io::list_some(file.dictionaries())));
  }
  std::vector<Front> const all = fronts(file, wanted);
  if (choice.prefix) chosen.prefix = *choice.prefix;
  if (!chosen.prefix.empty() && !chosen.prefix.ends_with('.')) chosen.prefix += '.';
  if (!choice.key) {
    auto const fits = [&](Front const& front) {
      return !choice.prefix || front.text.ends_with(chosen.prefix);
    };
    auto const best = std::ranges::find_if(all, fits);
    chosen.key = best == all.end() ? likely_dictionary(file) : dictionary_of(file, best->text);
    std::vector<std::string> others;
    for (Front const& front : all)
      if (best != all.end() && front.hits == best->hits && front.text != best->text)
        others.push_back(fmt::format("'{}'", dictionary_of(file, front.text)));
    if (!others.empty()) chosen.others = io::list_some(others);
    if (!choice.prefix && best != all.end())
      chosen.prefix = best->text.substr(chosen.key.empty() ? 0 : chosen.key.size() + 1);
    file.keep_below(chosen.key);
  } else if (!choice.prefix && !all.empty()) {
    chosen.prefix = all.front().text;
  }

  bool used = false;
  for (io::FileTensor const& tensor : file.tensors()) {
    bool const has = tensor.name.starts_with(chosen.prefix);
    used |= has;
    std::string const name = has ? tensor.name.substr(chosen.prefix.size()) : tensor.name;
    if (!chosen.by_name.emplace(name, &tensor).second)
      refuse(fmt::format("{} is there twice, with and without '{}'", name, chosen.prefix));
  }
  if (!used && !chosen.prefix.empty())
    refuse(fmt::format("no name begins with --strip-prefix '{}'", chosen.prefix));
  return chosen;
}

}  // namespace accord::app
