#pragma once
// The metrics once more, as TensorBoard's event file: a TFRecord file of Event messages
// (tensorflow/core/lib/io/record_writer.h, tensorflow/core/util/event.proto). Written by world rank
// 0 alone.

#include "io/run/metrics.hpp"

namespace accord::io {

/// TensorBoard takes any file for one of its own whose name contains "tfevents".
inline constexpr char const* event_file_name = "events.out.tfevents.accord";

class EventFile {
 public:
  /// Continues the file after `step` as MetricsFile does. What does not have its checksums is taken
  /// out, too, because TensorBoard reads no further there; that is announced where sound records
  /// stand behind it. \throws IoError
  EventFile(std::filesystem::path path, std::int64_t step, Notice const& notice = {});

  /// One event at the line's step, now: a scalar per field, named `prefix` and the field's name.
  /// Values are float32, as the format has them. \throws IoError
  void write(MetricsLine const& line, std::string const& prefix = "");

 private:
  void append(std::string const& event);

  std::filesystem::path path_;
  FileHandle file_;
};

}  // namespace accord::io
