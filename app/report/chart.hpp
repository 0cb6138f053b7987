#pragma once
// Line charts as SVG: no scripts, no fonts or pictures from elsewhere, readable on light and dark
// ground.

#include <string>
#include <vector>

namespace accord::app {

struct Series {
  std::string name;
  std::vector<double> x, y;  ///< x ascends; points with a y that is not finite are gaps
};

struct Chart {
  enum class Format : unsigned char { number, percent, scientific, seconds };

  std::string title;
  std::vector<Series> series;
  Format format = Format::number;  ///< of the y axis and the legend
  bool from_zero = false;          ///< the y axis includes 0
  bool noisy = true;               ///< draw a moving mean over the values
  std::string x_label = "step";
};

/// The drawing, `width` x `height` units, colours by the classes of chart_style(). Long series are
/// thinned to what can be seen: the values as a faint line, their moving mean as a strong one.
std::string to_svg(Chart const& chart, int width, int height);

/// The same as a file of its own, with its style and ground.
std::string to_svg_file(Chart const& chart, int width, int height);

/// CSS that the drawings need, once per page.
std::string chart_style();

/// "1 234", "0.0123", "1.5e-06", "43 %", "0.12 s": short, for people.
std::string readable(double value, Chart::Format format);

/// Text with the characters that mean something to HTML replaced.
std::string escaped(std::string const& text);

}  // namespace accord::app
