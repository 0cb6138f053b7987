#include "io/run/tensorboard.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <map>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::io;

namespace {

// A reader written from the description of the format, sharing nothing with the writer.

/// CRC-32C, bit by bit.
std::uint32_t crc32c(std::string const& bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (char const byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = crc % 2 ? crc / 2 ^ 0x82F63B78 : crc / 2;
  }
  return crc ^ 0xFFFFFFFF;
}

class Bytes {
 public:
  explicit Bytes(std::string text) : text_(std::move(text)) {}
  bool empty() const { return at_ == text_.size(); }
  std::string take(std::size_t count) {
    if (count > text_.size() - at_) throw std::runtime_error("ends early");
    at_ += count;
    return text_.substr(at_ - count, count);
  }
  template <class T>
  T number() {
    T value;
    std::memcpy(&value, take(sizeof value).data(), sizeof value);
    return value;
  }
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
      auto const byte = number<std::uint8_t>();
      value += static_cast<std::uint64_t>(byte % 128) << shift;
      if (byte < 128) return value;
    }
  }

 private:
  std::string text_;
  std::size_t at_ = 0;
};

struct StoredEvent {
  double wall_time = 0;
  std::uint64_t step = 0;
  std::string version;
  std::map<std::string, float> scalars;
};

void read_value(Bytes value, StoredEvent& event) {
  std::string tag;
  float scalar = NAN;
  while (!value.empty()) {
    std::uint64_t const key = value.varint();
    if (key == (1 << 3 | 2))
      tag = value.take(value.varint());
    else if (key == (2 << 3 | 5))
      scalar = value.number<float>();
    else
      throw std::runtime_error("unknown field of Value");
  }
  event.scalars[tag] = scalar;
}

StoredEvent read_event(Bytes bytes) {
  StoredEvent event;
  while (!bytes.empty()) {
    std::uint64_t const key = bytes.varint();
    if (key == (1 << 3 | 1)) {
      event.wall_time = bytes.number<double>();
    } else if (key == (2 << 3 | 0)) {
      event.step = bytes.varint();
    } else if (key == (3 << 3 | 2)) {
      event.version = bytes.take(bytes.varint());
    } else if (key == (5 << 3 | 2)) {
      Bytes summary(bytes.take(bytes.varint()));
      while (!summary.empty()) {
        if (summary.varint() != (1 << 3 | 2)) throw std::runtime_error("unknown field of Summary");
        read_value(Bytes(summary.take(summary.varint())), event);
      }
    } else {
      throw std::runtime_error("unknown field of StoredEvent");
    }
  }
  return event;
}

std::vector<StoredEvent> read_events(std::filesystem::path const& path) {
  auto const masked = [](std::string const& bytes) {
    std::uint32_t const crc = crc32c(bytes);
    return static_cast<std::uint32_t>((crc >> 15 | crc << 17) + 0xA282EAD8);
  };
  std::vector<StoredEvent> events;
  Bytes file(io::read_file(path));
  while (!file.empty()) {
    std::string const length = file.take(8);
    if (file.number<std::uint32_t>() != masked(length)) throw std::runtime_error("length");
    std::string const data = file.take(Bytes(length).number<std::uint64_t>());
    if (file.number<std::uint32_t>() != masked(data)) throw std::runtime_error("data");
    events.push_back(read_event(Bytes(data)));
  }
  return events;
}

class Tensorboard : public TemporaryFolder {
 protected:
  void write(std::int64_t after, std::int64_t first, std::int64_t last) const {
    EventFile file(path_, after);
    for (std::int64_t step = first; step <= last; ++step)
      file.write({{"step", step}, {"loss", 0.1 * static_cast<double>(step)}, {"epoch", step / 2}});
  }
  std::vector<std::uint64_t> steps() const {
    std::vector<std::uint64_t> steps;
    for (StoredEvent const& event : read_events(path_)) steps.push_back(event.step);
    return steps;
  }

  std::filesystem::path path_ = folder_ / "run" / event_file_name;
};

using Steps = std::vector<std::uint64_t>;

}  // namespace

TEST_F(Tensorboard, ReadsBackByTheFormatsDescription) {
  ASSERT_EQ(crc32c("123456789"), 0xE3069283);  // the published check value
  write(0, 1, 300);
  EventFile(path_, 300).write({{"step", std::int64_t{1} << 40}, {"i2t_r1", 12.5}}, "validation/");
  std::vector<StoredEvent> const events = read_events(path_);
  ASSERT_EQ(events.size(), 302u);
  EXPECT_EQ(events[0].version, "brain.Event:2");
  EXPECT_GT(events[0].wall_time, 1.7e9);
  EXPECT_EQ(events[300].step, 300u);
  EXPECT_EQ(events[300].scalars, (std::map<std::string, float>{{"loss", 30.0f}, {"epoch", 150}}));
  EXPECT_EQ(events[301].step, std::uint64_t{1} << 40);
  EXPECT_EQ(events[301].scalars, (std::map<std::string, float>{{"validation/i2t_r1", 12.5f}}));
}

TEST_F(Tensorboard, ResumeCutsBackToTheCheckpointsStep) {
  write(0, 1, 200);
  write(130, 131, 132);
  Steps want = {0};
  for (std::uint64_t step = 1; step <= 132; ++step) want.push_back(step);
  EXPECT_EQ(steps(), want);
  write(0, 1, 1);
  EXPECT_EQ(steps(), (Steps{0, 1}));
}

TEST_F(Tensorboard, WhatAKillLeftHalfWrittenOrDamagedIsCutOff) {
  write(0, 1, 3);
  std::string const whole = io::read_file(path_);
  write(0, 1, 2);
  std::size_t const third = io::read_file(path_).size();
  for (std::size_t size = third; size < whole.size(); ++size) {
    write_file(path_, whole.substr(0, size));
    write(9, 1, 0);
    EXPECT_EQ(steps(), (Steps{0, 1, 2})) << size;
  }
  for (std::size_t byte = third; byte < whole.size(); ++byte) {
    std::string damaged = whole;
    damaged[byte] = static_cast<char>(damaged[byte] ^ 1);
    write_file(path_, damaged);
    write(9, 4, 4);
    EXPECT_EQ(steps(), (Steps{0, 1, 2, 4})) << byte;
  }
}

TEST_F(Tensorboard, AFullDiskIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  std::filesystem::create_directories(path_.parent_path());
  std::filesystem::create_symlink("/dev/full", path_);
  EXPECT_THROW(write(0, 1, 1), IoError);
}

TEST_F(Tensorboard, KeepsSoundRecordsBehindDamagedBytes) {
  write(0, 1, 1);
  std::uintmax_t const second = std::filesystem::file_size(path_);
  write(1, 2, 4);
  std::string const sound = io::read_file(path_);
  for (std::uintmax_t const byte : {second, second + 9, second + 14}) {
    std::string damaged = sound;
    damaged[byte] = static_cast<char>(damaged[byte] ^ 1);
    write_file(path_, damaged);
    std::vector<std::string> notices;
    EventFile(path_, 3, [&](std::string const& text) { notices.push_back(text); });
    EXPECT_EQ(steps(), (Steps{0, 1, 3})) << byte;
    EXPECT_EQ(notices.size(), 1u) << byte;
  }
}
