#include "io/shard/verify.hpp"

#include <fmt/format.h>

#include "io/hdf5/hdf5_reader.hpp"

namespace accord::io {
namespace {

constexpr std::uint64_t slab_bytes = 8 << 20;

class Verifier {
 public:
  Verifier(Dataset const& dataset, Index shard)
      : dataset_(dataset),
        shard_(shard),
        entry_(dataset.index().shards[static_cast<std::size_t>(shard)]),
        file_(dataset.path() / entry_.file) {}

  std::vector<std::string> run() {
    compare_with_hdf5();
    read_samples();
    return std::move(faults_);
  }

 private:
  void compare_with_hdf5() {
    auto const& names = dataset_.modalities();
    if (file_.attribute_text("/", "format") != "accord-shard")
      fault("its 'format' is not accord-shard");
    if (file_.attribute<std::int64_t>("/", "samples") != entry_.samples)
      fault("its attribute 'samples' differs from index.json");
    if (file_.attribute_texts("/", "modalities") != names)
      fault("its attribute 'modalities' differs from index.json");
    for (std::size_t m = 0; m < names.size(); ++m) {
      compare(names[m] + "/bytes", entry_.modalities[m].bytes);
      compare(names[m] + "/offsets", entry_.modalities[m].offsets);
      compare(names[m] + "/first", entry_.modalities[m].first);
    }
    compare("key", entry_.key);
    compare("checksum", entry_.checksum);
    compare("label", entry_.label);
  }

  void compare(std::string const& name, Extent expected) {
    if (expected.bytes == 0 && !file_.exists(name)) return;
    Hdf5Dataset const found = file_.dataset(name);
    if (!found.contiguous || found.bytes != expected.bytes ||
        (found.bytes > 0 && found.offset != expected.offset))
      fault(fmt::format("/{} lies elsewhere than index.json says", name));
  }

  void read_samples() {
    Index next = 0;
    while (next < entry_.samples) {
      Block const block =
          dataset_.read_block(shard_, next, dataset_.samples_within(shard_, next, slab_bytes));
      for (Index k = 0; k < block.count(); ++k) try {
          block.sample(k);
        } catch (SampleError const& error) {
          faults_.emplace_back(error.what());
        }
      next += block.count();
    }
  }

  void fault(std::string const& what) {
    faults_.push_back(fmt::format("{}: {}", file_.path().string(), what));
  }

  Dataset const& dataset_;
  Index shard_;
  ShardEntry const& entry_;
  Hdf5Reader file_;
  std::vector<std::string> faults_;
};

}  // namespace

std::vector<std::string> verify_shard(Dataset const& dataset, Index shard) {
  try {
    dataset.shard(
        shard);  // size and hash first: HDF5 is not asked to parse what is known to be damaged
    return Verifier(dataset, shard).run();
  } catch (DataError const& error) {
    return {error.what()};
  }
}

}  // namespace accord::io
