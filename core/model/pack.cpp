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
  throw Error(fmt::format("pass {} has no segment of modality {} in this pack", pass, modality));
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
    Index const length = batch.lengths[static_cast<std::size_t>(m)][static_cast<std::size_t>(s)];
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

  for (Modality m : modalities) {
    Index const group_begin = pack.rows;
    for (std::size_t k = 0; k < selected.size(); ++k) {
      std::vector<Modality> const& members =
          passes[static_cast<std::size_t>(selected[k])].modalities;
      auto const at = std::find(members.begin(), members.end(), m);
      if (at == members.end()) continue;
      auto const segment = static_cast<std::size_t>(at - members.begin());
      std::vector<Index> widths(static_cast<std::size_t>(samples), 0);
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
  auto const threshold = static_cast<std::uint64_t>(std::floor(p * 0x1p32));
  return Draws(seed, Purpose::drop)
             .word(position, stream_of(pass, static_cast<int>(layer), branch), 0) < threshold;
}

namespace {

// The rows of the sequences marked in `kept` (all when empty), with `scale` per row.
std::shared_ptr<BranchRows const> branch_rows(Queue& queue, Pack const& pack,
                                              PackPlan::Options const& options,
                                              std::vector<std::uint8_t> const& kept,
                                              std::vector<double> const& scale) {
  auto branch = std::make_shared<BranchRows>();
  std::vector<std::int32_t> rows, compact(static_cast<std::size_t>(pack.rows), -1);
  if (kept.empty()) {
    branch->count = pack.rows;
    branch->groups = pack.groups;
    std::iota(compact.begin(), compact.end(), 0);
  } else {
    std::vector<std::uint8_t> take(static_cast<std::size_t>(pack.rows), 0);
    for (std::size_t s = 0; s < pack.sequences.size(); ++s)
      if (kept[s])
        for (AttentionSegment const& segment : pack.sequences[s].segments)
          std::fill_n(take.begin() + segment.row, segment.length, 1);
    for (RowGroup const& group : pack.groups) {
      auto const begin = static_cast<Index>(rows.size());
      for (Index row = group.row; row < group.row + group.length; ++row)
        if (take[static_cast<std::size_t>(row)]) {
          compact[static_cast<std::size_t>(row)] = static_cast<std::int32_t>(rows.size());
          rows.push_back(static_cast<std::int32_t>(row));
        }
      if (static_cast<Index>(rows.size()) > begin)
        branch->groups.push_back({group.modality, begin, static_cast<Index>(rows.size()) - begin});
    }
    branch->count = static_cast<Index>(rows.size());
    branch->rows = Tensor::from_host(queue, rows);
  }
  auto compacted = [&](auto const& values) {
    if (kept.empty()) return values;
    std::remove_cvref_t<decltype(values)> result;
    result.reserve(rows.size());
    for (std::int32_t row : rows) result.push_back(values[static_cast<std::size_t>(row)]);
    return result;
  };
  if (!scale.empty()) {
    std::vector<double> const values = compacted(scale);
    if (accumulator_of(options.dtype) == DType::float64)
      branch->row_scale = Tensor::from_host(queue, values);
    else
      branch->row_scale =
          Tensor::from_host(queue, std::vector<float>(values.begin(), values.end()));
  }
  AttentionPlan& attention = branch->attention;
  for (std::size_t s = 0; s < pack.sequences.size(); ++s) {
    if (!kept.empty() && !kept[s]) continue;
    for (AttentionSegment segment : pack.sequences[s].segments) {
      segment.row = compact[static_cast<std::size_t>(segment.row)];
      attention.segments.push_back(segment);
    }
    attention.sequences.push_back(static_cast<Index>(attention.segments.size()));
  }
  if (options.position_bias)
    attention.positions = Tensor::from_host(queue, compacted(pack.positions));
  if (options.mask_pads && pack.padded)
    attention.keys = Tensor::from_host(queue, compacted(pack.real));
  return branch;
}

}  // namespace

PackPlan::PackPlan(Queue& queue, Pack pack, MicroBatch const& batch, Options const& options)
    : pack_(std::move(pack)), layer_begin_(options.layer_begin) {
  std::shared_ptr<BranchRows const> all;
  for (Index layer = options.layer_begin; layer < options.layer_end; ++layer) {
    double const p = options.drop.probability(layer);
    for (int branch : {0, 1}) {
      auto& list = branch == 0 ? attention_ : ffn_;
      if (p <= 0) {
        if (!all) all = branch_rows(queue, pack_, options, {}, {});
        list.push_back(all);
        continue;
      }
      std::vector<std::uint8_t> kept;
      for (PackedSequence const& sequence : pack_.sequences)
        kept.push_back(
            !options.drop.drops(batch.positions[static_cast<std::size_t>(sequence.sample)],
                                sequence.pass, layer, branch));
      std::vector<double> scale(static_cast<std::size_t>(pack_.rows), 0);
      for (std::size_t s = 0; s < kept.size(); ++s)
        if (kept[s])
          for (AttentionSegment const& segment : pack_.sequences[s].segments)
            std::fill_n(scale.begin() + segment.row, segment.length, 1 / (1 - p));
      list.push_back(branch_rows(queue, pack_, options,
                                 options.drop.skip ? kept : std::vector<std::uint8_t>{}, scale));
    }
  }
}

}  // namespace accord
