#include "tests/support/cuda_emulation/nccl_group.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <utility>

namespace accord::emulation {
namespace {

constexpr std::size_t page = 4096;

char const* name_of(ncclDataType_t type) {
  switch (type) {
    case ncclUint8:
      return "uint8";
    case ncclInt32:
      return "int32";
    case ncclInt64:
      return "int64";
    case ncclUint64:
      return "uint64";
    case ncclFloat32:
      return "float32";
    case ncclFloat64:
      return "float64";
    case ncclBfloat16:
      return "bfloat16";
    default:
      return "elements of a type that is not emulated";
  }
}

}  // namespace

std::string describe(NcclCall const& call) {
  static constexpr char const* names[] = {"ncclAllReduce", "ncclAllGather", "ncclReduceScatter",
                                          "ncclBroadcast", "ncclSend",      "ncclRecv"};
  std::string text = fmt::format("{} of {} {}", names[static_cast<int>(call.kind)], call.count,
                                 name_of(call.type));
  if (call.kind == CallKind::all_reduce || call.kind == CallKind::reduce_scatter)
    text += call.op == ncclSum ? " (sum)" : " (max)";
  if (call.kind == CallKind::broadcast || call.kind == CallKind::receive)
    text += fmt::format(" from rank {}", call.peer);
  if (call.kind == CallKind::send) text += fmt::format(" to rank {}", call.peer);
  return text;
}

std::size_t size_of(ncclDataType_t type) {
  switch (type) {
    case ncclUint8:
      return 1;
    case ncclBfloat16:
      return 2;
    case ncclInt32:
    case ncclFloat32:
      return 4;
    case ncclInt64:
    case ncclUint64:
    case ncclFloat64:
      return 8;
    default:
      return 0;
  }
}

std::string NcclGroup::create() {
  std::string path = (std::filesystem::temp_directory_path() / "emulated-nccl-XXXXXX").string();
  int const file = ::mkstemp(path.data());
  if (file < 0) throw std::runtime_error("no room for a communicator in " + path);
  ::close(file);
  return path;
}

NcclGroup::NcclGroup(std::string path, int ranks)
    : path_(std::move(path)),
      ranks_(ranks),
      bytes_((sizeof(Shared) + page - 1) / page * page +
             static_cast<std::size_t>(ranks * (ranks + 1)) * window_bytes) {
  int const file = ::open(path_.c_str(), O_RDWR);
  void* const room = file < 0 || ::ftruncate(file, static_cast<off_t>(bytes_)) != 0
                         ? MAP_FAILED
                         : ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
  if (file >= 0) ::close(file);
  if (room == MAP_FAILED) throw std::runtime_error("no communicator " + path_);
  shared_ = static_cast<Shared*>(room);  // of zeros at first
  windows_ = static_cast<std::byte*>(room) + (sizeof(Shared) + page - 1) / page * page;
}

NcclGroup::~NcclGroup() { ::munmap(shared_, bytes_); }

void NcclGroup::remove_file() { ::unlink(path_.c_str()); }

}  // namespace accord::emulation
