#pragma once
// The order of work on the emulated device. What a stream is given waits there until the program
// waits for something; only then streams run, in an order that a real device might choose and that
// suits the program least.

#include <cuda_runtime.h>

#include <functional>
#include <mutex>

namespace accord::emulation {

/// Appends `work` to the stream and returns; it runs later, on whatever thread waits then, with the
/// device's memory accessible. Kernels, copies, matrix products and collectives all come here. What
/// `work` needs of its caller it must hold itself.
/// \return success, or the failure of work that ran before: it stays, as a device's does.
cudaError_t enqueue(cudaStream_t stream, std::function<void()> work);
/// Work that starts only when `ready` says so, and holds back what its stream was given after it:
/// an event that is waited for, the peers of a collective. `ready` is asked often, under the same
/// lock under which all work runs.
cudaError_t enqueue(cudaStream_t stream, std::function<bool()> ready, std::function<void()> work);

/// Runs work until `goal` holds; when nothing can run, waits for other threads to enqueue more.
/// `wanted`, which may be null, is the stream that has to get on.
cudaError_t wait_until(std::function<bool()> const& goal, cudaStream_t wanted);
/// Until the streams made on the calling thread's device are empty.
cudaError_t wait_for_all();

/// Which of the streams that could go on does. A right program gives the same in every order.
/// \param seed 0: the stream that is waited for, others only where it needs them; 1: all others
/// first; from 2: any, and some work is done before anybody waits for it. Unless it is called,
/// ACCORD_EMULATION_SEED of the environment, or 0.
void order_by(unsigned seed);

/// How work failed; empty while none has.
char const* failure();

/// Guards the device: work runs under it, and memory is given and taken.
std::mutex& device_mutex();
/// Devices of the process, all of them with the same memory; tests may have more than one. A thread
/// chooses its own, as with cudaSetDevice.
extern int device_count;
int& current_device();

}  // namespace accord::emulation
