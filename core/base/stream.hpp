#pragma once
// What a Queue on the cuda backend holds. Its types are declared here, so that no header of CUDA's
// is needed to know of it.

#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

struct CUstream_st;
struct CUevent_st;
struct cublasLtContext;

namespace accord::cuda {

class GemmAlgorithms;  // of core/ops/cuda, where it is made

/// A point in a stream's work. wait() makes another stream go on only after it; nothing waits on
/// the host.
class Event {
 public:
  Event();
  Event(Event const&) = delete;
  Event& operator=(Event const&) = delete;
  ~Event();
  CUevent_st* handle() const { return event_; }
  /// Whether the stream's work has come to it.
  bool passed() const;

 private:
  CUevent_st* event_ = nullptr;
};

/// A stream of the process's device, a cuBLASLt handle with its workspace, and pinned memory
/// through which uploads travel; the last two come with their first use. Not thread-safe.
/// Destruction waits for the stream.
class Stream {
 public:
  /// \throws Error when there is no device.
  Stream();
  Stream(Stream const&) = delete;
  Stream& operator=(Stream const&) = delete;
  ~Stream();

  CUstream_st* handle() const { return stream_; }
  cublasLtContext* blas();
  void* workspace();
  static constexpr std::size_t workspace_bytes = std::size_t{64} << 20;
  /// Where the choices made for this stream's matrix products are kept (algorithms_of()).
  std::shared_ptr<GemmAlgorithms>& algorithms() { return algorithms_; }

  /// The host waits until all work is done. \throws Error of whatever failed before, and of what
  /// watches.
  void wait();
  /// Peers that the stream's work needs. While it lives, `check` is called again and again where
  /// the host waits for the stream: it throws when a peer is gone. Then `abandon` of all watches
  /// must let work end that waits for peers, so that nothing is under way any more when the host
  /// learns of it.
  class Watch {
   public:
    Watch(Stream& stream, std::function<void()> check, std::function<void()> abandon);
    Watch(Watch const&) = delete;
    Watch& operator=(Watch const&) = delete;
    ~Watch();

   private:
    friend class Stream;
    Stream& stream_;
    std::function<void()> check_, abandon_;
  };
  void record(Event& event);
  /// What is enqueued from now on waits for `event`.
  void wait_for(Event const& event);

  /// `host` may be changed when the call returns; the copy itself is ordered like any other work.
  void upload(void* device, void const* host, std::size_t bytes);
  /// Waits: `host` holds the values when the call returns.
  void download(void* host, void const* device, std::size_t bytes);
  /// A block of `rows` rows of `width` bytes each, from rows `from_pitch` bytes apart to rows
  /// `to_pitch` bytes apart. Each side may be host or device memory; what is on the host must stay
  /// unchanged until the stream has passed.
  void copy(void* to, std::size_t to_pitch, void const* from, std::size_t from_pitch,
            std::size_t width, std::size_t rows);
  void zero(void* to, std::size_t pitch, std::size_t width, std::size_t rows);

 private:
  static constexpr std::size_t half_bytes = std::size_t{16} << 20;

  void check_peers();

  CUstream_st* stream_ = nullptr;
  cublasLtContext* blas_ = nullptr;
  void* workspace_ = nullptr;
  std::shared_ptr<GemmAlgorithms> algorithms_;
  // Uploads fill one half of the pinned memory while copies from the other may still be under way.
  std::byte* pinned_ = nullptr;
  std::size_t used_ = 0;
  int half_ = 0;
  Event left_[2];  ///< the last copy out of each half
  std::vector<Watch*> watches_;
};

/// Deletes a Stream, in builds that have any.
struct StreamDeleter {
  void operator()(Stream* stream) const noexcept;
};

}  // namespace accord::cuda
