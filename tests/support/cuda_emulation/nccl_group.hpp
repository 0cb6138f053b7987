#pragma once
// What the members of an emulated NCCL communicator share, be they threads or processes: one file
// that all of them map. Each member writes its own part and reads that of the others.

#include <nccl.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string>

namespace accord::emulation {

enum class CallKind : std::int32_t {
  all_reduce,
  all_gather,
  reduce_scatter,
  broadcast,
  send,
  receive
};

/// A call as its member makes it; the members of one collective make equal calls.
struct NcclCall {
  CallKind kind = CallKind::all_reduce;
  ncclDataType_t type = ncclUint8;
  ncclRedOp_t op = ncclSum;
  std::int32_t peer = 0;  ///< root of a broadcast, the other side of a message
  std::uint64_t count = 0;
  friend bool operator==(NcclCall const&, NcclCall const&) = default;
};
/// "ncclAllReduce of 4 float32 (sum)"
std::string describe(NcclCall const& call);
std::size_t size_of(ncclDataType_t type);

enum class MemberState : std::int32_t { away, present, destroyed, aborted };

struct NcclMember {
  std::atomic<MemberState> state;
  std::atomic<std::int32_t> process;
  char device[64];                      ///< that the member computes on
  std::atomic<std::int32_t> under_way;  ///< calls that its device has begun and not ended
  char last_call[128];                  ///< that its device has begun
  NcclCall collective;                  ///< the newest; in its window lies what it gives
  std::atomic<std::uint64_t> posted,
      finished;  ///< collectives begun, and done with the others' windows
};

/// Messages from one member to another, one at a time.
struct NcclLane {
  NcclCall sent_as, expected_as;
  std::atomic<std::uint64_t> sent, taken;
  std::atomic<bool> refused;
};

class NcclGroup {
 public:
  static constexpr int most_members = 8;
  static constexpr std::size_t window_bytes = std::size_t{64} << 20;  // of addresses, mostly

  /// A new file, and where it is.
  static std::string create();
  /// \throws std::runtime_error where there is no such file.
  NcclGroup(std::string path, int ranks);
  NcclGroup(NcclGroup const&) = delete;
  NcclGroup& operator=(NcclGroup const&) = delete;
  ~NcclGroup();

  int ranks() const { return ranks_; }
  /// Of the first member that came.
  std::atomic<std::int32_t>& agreed_ranks() { return shared_->ranks; }
  NcclMember& member(int rank) { return shared_->members[rank]; }
  NcclLane& lane(int from, int to) { return shared_->lanes[from][to]; }
  /// What a member gives to a collective, and what it sends to another.
  std::byte* window(int rank) { return windows_ + static_cast<std::size_t>(rank) * window_bytes; }
  std::byte* window(int from, int to) { return window(ranks_ + from * ranks_ + to); }
  /// All have mapped it: nobody will look for it any more.
  void remove_file();

 private:
  struct Shared {
    std::atomic<std::int32_t> ranks;
    NcclMember members[most_members];
    NcclLane lanes[most_members][most_members];
  };

  std::string path_;
  int ranks_;
  std::size_t bytes_;
  Shared* shared_;
  std::byte* windows_;
};

}  // namespace accord::emulation
