#pragma once
// Retrieval between the modalities of a dataset.

#include <string>
#include <vector>

#include "app/eval/embeddings.hpp"

namespace accord::app {

struct RetrievalOptions {
  bool equal_captions = false;  ///< samples with a caption in common are partners of each other
  Index pool =
      0;  ///< rank within random pools of so many samples with different captions; 0: within all
  Index draws = 5;         ///< pools to average over
  std::uint32_t seed = 1;  ///< of the pools
};

struct RetrievalResult {
  Modality query = 0, candidate = 0;
  Recall recall, chance;  ///< percent
  Index queries = 0, candidates = 0;
};

/// Which samples belong together: for each, the number of the first it is joined with. Itself,
/// unless captions (items of the modality `text`) are compared byte for byte. \throws DataError
std::vector<std::uint64_t> partners(io::Dataset const& dataset, std::string const& text,
                                    bool equal_captions);

/// Every modality against every other, both ways. Collective over `world`: queries are shared out.
/// `owner` [samples]. \throws UsageError when a pool is larger than the dataset
std::vector<RetrievalResult> retrieve(Queue& queue, Communicator& world,
                                      std::vector<Embeddings> const& embeddings,
                                      std::vector<std::uint64_t> const& owner,
                                      RetrievalOptions const& options);

}  // namespace accord::app
