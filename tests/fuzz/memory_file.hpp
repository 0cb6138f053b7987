#pragma once
// A file for readers that want a path, without a disk.

#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <string>

namespace accord::fuzz {

class MemoryFile {
 public:
  explicit MemoryFile(std::string const& content) : descriptor_(::memfd_create("input", 0)) {
    for (std::size_t done = 0; done < content.size();) {
      ssize_t const n = ::write(descriptor_, content.data() + done, content.size() - done);
      if (n <= 0) throw std::runtime_error("memfd: cannot be written");
      done += static_cast<std::size_t>(n);
    }
  }
  ~MemoryFile() { ::close(descriptor_); }
  MemoryFile(MemoryFile const&) = delete;
  MemoryFile& operator=(MemoryFile const&) = delete;

  std::filesystem::path path() const { return "/proc/self/fd/" + std::to_string(descriptor_); }

 private:
  int descriptor_;
};

}  // namespace accord::fuzz
