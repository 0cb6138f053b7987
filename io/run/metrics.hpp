#pragma once
// metrics.jsonl: one JSON object per logged step, written by world rank 0 alone.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace accord::io {

/// Fields of one line, in order; the first is "step". Doubles are written with the fewest digits
/// that read back to the same double; one that is not finite becomes null.
using MetricsLine = std::vector<std::pair<std::string, std::variant<std::int64_t, double>>>;

std::string to_json(MetricsLine const& line);

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using FileHandle = std::unique_ptr<std::FILE, CloseFile>;

/// What stays of a log that is continued: ranges of bytes by offset, and what users should know of
/// the rest.
class KeptBytes {
 public:
  void keep(std::uintmax_t begin, std::uintmax_t end);  ///< \pre not before what is kept already
  std::vector<std::pair<std::uintmax_t, std::uintmax_t>> const& ranges() const { return ranges_; }
  std::uintmax_t bytes() const;

  std::string notice;  ///< empty: nothing
 private:
  std::vector<std::pair<std::uintmax_t, std::uintmax_t>> ranges_;  ///< [begin, end), disjoint
};

/// Where notices for users go; may be empty.
using Notice = std::function<void(std::string const&)>;

/// Opens a log for appending, its folder made if need be; of one that exists only what `sort` keeps
/// stays: all of it at every instant, or that. \throws IoError
FileHandle open_to_continue(std::filesystem::path const& path,
                            std::function<KeptBytes()> const& sort, Notice const& notice);
/// Opens a list of lines for appending; one that ends in a line without its end gets that first.
/// \throws IoError
FileHandle open_to_append_lines(std::filesystem::path const& path);
/// Appends and hands it to the system. \throws IoError, a full disk named as such
void append_to(FileHandle const& file, std::filesystem::path const& path, std::string const& bytes);

class MetricsFile {
 public:
  /// Continues the file after `step`: the lines of later steps, wherever they stand, and one that a
  /// kill left half written are taken out. A whole line that cannot be read stays, and is
  /// announced. \throws IoError.
  MetricsFile(std::filesystem::path path, std::int64_t step, Notice const& notice = {});

  /// \throws IoError, a full disk named as such.
  void write(MetricsLine const& line) { write(to_json(line)); }
  /// A JSON object with a "step", and the end of its line.
  void write(std::string const& line);

 private:
  std::filesystem::path path_;
  FileHandle file_;
};

/// The file by columns, as the report draws it. Steps at which a field is missing or null hold NaN.
struct MetricsTable {
  std::vector<std::string> names;  ///< in order of appearance
  std::map<std::string, std::vector<double>> columns;
  std::size_t rows = 0;

  /// Null when no line has the field.
  std::vector<double> const* find(std::string const& name) const;
};

/// Lines that are no JSON objects are left out. \throws DataError when there are no others
MetricsTable read_metrics(std::filesystem::path const& path);

}  // namespace accord::io
