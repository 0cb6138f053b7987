#pragma once
// Takes what a source finds as `accord data build` does, and forgets it.

#include "core/base/error.hpp"
#include "io/dataset/check_sample.hpp"
#include "io/dataset/source.hpp"

namespace accord::fuzz {

class CheckingSink final : public io::Sink {
 public:
  bool sample(io::Candidate candidate) override {
    std::vector<std::string> found;
    for (auto const& [modality, item] : candidate.items) found.push_back(modality);
    std::vector<io::Fault> left_out;
    io::check_sample(candidate, found, io::MediaCheck::header, left_out);
    io::check_label(candidate.label, /*number=*/true);
    return true;
  }
  void drop(std::string const&, std::string const&, std::string const&,
            std::string const&) override {}
  void ignore(std::string const&, std::string const&) override {}
  void broken_archive(std::string const& detail) override { broken = detail; }

  std::string broken;
};

/// \throws DataError when an archive is broken
inline void read_all(io::Source const& source) {
  CheckingSink sink;
  for (io::Unit const& unit : source.units(1 << 16)) source.read(unit, sink);
  if (!sink.broken.empty()) throw DataError(sink.broken);
}

}  // namespace accord::fuzz
