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

/// Opens a log for appending, its folder made if need be; one that exists is first cut, atomically,
/// to the bytes that `keep` says. \throws IoError
FileHandle open_to_continue(std::filesystem::path const& path,
                            std::function<std::uintmax_t()> const& keep);
/// Appends and hands it to the system. \throws IoError, a full disk named as such
void append_to(FileHandle const& file, std::filesystem::path const& path, std::string const& bytes);

class MetricsFile {
 public:
  /// Continues the file after `step`: later lines, and one that a kill left half written, are cut
  /// off atomically (step 0: starts anew). \throws IoError.
  MetricsFile(std::filesystem::path path, std::int64_t step);

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

/// \throws DataError naming the line when a complete line is not a JSON object; a half-written last
/// line is left out.
MetricsTable read_metrics(std::filesystem::path const& path);

}  // namespace accord::io
