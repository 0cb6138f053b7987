#include "io/text/caption_source.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <memory>
#include <utility>
#include <vector>

#include "core/base/error.hpp"
#include "io/shard/shard_reader.hpp"
#include "io/text/plain_text.hpp"

namespace accord::io {
namespace {

class DatasetTexts {
 public:
  explicit DatasetTexts(std::filesystem::path const& path) : dataset_(Dataset::open(path)) {
    auto const& names = dataset_.modalities();
    auto const found = std::ranges::find(names, "text");
    if (found == names.end())
      throw DataError(fmt::format("{}: no modality \"text\" in this dataset", path.string()));
    modality_ = static_cast<std::size_t>(found - names.begin());
  }

  bool next(std::string& caption) {
    while (item_ == items_)
      if (!open_next_shard()) return false;
    auto const offset = [&](std::uint64_t item) { return shard_->item_offset(modality_, item); };
    std::size_t const begin = offset(item_), end = offset(item_ + 1);
    caption.assign(texts_, begin, end - begin);
    ++item_;
    return true;
  }

 private:
  bool open_next_shard() {
    if (next_shard_ == static_cast<Index>(dataset_.index().shards.size())) return false;
    shard_ = dataset_.shard(next_shard_++);
    item_ = 0;
    items_ = shard_->first_item(modality_, shard_->samples());
    texts_.resize(shard_->item_offset(modality_, items_));
    shard_->read_blob(modality_, 0, std::as_writable_bytes(std::span(texts_)));
    return true;
  }

  Dataset dataset_;
  std::size_t modality_ = 0;
  std::shared_ptr<Shard const> shard_;
  Index next_shard_ = 0;
  std::uint64_t item_ = 0, items_ = 0;
  std::string texts_;  ///< of the shard, back to back
};

}  // namespace

CaptionSource captions_from(std::filesystem::path const& path) {
  if (has_index(path)) {
    auto const texts = std::make_shared<DatasetTexts>(path);
    return [texts](std::string& caption) { return texts->next(caption); };
  }
  auto const file = std::make_shared<std::ifstream>(path);
  if (std::filesystem::is_directory(path) || !*file)
    throw DataError(
        fmt::format("{}: cannot be read as captions; expected a text file with one caption per "
                    "line, or a dataset with index.json",
                    path.string()));
  return [file, name = path.string(), first = true](std::string& caption) mutable {
    if (!std::getline(*file, caption)) return false;
    if (std::exchange(first, false)) caption = plain_text(caption, name);
    if (caption.ends_with('\r')) caption.pop_back();
    return true;
  };
}

}  // namespace accord::io
