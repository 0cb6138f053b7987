#include "core/model/pack.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace accord {

AttentionSegment const& Pack::segment(int pass, Modality modality, Index sample) const {
  auto const it = std::find_if(sequences.begin(), sequences.end(), [&](PackedSequence const& s) {
    return s.pass == pass && s.sample == 0;
  });
  if (it != sequences.end())
    for (AttentionSegment const& segment : (it + sample)->segments)
      if (segment.modality == modality) return segment;
  throw Error(
      fmt::format("pass {} has no segment of modality {} in this pack", pass, modality.index()));
}

RowGroup Pack::group(Modality modality) const {
  for (RowGroup const& group : groups)
    if (group.modality == modality) return group;
  return {modality, 0, 0};
}

Pack build_pack(MicroBatch const& batch, std::vector<Pass> const& passes,
                std::vector<int> const& selected, PackOptions const& options) {
  Index const samples = batch.samples();
  Pack pack;
  std::vector<std::size_t> first_sequence;  // of each selected pass
  std::vector<Modality> modalities;
  for (int pass : selected) {
    first_sequence.push_back(pack.sequences.size());
    for (Index s = 0; s < samples; ++s) pack.sequences.push_back({pass, s, {}});
    for (Modality m : passes[static_cast<std::size_t>(pass)].modalities) modalities.push_back(m);
  }
  std::sort(modalities.begin(), modalities.end());
  modalities.erase(std::unique(modalities.begin(), modalities.end()), modalities.end());

  std::vector<std::int32_t> kept;
  auto keep_positions = [&](int pass, std::size_t segment, Modality m, Index s) {
    Index const length = batch.lengths[m.index()][static_cast<std::size_t>(s)];
    kept.resize(static_cast<std::size_t>(length));
    std::iota(kept.begin(), kept.end(), 0);
    if (options.whole || !passes[static_cast<std::size_t>(pass)].masked) return;
    TokenMask const& mask = batch.masks[static_cast<std::size_t>(pass)][segment];
    Index const begin = mask.offsets[static_cast<std::size_t>(s)];
    ACCORD_CHECK(mask.offsets[static_cast<std::size_t>(s) + 1] - begin == length,
                 "the mask of sample {} has {} flags for {} tokens", s,
                 mask.offsets[static_cast<std::size_t>(s) + 1] - begin, length);
    std::erase_if(kept,
                  [&](std::int32_t p) { return mask.masked[static_cast<std::size_t>(begin + p)]; });
  };

  // Modality outermost, so that a feed-forward branch is one product over consecutive rows; passes
  // within it in their order, so that masked passes, which come last, are one range for the
  // decoder.
  for (Modality m : modalities) {
    Index const group_begin = pack.rows;
    for (std::size_t k = 0; k < selected.size(); ++k) {
      std::vector<Modality> const& members =
          passes[static_cast<std::size_t>(selected[k])].modalities;
      auto const at = std::find(members.begin(), members.end(), m);
      if (at == members.end()) continue;
      auto const segment = static_cast<std::size_t>(at - members.begin());
      std::vector<Index> widths(static_cast<std::size_t>(samples), 0);
      // A pool stands for the official code's batch, whose longest sequence all others are padded
      // to.
      if (options.pad_pool > 0) {
        for (Index s = 0; s < samples; ++s) {
          keep_positions(selected[k], segment, m, s);
          Index& width = widths[static_cast<std::size_t>(s / options.pad_pool * options.pad_pool)];
          width = std::max(width, static_cast<Index>(kept.size()));
        }
        for (Index s = 0; s < samples; ++s)
          widths[static_cast<std::size_t>(s)] =
              widths[static_cast<std::size_t>(s / options.pad_pool * options.pad_pool)];
      }
      for (Index s = 0; s < samples; ++s) {
        keep_positions(selected[k], segment, m, s);
        auto const real = static_cast<Index>(kept.size());
        Index const width = std::max(real, widths[static_cast<std::size_t>(s)]);
        pack.sequences[first_sequence[k] + static_cast<std::size_t>(s)].segments.push_back(
            {pack.rows, width, m});
        // Pads get a position too, any that exists: they are zero, but the bias looks it up.
        pack.positions.insert(pack.positions.end(), kept.begin(), kept.end());
        pack.positions.resize(static_cast<std::size_t>(pack.rows + width), 0);
        pack.samples.resize(static_cast<std::size_t>(pack.rows + width),
                            static_cast<std::int32_t>(s));
        pack.real.resize(static_cast<std::size_t>(pack.rows + real), 1);
        pack.real.resize(static_cast<std::size_t>(pack.rows + width), 0);
        pack.padded |= width > real;
        pack.rows += width;
      }
    }
    pack.groups.push_back({m, group_begin, pack.rows - group_begin});
  }
  return pack;
}

