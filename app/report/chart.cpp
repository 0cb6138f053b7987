#include "app/report/chart.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

namespace accord::app {
namespace {

constexpr std::size_t palette = 6;  // colours in chart_style()

struct Range {
  double low = std::numeric_limits<double>::infinity();
  double high = -std::numeric_limits<double>::infinity();

  void include(double x) {
    low = std::min(low, x);
    high = std::max(high, x);
  }
  bool empty() const { return low > high; }
  double span() const { return high - low; }
};

/// Round steps (1, 2 or 5 times a power of ten), about `wanted` of them, that cover the range.
struct Ticks {
  double first = 0, step = 1;
  int count = 0;

  Ticks(Range range, int wanted) {
    double const raw = std::max(range.span(), 1e-300) / wanted;
    double const power = std::pow(10.0, std::floor(std::log10(raw)));
    step = power * (raw / power <= 1 ? 1 : raw / power <= 2 ? 2 : raw / power <= 5 ? 5 : 10);
    first = std::ceil(range.low / step - 1e-9) * step;
    count = static_cast<int>(std::floor((range.high - first) / step + 1e-9)) + 1;
  }
  double at(int i) const {
    double const value = first + i * step;
    return std::abs(value) < step * 1e-6 ? 0 : value;
  }
};

/// Means of at most `most` equal stretches of the finite points.
Series thinned(Series const& series, std::size_t most) {
  Series out{series.name, {}, {}};
  std::size_t const stretch = (series.y.size() + most - 1) / most;
  for (std::size_t begin = 0; begin < series.y.size(); begin += stretch) {
    double x = 0, y = 0, n = 0;
    for (std::size_t i = begin; i < std::min(begin + stretch, series.y.size()); ++i)
      if (std::isfinite(series.y[i])) {
        x += series.x[i];
        y += series.y[i];
        ++n;
      }
    if (n > 0) {
      out.x.push_back(x / n);
      out.y.push_back(y / n);
    }
  }
  return out;
}

/// Mean over a window centred on each point, cut at the ends so that it stays centred.
Series smoothed(Series const& series) {
  Series out = series;
  std::size_t const reach = series.y.size() / 60;
  for (std::size_t i = 0; i < series.y.size(); ++i) {
    std::size_t const r = std::min({reach, i, series.y.size() - 1 - i});
    double sum = 0;
    for (std::size_t j = i - r; j <= i + r; ++j) sum += series.y[j];
    out.y[i] = sum / static_cast<double>(2 * r + 1);
  }
  return out;
}

std::string short_count(double x) {
  if (x >= 1e9) return fmt::format("{:g}G", x / 1e9);
  if (x >= 1e6) return fmt::format("{:g}M", x / 1e6);
  if (x >= 1e4) return fmt::format("{:g}k", x / 1e3);
  return fmt::format("{:g}", x);
}

class Drawing {
 public:
  Drawing(Chart const& chart, int width, int height)
      : chart_(chart), width_(width), height_(height) {
    for (Series const& series : chart.series) {
      lines_.push_back(thinned(series, 600));
      for (double const x : lines_.back().x) x_.include(x);
      for (double const y : lines_.back().y) y_.include(y);
    }
    if (x_.empty()) return;
    if (chart.from_zero) y_.include(0);
    double const margin =
        y_.span() > 0 ? 0.05 * y_.span() : std::max(std::abs(y_.high) * 0.1, 1e-12);
    y_ = {chart.from_zero ? y_.low : y_.low - margin, y_.high + margin};
    if (x_.span() == 0) x_ = {x_.low - 0.5, x_.high + 0.5};
  }

