#include "io/checkpoint/collective.hpp"

#include <unistd.h>

#include "core/base/as_error.hpp"

namespace accord::io {
namespace {

std::string host_name() {
  char name[256] = "";
  return gethostname(name, sizeof name - 1) == 0 ? name : "an unknown host";
}

View view_of(std::vector<Index>& values) {
  return {values.data(), DType::int64, Shape{static_cast<Index>(values.size())}};
}

std::string broadcast_text_from(Communicator& communicator, Queue& queue, std::string text,
                                int root) {
  std::vector<Index> length{static_cast<Index>(text.size())};
  communicator.broadcast(queue, view_of(length), root);
  text.resize(static_cast<std::size_t>(length[0]));
  if (length[0] > 0)
    communicator.broadcast(queue, {text.data(), DType::uint8, Shape{length[0]}}, root);
  queue.wait();
  return text;
}

}  // namespace

std::optional<Error> first_failure(Communicator& communicator, Queue& queue,
                                   std::exception_ptr const& mine) {
  std::optional<Error> error;
  if (mine) error = as_error(mine);
  // The largest of size - rank belongs to the lowest failing rank; 0 when there is none.
  std::vector<Index> lowest{error ? communicator.size() - communicator.rank() : 0};
  communicator.all_reduce(queue, view_of(lowest), Reduce::max);
  queue.wait();
  if (lowest[0] == 0) return std::nullopt;
  int const failed = communicator.size() - static_cast<int>(lowest[0]);
  std::vector<Index> code{error ? static_cast<Index>(error->exit_code()) : 0};
  communicator.broadcast(queue, view_of(code), failed);
  std::string message = error ? error->what() : "";
  if (communicator.size() > 1)
    message = "rank " + std::to_string(failed) + " on " + host_name() + ": " + message;
  message = broadcast_text_from(communicator, queue, std::move(message), failed);
  return Error(message, static_cast<ExitCode>(code[0]));
}

std::string broadcast_text(Communicator& communicator, Queue& queue, std::string text) {
  return broadcast_text_from(communicator, queue, std::move(text), 0);
}

}  // namespace accord::io
