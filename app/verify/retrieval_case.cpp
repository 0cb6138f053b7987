// Recall of a retrieval.

#include <fmt/format.h>

#include "app/verify/cases.hpp"
#include "core/eval/recall.hpp"

namespace accord::app {
namespace {

// Owners are compared, never counted with: whatever integers a file numbers them by.
std::vector<std::uint64_t> owners(io::Hdf5Reader const& file, std::string const& dataset) {
  auto const ids = file.read<std::int64_t>(dataset);
  return {ids.begin(), ids.end()};
}

}  // namespace

void verify_eval_retrieval(Queue&, Reference& reference) {
  io::Hdf5Reader const& file = reference.file();
  for (std::string const& name : file.members("inputs")) {
    std::string const group = "inputs/" + name + "/", output = "outputs/" + name;
    auto const image = file.read<float>(group + "image_features"),
               text = file.read<float>(group + "text_features");
    auto const image_ids = owners(file, group + "image_ids"),
               text_ids = owners(file, group + "text_ids");
    Index const dim = reference.shape(group + "image_features")[1];
    EmbeddingSet const images{image, dim, image_ids}, texts{text, dim, text_ids};
    auto compare = [&](std::string const& what, double got) {
      reference.compare_values(output + "/" + what, {got}, {file.attribute<double>(output, what)},
                               {.absolute = 1e-9});
    };
    double both = 0;
    auto compare_recall = [&](std::string const& what, EmbeddingSet const& queries,
                              EmbeddingSet const& candidates) {
      Recall const recall = percent(recall_hits(queries, candidates));
      double const mean = (recall.r1 + recall.r5 + recall.r10) / 3;
      compare(what + "_r1", recall.r1);
      compare(what + "_r5", recall.r5);
      compare(what + "_r10", recall.r10);
      compare(what + "_r_mean", mean);
      both += mean / 2;
    };
    compare_recall("txt", images, texts);
    compare_recall("img", texts, images);
    compare("r_mean", both);
    compare("img_count", static_cast<double>(images.count()));
    compare("txt_count", static_cast<double>(texts.count()));
  }
}

}  // namespace accord::app
