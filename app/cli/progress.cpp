#include "app/cli/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <ostream>

#include "core/base/printable.hpp"

namespace accord::app {

std::string duration(double seconds) {
  auto const s = static_cast<std::int64_t>(std::llround(std::max(seconds, 0.0)));
  std::int64_t const days = s / 86400, hours = s / 3600 % 24, minutes = s / 60 % 60;
  if (days > 0) return fmt::format("{}d {:02}:{:02}", days, hours, minutes);
  if (hours > 0) return fmt::format("{}:{:02}:{:02}", hours, minutes, s % 60);
  return fmt::format("{}:{:02}", minutes, s % 60);
}

Progress::Style Progress::style_of_stderr() {
  return isatty(STDERR_FILENO) ? Style::terminal : Style::lines;
}

double Progress::steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

Progress::Progress(std::ostream& out, Style style, std::string what, std::int64_t total,
                   std::int64_t done, Clock clock)
    : out_(out),
      style_(style),
      what_(std::move(what)),
      total_(total),
      first_(done),
      shown_(done),
      clock_(std::move(clock)),
      start_(clock_()),
      last_(start_) {}

Progress::~Progress() {
  if (open_line_) out_ << std::endl;
}

bool Progress::due(std::int64_t done, double now) const {
  if (!drawn_ || (done >= total_ && shown_ < total_)) return true;
  double const since = now - last_;
  if (style_ == Style::terminal) return since >= 0.2;
  auto const twentieth = [&](std::int64_t x) {
    return (x - first_) * 20 / std::max<std::int64_t>(total_ - first_, 1);
  };
  return since >= 30 || (since >= 2 && twentieth(done) != twentieth(shown_));
}

void Progress::show(std::int64_t done, std::string const& note) {
  if (style_ == Style::silent) return;
  double const now = clock_();
  if (!due(done, now)) return;
  draw(done, now, note);
  shown_ = done;
  last_ = now;
  drawn_ = true;
}

void Progress::draw(std::int64_t done, double now, std::string const& note) {
  double const elapsed = now - start_;
  double const rate = elapsed > 0 ? static_cast<double>(done - first_) / elapsed : 0;
  std::string pace;
  if (rate > 0)
    pace = fmt::format("  {:.{}f} {}s/s  {} left", rate, rate < 10 ? 2 : 0, what_,
                       duration(static_cast<double>(total_ - done) / rate));
  std::string const tail = note.empty() ? "" : "  " + note;
  if (style_ == Style::lines) {
    out_ << fmt::format("{} {}/{}{}{}", what_, done, total_, pace, tail) << std::endl;
    return;
  }
  constexpr std::int64_t width = 24;
  std::int64_t const full =
      total_ > 0 ? std::clamp(done * width / total_, std::int64_t{0}, width) : 0;
  std::string bar;
  for (std::int64_t i = 0; i < width; ++i) bar += i < full ? "█" : "·";
  out_ << fmt::format("\r\x1b[K{} {} {}/{}{}{}", what_, bar, done, total_, pace, tail)
       << std::flush;
  open_line_ = true;
}

void Progress::message(std::string const& text) {
  if (style_ == Style::silent) return;
  if (open_line_) out_ << "\r\x1b[K";
  open_line_ = false;
  out_ << printable_lines(text) << std::endl;
}

}  // namespace accord::app
