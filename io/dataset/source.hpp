#pragma once
// Where the samples of a new dataset come from: archives, tables, folders. Each gives candidates;
// none judges them.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/base/dtype.hpp"
#include "io/dataset/filter.hpp"
#include "io/dataset/tally.hpp"

namespace accord::io {

/// What was found under one key.
struct Candidate {
  std::string key;
  std::string where;  ///< file it came from, for messages
  /// By modality: encoded bytes, or captions. Of several items any one stands for the sample.
  std::map<std::string, std::vector<std::string>> items;
  std::optional<std::string> label;
  bool may_lack = false;  ///< a missing item is no fault: it was not made as a sample
  std::string found;      ///< what there is under the key, for a message that something is missing
};

/// Takes what a source finds.
class Sink {
 public:
  virtual ~Sink() = default;
  /// Returns false to end the reading of this unit.
  virtual bool sample(Candidate candidate) = 0;
  /// A sample that cannot be used. `reason` is counted, `detail` is for the eye.
  virtual void drop(std::string const& where, std::string const& key, std::string const& reason,
                    std::string const& detail) = 0;
  /// Something that is no sample and none of the data's faults: `what` names it.
  virtual void ignore(std::string const& reason, std::string const& what) = 0;
  /// An archive that can be read only in part, or not at all.
  virtual void broken_archive(std::string const& detail) = 0;
};

/// A part of the input that becomes shards of its own, whoever works on it.
struct Unit {
  std::size_t input = 0;  ///< which file, where the source has several
  std::uint64_t begin = 0,
                end = 0;    ///< what of it: archives, bytes of a table, entries of a folder
  std::uint64_t bytes = 0;  ///< about how much is read, for progress
};

/// What was found while the input was looked through, before any of it is read.
struct InputNotes {
  Tallies used;      ///< files that samples come from, by what they are
  Tallies left_out;  ///< what is passed over, by reason
};

class Source {
 public:
  virtual ~Source() = default;
  /// A division into units of about `target` bytes of samples; the same for the same input.
  virtual std::vector<Unit> units(std::uint64_t target) const = 0;
  /// Names, sizes and times of the input: a changed input is another build. Of the files that a
  /// table names, only the folder they are looked for in counts.
  virtual std::string identity() const = 0;
  virtual std::size_t archives() const { return 0; }
  /// Calls `sink` for everything in the unit, in order. Thread-safe.
  virtual void read(Unit const& unit, Sink& sink) const = 0;

  InputNotes notes;
};

struct SourceOptions {
  enum class Kind : std::uint8_t { automatic, tar, table, folder };
  Kind kind = Kind::automatic;
  std::vector<std::filesystem::path> from = {};
  /// Whose items are looked for (item_kind.hpp).
  std::vector<std::string> modalities = {"image", "text", "audio"};
  /// Where the labels are: "" nowhere, "cls" in KEY.cls, else a field of KEY.json, or a column of a
  /// table; of a folder of media "folder": the name of the folder around a file.
  std::string label = {};
  /// Of the fields of KEY.json, or the columns of a table; what does not keep all is ignored.
  std::vector<Condition> where = {};
  std::filesystem::path media_root = {};  ///< of paths in a table; empty: the table's folder
};

/// Larger members and files are not samples.
inline constexpr std::uint64_t max_media_bytes = 256 << 20;
inline constexpr std::uint64_t max_text_bytes = 1 << 20;

/// Size and time of a file, as identity() notes them.
std::string stamp_of(std::filesystem::path const& file);

/// automatic: a .tar or .tar.gz, or a folder with some, is archives; a .tsv, or a folder with some,
/// a table; a folder with media is that; else the archives or tables in the folder's sub-folders.
/// Files of a kind that is not chosen, and what cannot be looked at, are noted as left out.
/// \throws UsageError or DataError saying what was looked for and what was left out
std::unique_ptr<Source> open_source(SourceOptions const& options);

// Of `options`, all but kind and from.
std::unique_ptr<Source> open_tars(std::vector<std::filesystem::path> tars,
                                  SourceOptions const& options);
std::unique_ptr<Source> open_tables(std::vector<std::filesystem::path> const& tables,
                                    SourceOptions const& options);
std::unique_ptr<Source> open_folder(std::filesystem::path folder, SourceOptions const& options);

}  // namespace accord::io
