#pragma once
// Folders of arrays with captions that say what is in them, drawn with a fixed seed.

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <fstream>
#include <map>
#include <numbers>
#include <string>
#include <vector>

#include "core/base/rng.hpp"
#include "io/dataset/png_encode.hpp"
#include "tests/io/media/arrays.hpp"

namespace accord::testing {

/// Numbers of one sample, one after another.
class SampleDraws {
 public:
  explicit SampleDraws(std::uint64_t sample) : draws_(1, Purpose::synth), sample_(sample) {}
  double between(double low, double high) {
    return low + (high - low) * draws_.uniform(sample_, 0, next_++);
  }

 private:
  Draws draws_;
  std::uint64_t sample_;
  std::uint32_t next_ = 0;
};

/// KEY and an ending for each item, KEY.txt for the caption.
inline void write_sample(std::filesystem::path const& folder, std::string const& key,
                         std::map<std::string, std::string> const& items,
                         std::string const& caption) {
  std::filesystem::create_directories(folder);
  for (auto const& [ending, bytes] : items)
    std::ofstream(folder / (key + ending), std::ios::binary) << bytes;
  std::ofstream(folder / (key + ".txt")) << caption << "\n";
}

/// What an accelerometer of three axes measures in 48 readings while it is shaken: along an axis,
/// so hard, so fast, smoothly or in jerks, in one third of the time. `each` samples of each of the
/// 216 captions, which differ in phase and noise.
inline void write_motions(std::filesystem::path const& folder, int each) {
  constexpr int frames = 48, axes = 3;
  constexpr char const *ways[] = {"sideways", "forward", "upward"},
                       *times[] = {"first", "then", "last"},
                       *speeds[] = {"slow", "steady", "brisk", "frantic"},
                       *forces[] = {"gentle", "firm", "strong"}, *manners[] = {"smooth", "jerky"};
  constexpr double periods[] = {16, 9, 5, 3};  // in readings
  std::uint64_t number = 0;
  for (int way = 0; way < 3; ++way)
    for (int when = 0; when < 3; ++when)
      for (int speed = 0; speed < 4; ++speed)
        for (int force = 0; force < 3; ++force)
          for (int manner = 0; manner < 2; ++manner)
            for (int i = 0; i < each; ++i) {
              SampleDraws draws(number);
              double const phase = draws.between(0, 2 * std::numbers::pi);
              std::vector<float> values;
              for (int frame = 0; frame < frames; ++frame)
                for (int axis = 0; axis < axes; ++axis) {
                  double x = draws.between(-0.2, 0.2) + (axis == 2 ? 9.81 : 0);
                  if (axis == way && frame * 3 / frames == when) {
                    double const wave =
                        std::sin(phase + 2 * std::numbers::pi * frame / periods[speed]);
                    x += std::pow(2.5, force) * (manner == 0 ? wave : wave > 0 ? 1 : -1);
                  }
                  values.push_back(static_cast<float>(x));
                }
              write_sample(folder, fmt::format("motion-{:04}", number++),
                           {{".npy", npy(fmt::format("{}, {}", frames, axes), values)}},
                           fmt::format("{} a {} {} {} shake {}", times[when], forces[force],
                                       speeds[speed], manners[manner], ways[way]));
            }
}

/// Videos of 8 frames of 16 x 16 grey pixels in which a square moves: its size, brightness, pace
/// and direction are in the caption, 64 of them; where it begins differs.
inline void write_videos(std::filesystem::path const& folder, int each) {
  constexpr int frames = 8, side = 16;
  struct Direction {
    char const* name;
    int x, y;
  };
  constexpr Direction directions[] = {
      {"left", -1, 0},          {"right", 1, 0},         {"up", 0, -1},
      {"down", 0, 1},           {"left and up", -1, -1}, {"right and up", 1, -1},
      {"left and down", -1, 1}, {"right and down", 1, 1}};
  constexpr char const *sizes[] = {"small", "large"}, *lights[] = {"dim", "bright"},
                       *paces[] = {"slowly", "quickly"};
  std::uint64_t number = 0;
  for (Direction const& direction : directions)
    for (int size = 0; size < 2; ++size)
      for (int light = 0; light < 2; ++light)
        for (int pace = 0; pace < 2; ++pace)
          for (int i = 0; i < each; ++i) {
            SampleDraws draws((std::uint64_t{1} << 40) + number);
            int const left = static_cast<int>(draws.between(0, side)),
                      top = static_cast<int>(draws.between(0, side)), extent = 3 + 4 * size;
            std::vector<std::uint8_t> pixels(frames * side * side, 10);
            for (int frame = 0; frame < frames; ++frame)
              for (int y = 0; y < extent; ++y)
                for (int x = 0; x < extent; ++x) {
                  // It comes back in on the other side.
                  int const row = top + y + direction.y * frame * (1 + pace) + 2 * side,
                            column = left + x + direction.x * frame * (1 + pace) + 2 * side;
                  int const pixel = (frame * side + row % side) * side + column % side;
                  pixels[static_cast<std::size_t>(pixel)] =
                      static_cast<std::uint8_t>(100 + 150 * light);
                }
            write_sample(
                folder, fmt::format("video-{:04}", number++),
                {{".npy", npy_file(npy_header("|u1", fmt::format("{0}, {1}, {1}", frames, side)),
                                   bytes_of(pixels))}},
                fmt::format("a {} {} square moves {} {}", sizes[size], lights[light], paces[pace],
                            direction.name));
          }
}

/// A square somewhere in a picture, and what a sensor with four outputs (place, size, brightness)
/// says of it in 12 noisy readings: KEY.png, KEY.sensor.npy and a caption of both, 225 of them.
inline void write_pictures_with_readings(std::filesystem::path const& folder, int each) {
  constexpr int side = 32, frames = 12;
  constexpr char const *rows[] = {"top", "high", "central", "low", "bottom"},
                       *columns[] = {"leftmost", "left", "middle", "right", "rightmost"},
                       *sizes[] = {"small", "medium", "large"},
                       *lights[] = {"dim", "grey", "bright"};
  std::uint64_t number = 0;
  for (int row = 0; row < 5; ++row)
    for (int column = 0; column < 5; ++column)
      for (int size = 0; size < 3; ++size)
        for (int light = 0; light < 3; ++light)
          for (int i = 0; i < each; ++i) {
            SampleDraws draws((std::uint64_t{2} << 40) + number);
            std::vector<std::uint8_t> pixels;
            int const extent = 3 + 2 * size, top = 1 + 5 * row, left = 1 + 5 * column;
            for (int y = 0; y < side; ++y)
              for (int x = 0; x < side; ++x) {
                bool const inside = y >= top && y < top + extent && x >= left && x < left + extent;
                double const level = inside ? 90 + 75 * light : 10;
                for (int c = 0; c < 3; ++c)
                  pixels.push_back(static_cast<std::uint8_t>(level + draws.between(0, 8)));
              }
            std::vector<float> readings;
            for (int frame = 0; frame < frames; ++frame)
              for (int const value : {row - 2, column - 2, size - 1, light - 1})
                readings.push_back(static_cast<float>(value + draws.between(-0.3, 0.3)));
            std::vector<std::byte> const png = io::encode_png(pixels, side, side);
            write_sample(folder, fmt::format("square-{:04}", number++),
                         {{".png", bytes_of(png)},
                          {".sensor.npy", npy(fmt::format("{}, 4", frames), readings)}},
                         fmt::format("{} {} {} {} square", rows[row], columns[column], sizes[size],
                                     lights[light]));
          }
}

}  // namespace accord::testing
