#pragma once
// A small checkpoint whose every value is a function of (tensor, element, step), cut among ranks at
// odd places.

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "core/base/queue.hpp"
#include "core/comm/self_communicator.hpp"
#include "io/checkpoint/load.hpp"
#include "io/checkpoint/save.hpp"
#include "io/file/file.hpp"

namespace accord::io {

inline std::vector<TensorInfo> sample_infos(DType dtype = DType::float32) {
  std::vector<TensorInfo> infos;
  for (char const* kind : {"weight", "exp_avg", "exp_avg_sq"})
    for (auto const& [name, shape] :
         {std::pair{"logit_scale", Shape{}},
          std::pair{"layers.0.text_ffn.0.wi_0.weight", Shape{7, 5}},
          std::pair{"layers.0.norm.bias", Shape{5}}, std::pair{"table.weight", Shape{3, 2, 4, 3}},
          std::pair{"layers.1.fc.weight", Shape{31, 11}}})
      infos.push_back({kind, name, shape, dtype});
  infos.push_back({"weight", "frozen", Shape{13}, dtype});  // no optimizer state
  return infos;
}

inline Index total_elements(std::vector<TensorInfo> const& infos) {
  Index total = 0;
  for (TensorInfo const& info : infos) total += info.shape.size();
  return total;
}

/// Representable in float32, different for every argument.
inline double sample_value(int tensor, Index element, Index step) {
  return static_cast<float>(1e-3 * static_cast<double>(step) + tensor +
                            std::sin(static_cast<double>(element) + 0.1 * tensor));
}

/// The memory of one rank, cut into pieces; element i of all tensors, one after another, belongs to
/// the rank in whose part it lies, and each part is cut again, so that pieces begin and end
/// anywhere.
class Holding {
 public:
  Holding(std::vector<TensorInfo> const& infos, int rank, int ranks, unsigned seed)
      : infos_(infos) {
    Index const total = total_elements(infos);
    auto const part = [&](int r) {  // uneven shares; a rank may get little
      double const x = static_cast<double>(r) / ranks;
      return r == ranks ? total : static_cast<Index>(static_cast<double>(total) * x * x);
    };
    std::mt19937 random(seed + static_cast<unsigned>(rank));
    Index first = 0;
    for (int t = 0; t < static_cast<int>(infos.size()); ++t) {
      Index const size = infos[static_cast<std::size_t>(t)].shape.size();
      Index begin = std::max(part(rank) - first, Index{0});
      Index const end = std::min(part(rank + 1) - first, size);
      while (begin < end) {
        Index const count = std::min<Index>(end - begin, 1 + static_cast<Index>(random() % 40));
        pieces_.push_back({t, begin, count, nullptr});
        begin += count;
      }
      first += size;
    }
    std::shuffle(pieces_.begin(), pieces_.end(), random);
    for (Piece& piece : pieces_) {
      memory_.emplace_back(static_cast<std::size_t>(piece.count) * element_bytes(piece),
                           std::byte{0xff});
      piece.data = memory_.back().data();
    }
  }

  void fill(Index step) {
    each([&](Piece const& piece, Index i, auto* value) {
      *value = static_cast<std::remove_pointer_t<decltype(value)>>(
          sample_value(piece.tensor, piece.begin + i, step));
    });
  }
  /// How many elements differ from what fill(step) writes.
  Index wrong(Index step) {
    Index wrong = 0;
    each([&](Piece const& piece, Index i, auto* value) {
      if (*value != static_cast<std::remove_pointer_t<decltype(value)>>(
                        sample_value(piece.tensor, piece.begin + i, step)))
        ++wrong;
    });
    return wrong;
  }
  std::vector<Piece> const& pieces() const { return pieces_; }
  std::vector<ConstPiece> const_pieces() const {
    std::vector<ConstPiece> pieces;
    for (Piece const& piece : pieces_)
      pieces.push_back({piece.tensor, piece.begin, piece.count, piece.data});
    return pieces;
  }

 private:
  std::size_t element_bytes(Piece const& piece) const {
    return size_of(infos_[static_cast<std::size_t>(piece.tensor)].dtype);
  }
  template <class Body>
  void each(Body&& body) {
    for (Piece const& piece : pieces_)
      for (Index i = 0; i < piece.count; ++i)
        if (element_bytes(piece) == 8)
          body(piece, i, static_cast<double*>(piece.data) + i);
        else
          body(piece, i, static_cast<float*>(piece.data) + i);
  }
  std::vector<TensorInfo> infos_;
  std::vector<Piece> pieces_;
  std::vector<std::vector<std::byte>> memory_;
};

inline Documents sample_documents(Index step) {
  return {"[train]\nsteps = 10\n# \"quoted\", \\ and \u00e4\n",
          "{\"position\":" + std::to_string(step) + ",\"index_hash\":18446744073709551615}",
          "",
          {{"vocab.bpe", "#version: 0.2\n\u0120 t\n"}, {"encoder.json", "{\"a\": 1}"}},
          {.conditions = {.device = "cpu", .threads = 2}, .total_steps = 10}};
}

/// Writes a float32 into a finished checkpoint, and the hashes that then are right: what a flip in
/// memory before the save leaves.
inline void overwrite_value(std::filesystem::path const& folder, std::string const& tensor,
                            Index element, float value) {
  Manifest manifest = read_manifest(folder);
  auto const found =
      std::find_if(manifest.tensors.begin(), manifest.tensors.end(),
                   [&](StoredTensor const& stored) { return stored.info.path() == tensor; });
  CheckpointFile& entry = manifest.files[static_cast<std::size_t>(found->file)];
  File file = File::open_write(folder / entry.name);
  file.write_at(found->offset + static_cast<std::uint64_t>(element) * sizeof value,
                std::as_bytes(std::span(&value, 1)));
  for (HashedRun& run : entry.runs) {
    std::vector<std::byte> bytes(run.bytes);
    file.read_at(run.offset, bytes);
    run.hash = hash128(bytes);
  }
  write_file_atomically(folder / manifest_name, to_text(manifest));
}

/// Saves values of `step` from a group of one.
inline std::filesystem::path save_sample(std::filesystem::path const& directory, Index step,
                                         SaveOptions const& options = {},
                                         DType dtype = DType::float32) {
  SelfCommunicator self;
  Queue queue(Backend::reference);
  std::vector<TensorInfo> const infos = sample_infos(dtype);
  Holding holding(infos, 0, 1, 1);
  holding.fill(step);
  return save_checkpoint(self, queue, directory, step, infos, holding.const_pieces(),
                         sample_documents(step), options);
}

/// The step whose values the newest good checkpoint of a folder gives to a group of one; -1 if
/// there is none. Announced notices are added to `notices`. \throws as load_newest does, and Error
/// if a value is of another step
inline Index load_sample(std::filesystem::path const& directory,
                         std::vector<std::string>* notices = nullptr) {
  SelfCommunicator self;
  Queue queue(Backend::reference);
  std::vector<TensorInfo> const infos = sample_infos();
  Holding holding(infos, 0, 1, 2);
  LoadOptions options;
  if (notices) options.announce = [&](std::string const& notice) { notices->push_back(notice); };
  std::optional<OpenCheckpoint> const loaded =
      load_newest(self, queue, directory, infos, holding.pieces(), options);
  if (!loaded) return -1;
  Index const step = loaded->manifest.step;
  if (Index const wrong = holding.wrong(step); wrong > 0)
    throw Error("step " + std::to_string(step) + ": " + std::to_string(wrong) + " wrong values");
  return step;
}

}  // namespace accord::io
