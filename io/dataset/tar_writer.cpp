#include "io/dataset/tar_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace accord::io {
namespace {

constexpr std::size_t block_bytes = 512, name_bytes = 100, buffer_bytes = 1 << 20;

std::filesystem::path temporary_of(std::filesystem::path path) { return path += ".tmp"; }

/// "27 path=a/long/name\n": the number counts itself.
std::string pax_record(std::string const& name) {
  std::string const field = " path=" + name + "\n";
  std::size_t length = field.size() + 1;
  while (std::to_string(length).size() + field.size() != length) ++length;
  return std::to_string(length) + field;
}

}  // namespace

TarWriter::TarWriter(std::filesystem::path path)
    : path_(std::move(path)), temporary_(temporary_of(path_)), file_(File::open_write(temporary_)) {
  file_.resize(0);
}

TarWriter::~TarWriter() {
  std::error_code ignored;
  if (!finished_) std::filesystem::remove(temporary_, ignored);
}

void TarWriter::add(std::string const& name, std::span<std::byte const> content) {
  bool const plain = name.size() <= name_bytes && std::ranges::all_of(name, [](char c) {
                       return static_cast<unsigned char>(c) < 0x80;
                     });
  std::string const record = plain ? "" : pax_record(name);
  if (!plain) member("PaxHeader", 'x', std::as_bytes(std::span(record)));
  member(name.substr(0, name_bytes), '0', content);
}

void TarWriter::member(std::string const& name, char type, std::span<std::byte const> content) {
  std::array<char, block_bytes> header{};
  auto const put = [&](std::size_t at, std::string_view text) {
    std::memcpy(header.data() + at, text.data(), text.size());
  };
  put(0, name);
  put(100, "0000644");
  put(108, "0000000");
  put(116, "0000000");
  put(124, fmt::format("{:011o}", content.size()));
  put(136, "00000000000");
  put(148, "        ");  // the checksum, while it is taken
  header[156] = type;
  put(257, std::string_view("ustar\0"
                            "00",
                            8));
  unsigned sum = 0;
  for (char const c : header) sum += static_cast<unsigned char>(c);
  put(148, fmt::format("{:06o}", sum));
  header[154] = '\0';
  append(std::as_bytes(std::span(header)));
  append(content);
  std::array<std::byte, block_bytes> const zeros{};
  append(std::span(zeros).first((block_bytes - content.size() % block_bytes) % block_bytes));
}

void TarWriter::append(std::span<std::byte const> bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= buffer_bytes) flush();
}

void TarWriter::flush() {
  file_.write_at(written_, buffer_);
  written_ += buffer_.size();
  buffer_.clear();
}

void TarWriter::finish() {
  std::array<std::byte, 2 * block_bytes> const end_mark{};
  append(end_mark);
  flush();
  file_.sync();
  rename_durably(temporary_, path_);
  finished_ = true;
}

}  // namespace accord::io
