#include "io/run/tensorboard.hpp"

#include <fmt/format.h>

#include <array>
#include <bit>
#include <chrono>
#include <cstring>
#include <optional>
#include <string_view>

#include "io/file/file.hpp"

namespace accord::io {
namespace {

/// CRC-32C (Castagnoli, reflected), as TFRecord files use it: rotated and offset, so that a
/// checksum of bytes that hold checksums keeps its worth.
std::uint32_t masked_crc32c(std::string_view bytes) {
  static std::array<std::uint32_t, 256> const table = [] {
    std::array<std::uint32_t, 256> entries{};
    for (std::uint32_t i = 0; i < 256; ++i) {
      std::uint32_t value = i;
      for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0x82F63B78u : 0u);
      entries[i] = value;
    }
    return entries;
  }();
  std::uint32_t crc = ~0u;
  for (char const byte : bytes)
    crc = table[(crc ^ static_cast<unsigned char>(byte)) & 0xFF] ^ (crc >> 8);
  return std::rotr(~crc, 15) + 0xA282EAD8u;
}

/// Little-endian, as is the machine.
template <class T>
std::string fixed(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes += static_cast<char>(value | 0x80);
  return bytes + static_cast<char>(value);
}

// Protocol-buffer fields: a key of number and wire type (0 varint, 1 eight bytes, 2 counted bytes,
// 5 four bytes), then the value.
std::string field(int number, double value) {
  return varint(static_cast<unsigned>(number) << 3 | 1) + fixed(value);
}
std::string field(int number, float value) {
  return varint(static_cast<unsigned>(number) << 3 | 5) + fixed(value);
}
std::string field(int number, std::int64_t value) {
  return varint(static_cast<unsigned>(number) << 3) + varint(static_cast<std::uint64_t>(value));
}
std::string field(int number, std::string const& bytes) {
  return varint(static_cast<unsigned>(number) << 3 | 2) + varint(bytes.size()) + bytes;
}

/// Event {wall_time = 1, step = 2, ...}: every event of ours begins so.
std::string event_head(std::int64_t step) {
  double const now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  return field(1, now) + field(2, step);
}

/// The step of an event that begins as event_head() makes it.
std::optional<std::int64_t> step_of(std::string_view event) {
  constexpr std::size_t begin = 10;  // behind wall_time and the key of step
  if (event.size() <= begin || event.substr(begin - 1, 1) != "\x10") return std::nullopt;
  std::uint64_t step = 0;
  for (std::size_t i = 0; begin + i < event.size() && i < 10; ++i) {
    auto const byte = static_cast<unsigned char>(event[begin + i]);
    step |= static_cast<std::uint64_t>(byte & 0x7F) << (7 * i);
    if (byte < 0x80) return static_cast<std::int64_t>(step);
  }
  return std::nullopt;
}

/// The sound records up to `step`.
class Records {
 public:
  explicit Records(std::filesystem::path const& path) : file_(File::open_read(path)) {}

  KeptBytes up_to(std::int64_t step) const {
    KeptBytes kept;
    std::uint64_t unsound = 0;  // bytes in front of a sound record
    for (std::uint64_t at = 0; at < file_.size();) {
      std::optional<std::string> const event = event_at(at);
      if (!event) {
        std::uint64_t const next = next_sound(at + 1);
        if (next < file_.size()) unsound += next - at;
        at = next;
        continue;
      }
      std::optional<std::int64_t> const happened = step_of(*event);
      std::uint64_t const end = at + around + event->size();
      if (happened && *happened <= step) kept.keep(at, end);
      at = end;
    }
    if (unsound > 0)
      kept.notice = fmt::format(
          "{}: {} bytes are damaged and are taken out; the records behind them "
          "stay",
          file_.path().string(), unsound);
    return kept;
  }

 private:
  static constexpr std::uint64_t around = 16;  // length, its checksum; after the event, the event's

  std::string read(std::uint64_t offset, std::uint64_t bytes) const {
    std::string text(bytes, '\0');
    file_.read_at(offset, std::as_writable_bytes(std::span(text)));
    return text;
  }
  /// Empty where no sound record begins.
  std::optional<std::string> event_at(std::uint64_t at) const {
    std::uint64_t const left = file_.size() - at;
    if (left < around) return std::nullopt;
    std::string const head = read(at, 12);
    std::uint64_t length = 0;
    std::memcpy(&length, head.data(), 8);
    if (head.substr(8) != fixed(masked_crc32c(head.substr(0, 8))) || length > left - around)
      return std::nullopt;
    std::string event = read(at + 12, length);
    if (read(at + 12 + length, 4) != fixed(masked_crc32c(event))) return std::nullopt;
    return event;
  }
  /// The end of the file where none follows.
  std::uint64_t next_sound(std::uint64_t at) const {
    while (at < file_.size() && !event_at(at)) ++at;
    return at;
  }

  File file_;
};

}  // namespace

EventFile::EventFile(std::filesystem::path path, std::int64_t step, Notice const& notice)
    : path_(std::move(path)),
      file_(open_to_continue(
          path_, [&] { return Records(path_).up_to(step); }, notice)) {}

void EventFile::append(std::string const& event) {
  std::string const length = fixed(static_cast<std::uint64_t>(event.size()));
  append_to(file_, path_,
            length + fixed(masked_crc32c(length)) + event + fixed(masked_crc32c(event)));
}

void EventFile::write(MetricsLine const& line, std::string const& prefix) {
  if (std::fseek(file_.get(), 0, SEEK_END) == 0 && std::ftell(file_.get()) == 0)
    append(event_head(0) + field(3, std::string("brain.Event:2")));
  std::string summary;  // Summary {repeated Value {tag = 1, simple_value = 2} value = 1}
  std::int64_t step = 0;
  for (auto const& [name, value] : line) {
    double const number = std::visit([](auto x) { return static_cast<double>(x); }, value);
    if (name == "step")
      step = static_cast<std::int64_t>(number);
    else
      summary += field(1, field(1, prefix + name) + field(2, static_cast<float>(number)));
  }
  append(event_head(step) + field(5, summary));
}

}  // namespace accord::io
