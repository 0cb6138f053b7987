#pragma once
// The pictures of tests/data/images and the pixels expected of them.

#include <gtest/gtest.h>

#include <span>
#include <sstream>
#include <string>

#include "io/file/file.hpp"
#include "io/media/image.hpp"

namespace accord::io {

inline std::string read_picture(std::string const& name) {
  return read_file(std::string(ACCORD_TEST_IMAGES) + "/" + name);
}

inline std::span<std::byte const> bytes_of(std::string const& text) {
  return std::as_bytes(std::span(text));
}

/// A binary PPM: "P6 width height 255" and the pixels.
inline Image read_ppm(std::string const& name) {
  std::istringstream file(read_picture(name + ".ppm"));
  std::string magic;
  Image image;
  int depth = 0;
  file >> magic >> image.width >> image.height >> depth;
  file.get();
  image.rgb.resize(static_cast<std::size_t>(image.width * image.height * 3));
  file.read(reinterpret_cast<char*>(image.rgb.data()),
            static_cast<std::streamsize>(image.rgb.size()));
  EXPECT_TRUE(file && magic == "P6" && depth == 255) << name;
  return image;
}

}  // namespace accord::io
