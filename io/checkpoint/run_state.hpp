#pragma once
// What a run must remember beside its tensors, its configuration and its place in the data.

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/dtype.hpp"

namespace accord::io {

/// How the ranks of a run are arranged; 0: not known.
struct RunLayout {
  int data = 0, pipeline = 0, tensor = 0;
  friend bool operator==(RunLayout const&, RunLayout const&) = default;
};

/// "data 2 x pipeline 1 x tensor 4"; empty if not known.
std::string to_string(RunLayout const& layout);

/// What decides the last bits of a run beside its configuration, data and seed. Empty or 0: not
/// known, or there is none.
struct BitConditions {
  std::string program = {};    ///< hash of its file
  std::string device = {};     ///< kind, and which where there are several
  std::string library = {};    ///< of the device
  std::string processor = {};  ///< as the system names it
  int threads = 0;             ///< of each rank
  RunLayout layout = {};
  friend bool operator==(BitConditions const&, BitConditions const&) = default;
};

/// A key of the configuration that was changed on request when the run went on after `step`.
struct RunChange {
  Index step = 0;
  std::string key = {}, before = {}, after = {};  ///< values as TOML
  friend bool operator==(RunChange const&, RunChange const&) = default;
};

/// The part of a checkpoint's manifest that is the run's own. A field that a later version adds has
/// a default that says what checkpoints without it mean; readers pass over fields they do not know.
struct RunState {
  std::string id = {};         ///< tells runs apart; empty: begun before there were any
  std::string build = {};      ///< the program that wrote it
  std::string made_from = {};  ///< "imported from FILE", where weights are all that there is
  BitConditions conditions = {};
  std::optional<Index> total_steps = {};   ///< that the run was begun for; none where nothing ran
  Index skipped_samples = 0;               ///< since the run began
  std::string carried_configuration = {};  ///< that of the modalities it carries, TOML; empty: none
  std::vector<RunChange> history = {};     ///< in the order in which they were made
  friend bool operator==(RunState const&, RunState const&) = default;
};

/// A JSON object, without what is not known. Texts are UTF-8.
std::string to_json(RunState const& state);
/// \throws DataError where a field is of another kind
RunState run_state_from_json(std::string_view json);
/// What checkpoints of format version 1 hold instead: texts by name, in words of their own.
/// \throws DataError where a number is none
RunState run_state_from_notes(std::map<std::string, std::string> const& notes);

}  // namespace accord::io
