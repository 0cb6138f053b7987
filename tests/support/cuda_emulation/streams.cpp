#include "tests/support/cuda_emulation/streams.hpp"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <deque>
#include <exception>
#include <list>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/cuda_emulation/memory.hpp"

namespace {

struct Work {
  std::function<bool()> ready;
  std::function<void()> run;
  std::function<std::string()> situation;
};

}  // namespace

struct CUstream_st {
  int device;
  std::deque<Work> work;
  bool destroyed = false;

  bool ready() const { return !work.empty() && work.front().ready(); }
};

struct CUevent_st {
  std::shared_ptr<bool const> reached;  ///< of the latest record; null before the first
  cudaStream_t recorded_on = nullptr;
};

namespace accord::emulation {
namespace {

/// See order_by().
class Order {
 public:
  explicit Order(unsigned seed) : seed_(seed), draws_(seed) {}

  bool at_once() { return seed_ >= 2 && draws_() % 4 == 0; }
  cudaStream_t choose(std::vector<cudaStream_t> ready, cudaStream_t wanted) {
    if (seed_ >= 2) return ready[draws_() % ready.size()];
    auto const comes_last = [&](cudaStream_t s) { return (s == wanted) == (seed_ == 1); };
    std::stable_partition(ready.begin(), ready.end(), comes_last);
    return ready.back();
  }

 private:
  unsigned seed_;
  std::mt19937 draws_;
};

unsigned of_environment(char const* name, unsigned otherwise) {
  char const* const value = std::getenv(name);
  return value ? static_cast<unsigned>(std::atoi(value)) : otherwise;
}

struct Device {
  std::mutex mutex;
  std::condition_variable changed;
  std::list<CUstream_st> streams;
  std::string failure;
  Order order{of_environment("ACCORD_EMULATION_SEED", 0)};
  std::chrono::microseconds idle{0};  ///< waited since work ran last
};

Device& device() {
  static Device instance;
  return instance;
}

void fail(std::string reason) {
  device().failure = std::move(reason);
  for (CUstream_st& stream : device().streams) stream.work.clear();
}

cudaError_t state() { return device().failure.empty() ? cudaSuccess : cudaErrorLaunchFailure; }

/// One piece of work of one stream. False when none can go on.
bool step(cudaStream_t wanted) {
  std::vector<cudaStream_t> ready;
  for (CUstream_st& stream : device().streams)
    if (stream.ready()) ready.push_back(&stream);
  if (ready.empty()) return false;
  cudaStream_t const stream = device().order.choose(std::move(ready), wanted);
  Work const work = std::move(stream->work.front());
  stream->work.pop_front();
  device().idle = {};
  try {
    work.run();
  } catch (std::exception const& error) {
    fail(error.what());
  }
  std::erase_if(device().streams, [](CUstream_st& s) { return s.destroyed && s.work.empty(); });
  device().changed.notify_all();
  return true;
}

/// Waits a moment, for nothing here can go on.
void let_others_go_on(std::unique_lock<std::mutex>& lock) {
  device().changed.wait_for(lock, poll_interval);
  device().idle += poll_interval;
  if (device().idle < patience || !device().failure.empty()) return;
  std::string reason = "streams of the emulated device wait for each other for ever";
  for (CUstream_st const& stream : device().streams)
    if (!stream.work.empty() && stream.work.front().situation)
      reason += "; " + stream.work.front().situation();
  fail(std::move(reason));
}

/// Whether `goal` holds, after what could be done for it.
cudaError_t query(std::function<bool()> const& goal, cudaStream_t wanted) {
  advance(wanted);
  std::unique_lock lock(device().mutex);
  if (state() != cudaSuccess || goal()) return state();
  let_others_go_on(lock);
  return cudaErrorNotReady;
}

}  // namespace

int device_count = static_cast<int>(of_environment("ACCORD_EMULATED_DEVICES", 1));
std::chrono::seconds patience{60};

int& current_device() {
  thread_local int device = 0;
  return device;
}

void order_by(unsigned seed) {
  std::lock_guard const lock(device().mutex);
  device().order = Order(seed);
}

std::mutex& device_mutex() { return device().mutex; }
char const* failure() { return device().failure.c_str(); }
std::string take_failure() {
  std::lock_guard const lock(device().mutex);
  return std::exchange(device().failure, {});
}

cudaError_t enqueue(cudaStream_t stream, std::function<void()> work) {
  return enqueue(
      stream, [] { return true; }, std::move(work));
}

cudaError_t enqueue(cudaStream_t stream, std::function<bool()> ready, std::function<void()> work,
                    std::function<std::string()> situation) {
  if (!stream) return cudaErrorInvalidResourceHandle;  // the program has no use for the default one
  std::lock_guard const lock(device().mutex);
  if (state() != cudaSuccess) return state();
  stream->work.push_back({std::move(ready), std::move(work), std::move(situation)});
  device().idle = {};
  if (device().order.at_once()) {
    DeviceAccess const access;
    step(stream);
  }
  device().changed.notify_all();
  return state();
}

cudaError_t wait_until(std::function<bool()> const& goal, cudaStream_t wanted) {
  std::unique_lock lock(device().mutex);
  auto const over = [&] { return state() != cudaSuccess || goal(); };
  while (!over()) {
    {
      DeviceAccess const access;
      while (!over() && step(wanted))
        ;
    }
    if (!over()) let_others_go_on(lock);
  }
  return state();
}

void advance(cudaStream_t wanted) {
  std::lock_guard const lock(device().mutex);
  DeviceAccess const access;
  while (state() == cudaSuccess && step(wanted))
    ;
}

cudaError_t wait_for_all() {
  int const here = current_device();
  return wait_until(
      [here] {
        for (CUstream_st const& stream : device().streams)
          if (stream.device == here && !stream.work.empty()) return false;
        return true;
      },
      nullptr);
}

}  // namespace accord::emulation

using namespace accord::emulation;

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  std::lock_guard const lock(device_mutex());
  *stream = &device().streams.emplace_back(CUstream_st{current_device(), {}});
  return state();
}
// Returns at once; what the stream holds is done nevertheless.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  std::lock_guard const lock(device_mutex());
  stream->destroyed = true;
  std::erase_if(device().streams, [](CUstream_st& s) { return s.destroyed && s.work.empty(); });
  return state();
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  return wait_until([stream] { return stream->work.empty(); }, stream);
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  return query([stream] { return stream->work.empty(); }, stream);
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (!event->reached) return cudaSuccess;
  return enqueue(
      stream, [reached = event->reached] { return *reached; }, [] {});
}
cudaError_t cudaEventCreate(cudaEvent_t* event) {
  *event = new CUevent_st;
  return cudaSuccess;
}
cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  return cudaEventCreate(event);
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  auto const reached = std::make_shared<bool>(false);
  event->reached = reached;
  event->recorded_on = stream;
  return enqueue(stream, [reached] { *reached = true; });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (!event->reached) return cudaSuccess;
  return wait_until([&] { return *event->reached; }, event->recorded_on);
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (!event->reached) return cudaSuccess;
  return query([&] { return *event->reached; }, event->recorded_on);
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  if (!begin->reached || !end->reached) return cudaErrorInvalidResourceHandle;
  std::lock_guard const lock(device_mutex());
  if (!*begin->reached || !*end->reached) return cudaErrorNotReady;
  *milliseconds = 1;
  return cudaSuccess;
}
