#pragma once
// Writes tar archives, sound and unsound, in memory.

#include <fmt/format.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <string>

namespace accord::io {

class TarFixture {
 public:
  /// A member with an ustar header.
  TarFixture& add(std::string const& name, std::string const& content, char type = '0',
                  std::string const& prefix = "") {
    std::array<char, 512> header{};
    auto const put = [&](std::size_t at, std::string const& text) {
      std::memcpy(header.data() + at, text.data(), text.size());
    };
    put(0, name.substr(0, 100));
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, fmt::format("{:011o}", content.size()));
    put(136, "00000000000");
    put(148, "        ");
    header[156] = type;
    if (type == '1' || type == '2') put(157, "target");
    put(257, std::string("ustar\0"
                         "00",
                         8));
    put(345, prefix);
    unsigned sum = 0;
    for (char const c : header) sum += static_cast<unsigned char>(c);
    put(148, fmt::format("{:06o}", sum));
    bytes_.append(header.data(), header.size());
    bytes_ += content;
    bytes_.resize((bytes_.size() + 511) / 512 * 512);
    return *this;
  }
  TarFixture& add_pax(std::string const& name, std::string const& content) {
    std::string const field = "path=" + name + "\n";
    std::size_t length = field.size() + 2;  // the length counts its own digits and the blank
    while (fmt::format("{} ", length).size() + field.size() != length) ++length;
    add("PaxHeader", fmt::format("{} {}", length, field), 'x');
    return add("short", content);
  }
  TarFixture& add_gnu(std::string const& name, std::string const& content) {
    add("././@LongLink", name + '\0', 'L');
    return add(name.substr(0, 100), content);
  }
  std::string end() const { return bytes_ + std::string(1024, '\0'); }
  std::string const& without_end() const { return bytes_; }

 private:
  std::string bytes_;
};

}  // namespace accord::io