bool DropPath::drops(std::uint64_t position, int pass, Index layer, int branch) const {
  double const p = probability(layer);
  if (p <= 0) return false;
  // Compared as integers: in floating point devices could disagree. 64 bits, for p = 1 is 2^32.
  auto const threshold = static_cast<std::uint64_t>(std::floor(p * 0x1p32));
  return Draws(seed, Purpose::drop)
             .word(position, stream_of(pass, static_cast<int>(layer), branch), 0) < threshold;
}

namespace {

// The part of `groups` within rows [first, first + count), counted from `first`.
std::vector<RowGroup> within(std::vector<RowGroup> const& groups, Index first, Index count) {
  std::vector<RowGroup> result;
  for (RowGroup const& group : groups) {
    Index const begin = std::max(group.row, first);
    Index const end = std::min(group.row + group.length, first + count);
    if (begin < end) result.push_back({group.modality, begin - first, end - begin});
  }
  return result;
}

// Builds the row lists of branches of one pack. What a branch computes on are compact rows, those
// that take part without gaps: what is dropped costs nothing, and products and attention see no
// holes.
class BranchBuilder {
 public:
  BranchBuilder(Queue& queue, Pack const& pack, TensorParallelRegion const& region,
                RowShares const& stream, PackPlan::Options const& options)
      : queue_(queue), pack_(pack), region_(region), stream_(stream), options_(options) {}

  // The rows of the sequences marked in `kept` (all when empty), with `scale` per row of the pack.
  std::shared_ptr<BranchRows const> build(std::vector<std::uint8_t> const& kept,
                                          std::vector<double> const& scale) const {
    auto branch = std::make_shared<BranchRows>();
    std::vector<std::int32_t> const rows = compact_rows(kept, *branch);
    branch->count = static_cast<Index>(rows.size());
    fill_attention(rows, kept, branch->attention);
    fill_own(rows, kept.empty(), scale, *branch);
    return branch;
  }

 private:
  // Rows of the pack that take part, and the branch's groups.
  std::vector<std::int32_t> compact_rows(std::vector<std::uint8_t> const& kept,
                                         BranchRows& branch) const {
    std::vector<std::uint8_t> take(static_cast<std::size_t>(pack_.rows), kept.empty());
    for (std::size_t s = 0; s < kept.size(); ++s)
      if (kept[s])
        for (AttentionSegment const& segment : pack_.sequences[s].segments)
          std::fill_n(take.begin() + segment.row, segment.length, 1);
    std::vector<std::int32_t> rows;
    for (RowGroup const& group : pack_.groups) {
      auto const begin = static_cast<Index>(rows.size());
      for (Index row = group.row; row < group.row + group.length; ++row)
        if (take[static_cast<std::size_t>(row)]) rows.push_back(static_cast<std::int32_t>(row));
      if (static_cast<Index>(rows.size()) > begin)
        branch.groups.push_back({group.modality, begin, static_cast<Index>(rows.size()) - begin});
    }
    return rows;
  }

  void fill_attention(std::vector<std::int32_t> const& rows, std::vector<std::uint8_t> const& kept,
                      AttentionPlan& attention) const {
    // A sequence takes part whole or not at all, so the first row tells where a segment went.
    std::vector<Index> compact(static_cast<std::size_t>(pack_.rows), -1);
    for (std::size_t i = 0; i < rows.size(); ++i)
      compact[static_cast<std::size_t>(rows[i])] = static_cast<Index>(i);
    for (std::size_t s = 0; s < pack_.sequences.size(); ++s) {
      if (!kept.empty() && !kept[s]) continue;
      for (AttentionSegment segment : pack_.sequences[s].segments) {
        segment.row = compact[static_cast<std::size_t>(segment.row)];
        attention.segments.push_back(segment);
      }
      attention.sequences.push_back(static_cast<Index>(attention.segments.size()));
    }
    if (options_.position_bias)
      attention.positions = Tensor::from_host(queue_, taken(pack_.positions, rows));
    if (options_.mask_pads && pack_.padded)
      attention.keys = Tensor::from_host(queue_, taken(pack_.real, rows));
  }

