#pragma once
// Turns the candidates of one unit into shards.

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "io/dataset/unit_record.hpp"
#include "io/shard/shard_writer.hpp"

namespace accord::io {

/// Writes shards <work>/<unit name>-<dataset>-NNN.h5, replacing what an interrupted attempt left.
class UnitBuilder final : public Sink {
 public:
  /// `kept(bytes)` is called after every sample that was taken, with the bytes of all so far.
  UnitBuilder(BuildOptions const& options, std::filesystem::path work, std::string unit,
              std::function<void(std::uint64_t)> kept);

  bool sample(Candidate candidate) override;
  void drop(std::string const& where, std::string const& key, std::string const& reason,
            std::string const& detail) override;
  void ignore(std::string const& reason, std::string const& what) override;
  void broken_archive(std::string const& detail) override;

  /// Ends the shards that are open. Nothing can be added afterwards.
  UnitRecord finish();

 private:
  struct Output {
    std::unique_ptr<ShardWriter> writer;
    std::vector<std::int32_t> labels;
    int shards = 0;
  };
  /// False: of some modality no item keeps the limits.
  bool keep_within_limits(Candidate& candidate);
  void close(std::string const& dataset, Output& output);
  std::int32_t class_number(std::string const& name);

  BuildOptions const& options_;
  std::filesystem::path work_;
  std::string unit_;
  std::function<void(std::uint64_t)> kept_;
  std::map<std::string, Output> outputs_;
  std::unordered_map<std::string, std::int32_t> class_numbers_;
  UnitRecord record_;
};

}  // namespace accord::io
