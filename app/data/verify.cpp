// `accord data verify`: reads every byte of a dataset.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <filesystem>
#include <iostream>
#include <memory>
#include <mutex>
#include <thread>

#include "app/cli/progress.hpp"
#include "app/data/commands.hpp"
#include "core/base/error.hpp"
#include "io/shard/verify.hpp"

namespace accord::app {
namespace {

constexpr Index max_printed = 50;

/// Calls verify_shard for every shard from several threads and found(faults) for each one's result,
/// one at a time.
template <class Found>
void verify_all(io::Dataset const& dataset, Found&& found) {
  Index const shards = static_cast<Index>(dataset.index().shards.size());
  std::atomic<Index> next = 0;
  std::mutex mutex;
  std::exception_ptr failure;
  auto const work = [&] {
    try {
      for (Index shard = next++; shard < shards; shard = next++) {
        auto const faults = io::verify_shard(dataset, shard);
        std::lock_guard const guard(mutex);
        found(faults);
      }
    } catch (...) {
      std::lock_guard const guard(mutex);
      failure = std::current_exception();
    }
  };
  auto const count = std::clamp<Index>(static_cast<Index>(std::thread::hardware_concurrency()), 1,
                                       std::max<Index>(shards, 1));
  std::vector<std::thread> threads;
  for (Index t = 1; t < count; ++t) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();
  if (failure) std::rethrow_exception(failure);
}

int verify(std::filesystem::path const& path) {
  io::Dataset const dataset = io::Dataset::open(path);
  Index count = 0;
  {
    Index checked = 0;
    Progress progress(std::cerr, Progress::style_of_stderr(), "shard",
                      static_cast<Index>(dataset.index().shards.size()));
    verify_all(dataset, [&](std::vector<std::string> const& faults) {
      for (std::string const& fault : faults)
        if (++count <= max_printed) progress.message(fault);
      progress.show(++checked);
    });
  }
  if (count > max_printed) std::cerr << fmt::format("and {} more\n", count - max_printed);
  if (count > 0)
    throw DataError(
        fmt::format("{}: {} found; restore the files named above or build the dataset again",
                    path.string(), count == 1 ? "one fault" : fmt::format("{} faults", count)));
  std::cout << fmt::format("{}: {} samples in {} shards, every checksum right\n", path.string(),
                           dataset.size(), dataset.index().shards.size());
  return 0;
}

}  // namespace

void add_data_verify(CLI::App& data, Run& run) {
  auto dataset = std::make_shared<std::filesystem::path>();
  CLI::App* command = data.add_subcommand(
      "verify", "Read every byte of a dataset and check it against its checksums");
  command->add_option("dataset", *dataset, "Folder with index.json and shards")
      ->type_name("DIR")
      ->required();
  command->footer("Prints one line per fault and exits with 65 if there is any.");
  command->callback([dataset, &run] { run = [dataset] { return verify(*dataset); }; });
}

}  // namespace accord::app