  std::string draw() {
    out_ = fmt::format(
        "<svg class=\"chart\" xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {0} {1}\" "
        "role=\"img\" "
        "aria-label=\"{2}\">\n<text class=\"chart-title\" x=\"16\" y=\"26\">{2}</text>\n",
        width_, height_, escaped(chart_.title));
    if (x_.empty()) {
      out_ +=
          fmt::format("<text class=\"chart-label\" x=\"16\" y=\"52\">nothing logged yet</text>\n");
      return out_ + "</svg>\n";
    }
    legend();
    axes();
    for (std::size_t i = 0; i < lines_.size(); ++i) curve(i);
    return out_ + "</svg>\n";
  }

 private:
  double left() const { return 64; }
  double right() const { return width_ - 16.0; }
  double bottom() const { return height_ - 34.0; }
  double px(double x) const { return left() + (x - x_.low) / x_.span() * (right() - left()); }
  double py(double y) const { return bottom() - (y - y_.low) / y_.span() * (bottom() - top_); }

  /// Name and last value of each series; as many to a row as fit.
  void legend() {
    double x = 16, y = 46;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (lines_[i].y.empty()) continue;
      std::string const value = readable(mean_of(lines_[i]).y.back(), chart_.format);
      std::string const name = lines_.size() > 1 ? lines_[i].name + "  " : "";
      double const wide = 26 + 6.6 * static_cast<double>(name.size() + value.size()) + 10;
      if (x > 16 && x + wide > right()) {
        x = 16;
        y += 18;
      }
      out_ += fmt::format(
          "<rect class=\"fill{}\" x=\"{}\" y=\"{}\" width=\"14\" height=\"4\" rx=\"2\"/>"
          "<text class=\"chart-label\" x=\"{}\" y=\"{}\">{}<tspan "
          "class=\"chart-value\">{}</tspan></text>\n",
          i % palette, x, y - 6, x + 20, y, escaped(name), value);
      x += wide;
    }
    top_ = y + 18;
  }

  void axes() {
    Ticks const ys(y_, std::max(3, static_cast<int>((bottom() - top_) / 34)));
    for (int i = 0; i < ys.count; ++i) {
      double const y = py(ys.at(i));
      out_ += fmt::format(
          "<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>"
          "<text class=\"chart-label end\" x=\"{}\" y=\"{:.1f}\">{}</text>\n",
          left(), right(), y, y, left() - 8, y + 4, tick(ys.at(i)));
    }
    Ticks const xs(x_, std::max(3, static_cast<int>((right() - left()) / 90)));
    for (int i = 0; i < xs.count; ++i)
      out_ += fmt::format("<text class=\"chart-label middle\" x=\"{:.1f}\" y=\"{}\">{}</text>\n",
                          px(xs.at(i)), bottom() + 20, short_count(xs.at(i)));
    out_ += fmt::format("<line class=\"axis\" x1=\"{0}\" x2=\"{1}\" y1=\"{2}\" y2=\"{2}\"/>\n",
                        left(), right(), bottom());
    out_ +=
        fmt::format("<text class=\"chart-label end\" x=\"{}\" y=\"{}\">{}</text>\n", left() - 22,
                    bottom() + 20, escaped(chart_.x_label));  // clear of a tick at the edge
  }

  Series mean_of(Series const& series) const { return chart_.noisy ? smoothed(series) : series; }

  std::string tick(double y) const {
    if (chart_.format == Chart::Format::percent) return fmt::format("{:g} %", 100 * y);
    if (std::abs(y) >= 1e4) return short_count(y);
    return fmt::format("{:g}", y);
  }

  void curve(std::size_t i) {
    Series const& raw = lines_[i];
    Series const mean = mean_of(raw);
    if (raw.y != mean.y) out_ += path(raw, fmt::format("line{} faint", i % palette));
    out_ += path(mean, fmt::format("line{}", i % palette));
    if (raw.y.size() == 1)
      out_ += fmt::format("<circle class=\"fill{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"/>\n",
                          i % palette, px(raw.x[0]), py(raw.y[0]));
  }

