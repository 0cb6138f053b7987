#pragma once
// Progress of long work: a bar that redraws itself on a terminal, plain lines elsewhere.

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>

namespace accord::app {

/// "0:07", "12:30", "3:05:00", "2d 04:00"
std::string duration(double seconds);

class Progress {
 public:
  enum class Style : std::uint8_t { terminal, lines, silent };
  using Clock = std::function<double()>;  ///< seconds from any origin

  /// terminal if standard error is one.
  static Style style_of_stderr();
  static double steady_seconds();

  /// `what` is the unit: "step", "sample". `done` of `total` are done already (a resumed run).
  Progress(std::ostream& out, Style style, std::string what, std::int64_t total,
           std::int64_t done = 0, Clock clock = steady_seconds);
  ~Progress();  ///< ends the bar's line
  Progress(Progress const&) = delete;
  Progress& operator=(Progress const&) = delete;

  /// Shows `done` and `note` ("loss 4.21"): at most five times a second on a terminal; in lines
  /// style at the first call and at the end, between them after a twentieth of the work and 2 s, or
  /// after 30 s.
  void show(std::int64_t done, std::string const& note = "");
  /// Prints a line of its own, above the bar.
  void message(std::string const& text);

 private:
  bool due(std::int64_t done, double now) const;
  void draw(std::int64_t done, double now, std::string const& note);

  std::ostream& out_;
  Style style_;
  std::string what_;
  std::int64_t total_, first_, shown_;
  Clock clock_;
  double start_, last_;
  bool drawn_ = false, open_line_ = false;
};

}  // namespace accord::app
