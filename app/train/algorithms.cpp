#include "app/train/algorithms.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "core/base/build.hpp"
#include "core/base/device.hpp"
#include "core/base/error.hpp"
#include "core/comm/gather_lists.hpp"
#include "core/ops/cuda/gemm_algorithms.hpp"
#include "io/checkpoint/collective.hpp"
#include "io/file/json.hpp"

namespace accord::app {
namespace {

constexpr char const* format_name = "accord-algorithms";
constexpr int format_version = 1;

/// What the choices hold for.
std::string device() {
  if constexpr (build::has_cuda) return cuda::device_description();
  return "";
}
std::string library() {
  if constexpr (build::has_cuda) return cuda::blas_description();
  return "";
}

/// Whether a document's choices can be used here. \throws DataError naming `origin` where it is not
/// whole
bool holds_here(std::string const& document, std::string const& origin,
                io::Announce const& announce) {
  try {
    auto const json = io::parse_json(document);
    if (json.at("format") != format_name || json.at("version") != format_version)
      throw DataError(fmt::format("format {}, version {}; {}, version {} is read",
                                  json.at("format").dump(), json.at("version").dump(), format_name,
                                  format_version));
    cuda::GemmAlgorithms().add(json.at("gemm"));
    std::string const timed_on = json.at("device"), timed_with = json.at("library");
    if (timed_on == device() && timed_with == library()) return true;
    if (announce)
      announce(
          fmt::format("{}: timed on {} with {}, here is {} with {}: algorithms are timed again",
                      origin, timed_on, timed_with, device(), library()));
    return false;
  } catch (std::exception const& error) {
    throw DataError(
        fmt::format("{}: {}; it holds choices of algorithms, remove it and they are timed again",
                    origin, error.what()));
  }
}

}  // namespace

std::string algorithms_document(Queue& queue) {
  if (queue.backend() != Backend::cuda) return "";
  nlohmann::ordered_json const json = {{"format", format_name},
                                       {"version", format_version},
                                       {"device", device()},
                                       {"library", library()},
                                       {"gemm", cuda::algorithms_of(queue.stream()).lines()}};
  return json.dump(1) + "\n";
}

bool use_algorithms(Queue& queue, Communicator& world, std::string const& document,
                    std::string const& origin, io::Announce const& announce) {
  std::string usable;
  io::together(world, queue, [&] {
    if (world.rank() == 0 && !document.empty() && holds_here(document, origin, announce))
      usable = document;
  });
  usable = io::broadcast_text(world, queue, usable);
  if (usable.empty()) return false;
  cuda::algorithms_of(queue.stream()).add(io::parse_json(usable).at("gemm"));
  return true;
}

void time_algorithms(Queue& queue, Communicator& world, std::function<void()> const& work) {
  cuda::GemmAlgorithms& algorithms = cuda::algorithms_of(queue.stream());
  algorithms.set_timing(true);
  work();
  algorithms.set_timing(false);
  std::vector<std::string> const all =
      gather_lists(queue, world, nlohmann::json(algorithms.lines()).dump());
  for (auto lines = all.rbegin(); lines != all.rend(); ++lines)
    algorithms.add(nlohmann::json::parse(*lines));
}

}  // namespace accord::app
