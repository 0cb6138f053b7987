#include "parallel/comm/gather_text.hpp"

#include <algorithm>

namespace accord::parallel {

std::vector<std::string> gather_text(Queue& queue, Communicator& group, std::string text) {
  auto const ranks = static_cast<std::size_t>(group.size());
  std::vector<std::int64_t> lengths(ranks);
  auto const length = static_cast<std::int64_t>(text.size());
  group.all_gather(queue, ConstView(&length, DType::int64, Shape{1}),
                   View(lengths.data(), DType::int64, Shape{group.size()}));
  Index const width = *std::max_element(lengths.begin(), lengths.end());
  text.resize(static_cast<std::size_t>(width));
  std::string all(static_cast<std::size_t>(width) * ranks, '\0');
  group.all_gather(queue, ConstView(text.data(), DType::uint8, Shape{width}),
                   View(all.data(), DType::uint8, Shape{group.size(), width}));
  std::vector<std::string> texts;
  for (std::size_t rank = 0; rank < ranks; ++rank)
    texts.push_back(all.substr(rank * static_cast<std::size_t>(width),
                               static_cast<std::size_t>(lengths[rank])));
  return texts;
}

}  // namespace accord::parallel
