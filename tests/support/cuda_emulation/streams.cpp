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
#include "tests/support/cuda_emulation/processor.hpp"

namespace {

using namespace accord::emulation;

struct Work {
  std::function<bool()> ready;
  std::function<void()> run;
  std::function<std::string()> situation;
};

}  // namespace

struct CUstream_st {
  int device;
  Processor* processor;
  std::deque<std::unique_ptr<Work>> work = {};
  bool destroyed = false;

  bool ready() const { return !work.empty() && race::unseen(work.front()->ready); }
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
  std::list<Processor> processors;
  std::vector<Processor*> idle_processors;
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

void drop_finished_streams() {
  std::erase_if(device().streams, [](CUstream_st const& stream) {
    bool const finished = stream.destroyed && stream.work.empty();
    if (finished) device().idle_processors.push_back(stream.processor);
    return finished;
  });
}

cudaError_t state() { return device().failure.empty() ? cudaSuccess : cudaErrorLaunchFailure; }

/// One piece of work of one stream. False when none can go on.
bool step(cudaStream_t wanted) {
  std::vector<cudaStream_t> ready;
  for (CUstream_st& stream : device().streams)
    if (stream.ready()) ready.push_back(&stream);
  if (ready.empty()) return false;
  cudaStream_t const stream = device().order.choose(std::move(ready), wanted);
  std::unique_ptr<Work> work = std::move(stream->work.front());
  stream->work.pop_front();
  device().idle = {};
  auto const ready_no_more = std::move(work->ready);  // read here, so it ends here
  try {
    stream->processor->run([&] {
      race::acquire(work.get());
      work->run();
      work.reset();
      race::release(stream->processor);
      race::release(&device());
    });
  } catch (std::exception const& error) {
    race::acquire(stream->processor);
    fail(error.what());
  }
  drop_finished_streams();
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
    if (!stream.work.empty() && stream.work.front()->situation)
      reason += "; " + stream.work.front()->situation();
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
  stream->work.push_back(
      std::make_unique<Work>(Work{std::move(ready), std::move(work), std::move(situation)}));
  race::release(stream->work.back().get());
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
  cudaError_t const code = wait_until(
      [here] {
        return std::all_of(
            device().streams.begin(), device().streams.end(),
            [here](CUstream_st const& s) { return s.device != here || s.work.empty(); });
      },
      nullptr);
  race::acquire(&device());
  return code;
}

}  // namespace accord::emulation

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  std::lock_guard const lock(device_mutex());
  auto& idle = device().idle_processors;
  if (idle.empty()) idle.push_back(&device().processors.emplace_back());
  *stream = &device().streams.emplace_back(CUstream_st{current_device(), idle.back()});
  idle.pop_back();
  return state();
}
// Returns at once; what the stream holds is done nevertheless.
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  std::lock_guard const lock(device_mutex());
  stream->destroyed = true;
  drop_finished_streams();
  return state();
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  cudaError_t const code = wait_until([stream] { return stream->work.empty(); }, stream);
  race::acquire(stream->processor);
  return code;
}
cudaError_t cudaStreamQuery(cudaStream_t stream) {
  cudaError_t const code = query([stream] { return stream->work.empty(); }, stream);
  if (code == cudaSuccess) race::acquire(stream->processor);
  return code;
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  if (!event->reached) return cudaSuccess;
  auto const reached = event->reached;
  return enqueue(
      stream, [reached] { return *reached; }, [reached] { race::acquire(reached.get()); });
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
  return enqueue(stream, [reached] {
    *reached = true;
    race::release(reached.get());
  });
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  if (!event->reached) return cudaSuccess;
  cudaError_t const code = wait_until([&] { return *event->reached; }, event->recorded_on);
  race::acquire(event->reached.get());
  return code;
}
cudaError_t cudaEventQuery(cudaEvent_t event) {
  if (!event->reached) return cudaSuccess;
  cudaError_t const code = query([&] { return *event->reached; }, event->recorded_on);
  if (code == cudaSuccess) race::acquire(event->reached.get());
  return code;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  if (!begin->reached || !end->reached) return cudaErrorInvalidResourceHandle;
  std::lock_guard const lock(device_mutex());
  if (!*begin->reached || !*end->reached) return cudaErrorNotReady;
  *milliseconds = 1;
  return cudaSuccess;
}
