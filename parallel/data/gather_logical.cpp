#include "parallel/data/gather_logical.hpp"

#include <cmath>
#include <cstring>

#include "core/comm/gather_lists.hpp"

namespace accord::parallel {
namespace {

// A piece on its way: header, name, values in double.
struct Header {
  Index name_bytes, rank, extents[Shape::max_rank], begin, count;
};

void append(std::string& text, void const* data, std::size_t bytes) {
  text.append(static_cast<char const*>(data), bytes);
}

std::vector<double> as_double(Queue& queue, ConstView values) {
  if (values.dtype() == DType::float64) return to_host<double>(queue, values);
  std::vector<float> const single = to_host<float>(queue, values);
  return {single.begin(), single.end()};
}

class Assembly {
 public:
  void add(std::string const& text) {
    for (std::size_t at = 0; at < text.size();) {
      Header header;
      std::memcpy(&header, &text[at], sizeof(header));
      at += sizeof(header);
      std::string const name = text.substr(at, static_cast<std::size_t>(header.name_bytes));
      at += name.size();
      Shape shape;
      for (Index i = 0; i < header.rank; ++i) shape.push_back(header.extents[i]);
      add(name, shape, header.begin, header.count, &text[at]);
      at += static_cast<std::size_t>(header.count) * sizeof(double);
    }
  }

  std::map<std::string, LogicalTensor> finish() && {
    for (auto const& [name, seen] : seen_)
      for (std::size_t i = 0; i < seen.size(); ++i)
        ACCORD_CHECK(seen[i], "{}: no rank holds element {}", name, i);
    return std::move(tensors_);
  }

 private:
  void add(std::string const& name, Shape const& shape, Index begin, Index count,
           char const* values) {
    LogicalTensor& tensor = tensors_[name];
    std::vector<bool>& seen = seen_[name];
    tensor.shape = shape;
    tensor.values.resize(static_cast<std::size_t>(shape.size()));
    seen.resize(tensor.values.size());
    for (Index i = begin; i < begin + count; ++i) {
      auto const element = static_cast<std::size_t>(i);
      ACCORD_CHECK(!seen[element], "{}: two ranks hold element {}", name, i);
      seen[element] = true;
    }
    std::memcpy(&tensor.values[static_cast<std::size_t>(begin)], values,
                static_cast<std::size_t>(count) * sizeof(double));
  }

  std::map<std::string, LogicalTensor> tensors_;
  std::map<std::string, std::vector<bool>> seen_;
};

}  // namespace

std::map<std::string, LogicalTensor> gather_logical(Queue& queue, Communicator& world,
                                                    ParameterStore const& store,
                                                    std::vector<LogicalPiece> const& pieces) {
  std::string mine;
  for (LogicalPiece const& piece : pieces) {
    ParameterSpec const& spec = store.spec(piece.parameter);
    Header header{static_cast<Index>(spec.name.size()),
                  spec.shape.rank(),
                  {},
                  piece.logical_begin,
                  piece.values.size()};
    for (int i = 0; i < spec.shape.rank(); ++i) header.extents[i] = spec.shape[i];
    std::vector<double> const values = as_double(queue, piece.values);
    append(mine, &header, sizeof(header));
    append(mine, spec.name.data(), spec.name.size());
    append(mine, values.data(), values.size() * sizeof(double));
  }
  std::vector<std::string> const texts = gather_lists(queue, world, std::move(mine));
  if (world.rank() != 0) return {};
  Assembly assembly;
  for (std::string const& text : texts) assembly.add(text);
  return std::move(assembly).finish();
}

}  // namespace accord::parallel
