#pragma once
// The order of work on the emulated device. What a stream is given waits there until the program
// waits for something; only then streams run, in an order that a real device might choose and that
// suits the program least.

#include <cuda_runtime.h>

#include <chrono>
#include <functional>
#include <mutex>
#include <string>

namespace accord::emulation {

/// Appends `work` to the stream and returns; it runs later, on whatever thread waits then, with the
/// device's memory accessible. Kernels, copies, matrix products and collectives all come here. What
/// `work` needs of its caller it must hold itself.
/// \return success, or the failure of work that ran before: it stays, as a device's does.
cudaError_t enqueue(cudaStream_t stream, std::function<void()> work);
/// Work that starts only when `ready` says so, and holds back what its stream was given after it:
/// an event that is waited for, the peers of a collective. `ready` is asked often, under the same
/// lock under which all work runs; `situation` once, when it has held back a stream for ever.
cudaError_t enqueue(cudaStream_t stream, std::function<bool()> ready, std::function<void()> work,
                    std::function<std::string()> situation = {});

/// Runs work until `goal` holds; when nothing can run, waits for other threads to enqueue more, and
/// for other processes. `wanted`, which may be null, is the stream that has to get on.
cudaError_t wait_until(std::function<bool()> const& goal, cudaStream_t wanted);
/// Until the streams made on the calling thread's device are empty.
cudaError_t wait_for_all();

/// Runs the work that nothing holds back, as a device does whatever its host is about.
void advance(cudaStream_t wanted);
/// A stream that is held back for so long is held back for ever: a failure.
extern std::chrono::seconds patience;
/// How long one looks away that waits for another process.
constexpr std::chrono::microseconds poll_interval{200};

/// Which of the streams that could go on does. A right program gives the same in every order.
/// \param seed 0: the stream that is waited for, others only where it needs them; 1: all others
/// first; from 2: any, and some work is done before anybody waits for it. Unless it is called,
/// ACCORD_EMULATION_SEED of the environment, or 0.
void order_by(unsigned seed);

/// How work failed; empty while none has.
char const* failure();
/// The same, and the device is as new.
std::string take_failure();

/// Guards the device: work runs under it, and memory is given and taken.
std::mutex& device_mutex();
/// Devices of the machine, all of them with the same memory: ACCORD_EMULATED_DEVICES of the
/// environment, or 1. A thread chooses its own, as with cudaSetDevice; what processes choose they
/// have in common.
extern int device_count;
int& current_device();

}  // namespace accord::emulation
