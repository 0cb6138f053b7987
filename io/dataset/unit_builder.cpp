#include "io/dataset/unit_builder.hpp"

#include <fmt/format.h>

#include "io/dataset/hold_out.hpp"

namespace accord::io {

UnitBuilder::UnitBuilder(BuildOptions const& options, std::filesystem::path work, std::string unit,
                         std::function<void(std::uint64_t)> kept)
    : options_(options), work_(std::move(work)), unit_(std::move(unit)), kept_(std::move(kept)) {}

bool UnitBuilder::sample(Candidate candidate) {
  bool const labelled = !options_.source.label.empty();
  auto const refuse = [&](Fault const& fault) {
    if (fault.missing && candidate.may_lack)
      ignore(fault.reason, candidate.where + ": " + candidate.key);
    else
      drop(candidate.where, candidate.key, fault.reason, fault.detail);
    return true;
  };
  std::vector<Fault> left_out;
  if (auto const fault = check_sample(candidate, options_.modalities, options_.check, left_out))
    return refuse(*fault);
  if (!keep_within_limits(candidate)) return true;
  if (labelled)
    if (auto const fault = check_label(candidate.label, options_.source.label == "cls"))
      return refuse(*fault);

  NewSample sample;
  LabelKind kind = labelled ? LabelKind::single : LabelKind::none;
  if (!options_.classes.empty()) {
    kind = LabelKind::multi_hot;
    if (auto const fault = read_classes(*candidate.label, options_.classes, sample.multi_hot))
      return refuse(*fault);
  }
  sample.key = candidate.key;
  for (std::string const& modality : options_.modalities) {
    auto& items = sample.items.emplace_back();
    for (std::string const& item : candidate.items.at(modality)) {
      items.push_back(std::as_bytes(std::span(item)));
      record_.report.bytes += item.size();
    }
    record_.report.items[modality] += static_cast<Index>(items.size());
  }
  for (Fault const& fault : left_out)
    ignore("one of several items: " + fault.reason,
           fmt::format("{}: {}: {}", candidate.where, candidate.key, fault.detail));
  auto const captions = candidate.items.find("text");
  bool const captioned = captions != candidate.items.end() && !captions->second.empty();
  bool const held =
      options_.hold_out > 0 &&
      held_out(captioned ? captions->second.front() : candidate.key, options_.hold_out);
  std::string const dataset = options_.hold_out > 0 ? (held ? "held-out" : "train") : "";
  Output& output = outputs_[dataset];
  if (!output.writer)
    output.writer = std::make_unique<ShardWriter>(
        work_ / fmt::format("{}{}{}-{:03}.h5", unit_, dataset.empty() ? "" : "-", dataset,
                            output.shards),
        options_.modalities, kind, "accord data build");
  output.writer->add(sample);
  if (kind == LabelKind::single) output.labels.push_back(class_number(*candidate.label));
  if (output.writer->bytes() >= options_.shard_bytes ||
      output.writer->samples() >= options_.shard_samples)
    close(dataset, output);
  kept_(record_.report.bytes);
  return true;
}

bool UnitBuilder::keep_within_limits(Candidate& candidate) {
  for (std::string const& modality : options_.modalities) {
    auto& items = candidate.items.at(modality);
    std::erase_if(items, [&](std::string const& item) {
      auto const reason = broken_limit(item, modality, options_.limits);
      if (reason) ignore(*reason, candidate.where + ": " + candidate.key);
      return reason.has_value();
    });
    if (items.empty()) return false;
  }
  return true;
}

void UnitBuilder::drop(std::string const& where, std::string const& key, std::string const& reason,
                       std::string const& detail) {
  record_.report.dropped[reason].add(
      fmt::format("{}: {}{}{}", where, key, detail.empty() ? "" : ": ", detail));
}

void UnitBuilder::ignore(std::string const& reason, std::string const& what) {
  record_.report.ignored[reason].add(what);
}

void UnitBuilder::broken_archive(std::string const& detail) {
  record_.report.broken_archives.add(detail);
}

UnitRecord UnitBuilder::finish() {
  for (auto& [dataset, output] : outputs_)
    if (output.writer) close(dataset, output);
  return std::move(record_);
}

void UnitBuilder::close(std::string const& dataset, Output& output) {
  ShardEntry entry = output.writer->finish();
  Hash128 const unlabelled = hash_outside(work_ / entry.file, entry, Holes::blobs_and_label);
  record_.shards.push_back({dataset, std::move(entry), unlabelled, std::move(output.labels)});
  output.labels.clear();
  output.writer.reset();
  ++output.shards;
}

std::int32_t UnitBuilder::class_number(std::string const& name) {
  auto const [it, added] =
      class_numbers_.try_emplace(name, static_cast<std::int32_t>(record_.classes.size()));
  if (added) record_.classes.push_back(name);
  return it->second;
}

}  // namespace accord::io