  // Rows ascend, so each rank's are consecutive in the compact count too.
  void fill_own(std::vector<std::int32_t> rows, bool all, std::vector<double> const& scale,
                BranchRows& branch) const {
    for (Index first : stream_.begin)
      branch.shares.begin.push_back(std::lower_bound(rows.begin(), rows.end(), first) -
                                    rows.begin());
    Index const first = region_.own_first(branch.shares);
    Index const count = region_.own_count(branch.shares, branch.count);
    branch.own_groups = within(branch.groups, first, count);
    rows = {rows.begin() + first, rows.begin() + first + count};
    if (!scale.empty()) {
      std::vector<double> const values = taken(scale, rows);
      if (accumulator_of(options_.dtype) == DType::float64)
        branch.row_scale = Tensor::from_host(queue_, values);
      else
        branch.row_scale =
            Tensor::from_host(queue_, std::vector<float>(values.begin(), values.end()));
    }
    if (all) return;  // no lists: ops then go straight through the rows
    auto const stream_first = static_cast<std::int32_t>(region_.own_first(stream_));
    std::vector<std::int32_t> index(
        static_cast<std::size_t>(region_.own_count(stream_, pack_.rows)), -1);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      rows[i] -= stream_first;
      index[static_cast<std::size_t>(rows[i])] = static_cast<std::int32_t>(i);
    }
    branch.rows = Tensor::from_host(queue_, rows);
    branch.index = Tensor::from_host(queue_, index);
  }

  template <class T>
  static std::vector<T> taken(std::vector<T> const& values, std::vector<std::int32_t> const& rows) {
    std::vector<T> result;
    result.reserve(rows.size());
    for (std::int32_t row : rows) result.push_back(values[static_cast<std::size_t>(row)]);
    return result;
  }

  Queue& queue_;
  Pack const& pack_;
  TensorParallelRegion const& region_;
  RowShares const& stream_;
  PackPlan::Options const& options_;
};

}  // namespace

PackPlan::PackPlan(Queue& queue, Pack pack, MicroBatch const& batch,
                   TensorParallelRegion const& region, Options const& options)
    : pack_(std::move(pack)),
      shares_(region.share(pack_.rows)),
      own_rows_(region.own_count(shares_, pack_.rows)),
      layer_begin_(options.layer_begin) {
  BranchBuilder const builder(queue, pack_, region, shares_, options);
  std::shared_ptr<BranchRows const> all;
  for (Index layer = options.layer_begin; layer < options.layer_end; ++layer) {
    double const p = options.drop.probability(layer);
    for (int branch : {0, 1}) {
      auto& list = branch == 0 ? attention_ : ffn_;
      // Without drop-path, in layer 0 and in evaluation, all branches share one plan and its
      // uploads.
      if (p <= 0) {
        if (!all) all = builder.build({}, {});
        list.push_back(all);
        continue;
      }
      std::vector<std::uint8_t> kept;
      for (PackedSequence const& sequence : pack_.sequences)
        kept.push_back(
            !options.drop.drops(batch.positions[static_cast<std::size_t>(sequence.sample)],
                                sequence.pass, layer, branch));
      // 0 for what is dropped matters only where that is computed all the same (skip = false).
      std::vector<double> scale(static_cast<std::size_t>(pack_.rows), 0);
      for (std::size_t s = 0; s < kept.size(); ++s)
        if (kept[s])
          for (AttentionSegment const& segment : pack_.sequences[s].segments)
            std::fill_n(scale.begin() + segment.row, segment.length, 1 / (1 - p));
      list.push_back(builder.build(options.drop.skip ? kept : std::vector<std::uint8_t>{}, scale));
    }
  }
}

}  // namespace accord