  std::string path(Series const& series, std::string const& classes) const {
    std::string points;
    for (std::size_t j = 0; j < series.y.size(); ++j)
      points += fmt::format("{}{:.1f},{:.1f}", j ? " " : "", px(series.x[j]), py(series.y[j]));
    return fmt::format("<polyline class=\"{}\" points=\"{}\"/>\n", classes, points);
  }

  Chart const& chart_;
  int width_, height_;
  double top_ = 64;
  std::vector<Series> lines_;
  Range x_, y_;
  std::string out_;
};

}  // namespace

std::string to_svg(Chart const& chart, int width, int height) {
  return Drawing(chart, width, height).draw();
}

std::string to_svg_file(Chart const& chart, int width, int height) {
  std::string svg = to_svg(chart, width, height);
  std::size_t const inside = svg.find('>') + 1;
  svg.insert(
      inside,
      fmt::format(
          "\n<style>{}</style>\n<rect class=\"ground\" width=\"{}\" height=\"{}\" rx=\"10\"/>",
          chart_style(), width, height));
  return svg;
}

std::string chart_style() {
  return R"(
.chart { --ink: #1c2430; --muted: #667085; --grid: #e6e9ef; --axis: #b9c0cc; --ground: #ffffff;
  --s0: #2563eb; --s1: #d9730d; --s2: #0f8a5f; --s3: #c02f5a; --s4: #7c4dcc; --s5: #0e8fa3;
  font: 12px system-ui, -apple-system, "Segoe UI", "Helvetica Neue", "DejaVu Sans", sans-serif; }
@media (prefers-color-scheme: dark) {
  .chart { --ink: #e8ebf1; --muted: #98a2b3; --grid: #2a303b; --axis: #4a5261; --ground: #171b22;
    --s0: #6ea8ff; --s1: #ffa657; --s2: #4ccf9b; --s3: #ff7a9c; --s4: #b79bff; --s5: #4fd0e0; }
}
.chart text { fill: var(--ink); }
.chart .chart-title { font-size: 14px; font-weight: 600; }
.chart .chart-label { fill: var(--muted); font-variant-numeric: tabular-nums; }
.chart .chart-value { fill: var(--ink); font-weight: 600; }
.chart .end { text-anchor: end; }
.chart .middle { text-anchor: middle; }
.chart .grid { stroke: var(--grid); }
.chart .axis { stroke: var(--axis); }
.chart .ground { fill: var(--ground); }
.chart polyline { fill: none; stroke-width: 2; stroke-linejoin: round; stroke-linecap: round; }
.chart polyline.faint { stroke-width: 1; opacity: 0.28; }
.chart .line0 { stroke: var(--s0); } .chart .fill0 { fill: var(--s0); }
.chart .line1 { stroke: var(--s1); } .chart .fill1 { fill: var(--s1); }
.chart .line2 { stroke: var(--s2); } .chart .fill2 { fill: var(--s2); }
.chart .line3 { stroke: var(--s3); } .chart .fill3 { fill: var(--s3); }
.chart .line4 { stroke: var(--s4); } .chart .fill4 { fill: var(--s4); }
.chart .line5 { stroke: var(--s5); } .chart .fill5 { fill: var(--s5); }
)";
}

std::string readable(double value, Chart::Format format) {
  if (!std::isfinite(value)) return "not finite";
  switch (format) {
    case Chart::Format::percent:
      return fmt::format("{:.{}f} %", 100 * value, std::abs(value) < 0.1 ? 1 : 0);
    case Chart::Format::scientific:
      return fmt::format("{:.2e}", value);
    case Chart::Format::seconds:
      return value < 0.1 ? fmt::format("{:.1f} ms", 1e3 * value) : fmt::format("{:.2f} s", value);
    case Chart::Format::number:
      break;
  }
  double const size = std::abs(value);
  if (size >= 1e4) return short_count(std::round(value / 100) * 100);
  if (size >= 100) return fmt::format("{:.0f}", value);
  return fmt::format("{:.3g}", value);
}

std::string escaped(std::string const& text) {
  std::string out;
  for (char const c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

}  // namespace accord::app
