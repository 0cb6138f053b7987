#include "io/dataset/build.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "core/base/check.hpp"
#include "core/base/error.hpp"
#include "io/dataset/item_kind.hpp"
#include "io/dataset/unit_builder.hpp"
#include "io/file/file.hpp"
#include "io/file/integer_text.hpp"

namespace accord::io {
namespace {

/// Part of what a build is: with other rules of reading, other samples come of one input.
constexpr char const* reading_rules = "2";

/// Stops at the first sample with a picture or a sound: what the input is made of.
class FirstSample final : public Sink {
 public:
  bool sample(Candidate candidate) override {
    found = candidate.items.contains("image") || candidate.items.contains("audio");
    if (!found)
      left_out["no picture and no sound"].add(candidate.where + ": " + candidate.key + ": " +
                                              candidate.found);
    first = std::move(candidate);
    return !found;
  }
  void drop(std::string const& where, std::string const& key, std::string const& reason,
            std::string const& detail) override {
    left_out[reason].add(where + ": " + key + ": " + detail);
  }
  void ignore(std::string const& reason, std::string const& what) override {
    left_out[reason].add(what);
  }
  void broken_archive(std::string const& detail) override {
    left_out["broken archive"].add(detail);
  }

  bool found = false;
  Candidate first;
  Tallies left_out;
};

std::vector<std::string> detect_modalities(Source const& source, std::vector<Unit> const& units) {
  FirstSample sink;
  for (Unit const& unit : units) {
    source.read(unit, sink);
    if (sink.found) return {sink.first.items.contains("image") ? "image" : "audio", "text"};
  }
  add(sink.left_out, source.notes.left_out);
  throw DataError(fmt::format(
      "no picture or sound with a caption was found in the input; --modalities names others{}",
      most_frequent(sink.left_out)));
}

void add(BuildReport& total, BuildReport const& part) {
  add(total.dropped, part.dropped);
  add(total.ignored, part.ignored);
  total.broken_archives.add(part.broken_archives);
  for (auto const& [modality, items] : part.items) total.items[modality] += items;
  total.bytes += part.bytes;
}

bool too_many(Index bad, Index all, double share) {
  return static_cast<double>(bad) > share * static_cast<double>(all);
}

}  // namespace

std::vector<std::string> datasets_of(BuildOptions const& options) {
  if (options.hold_out > 0) return {"train", "held-out"};
  return {""};
}

struct Build::State {
  BuildOptions options;
  std::unique_ptr<Source> source;
  std::vector<Unit> units;
  std::string fingerprint;
  std::filesystem::path work;
  std::vector<std::string> datasets;  ///< names below `out`; "" is `out` itself

  std::filesystem::path folder(std::string const& dataset) const {
    return dataset.empty() ? options.out : options.out / dataset;
  }
  LabelKind label() const {
    if (options.source.label.empty()) return LabelKind::none;
    return options.classes.empty() ? LabelKind::single : LabelKind::multi_hot;
  }
  std::string unit_name(std::size_t unit) const { return fmt::format("unit-{:06}", unit); }
  std::filesystem::path record_path(std::size_t unit) const {
    return work / (unit_name(unit) + ".json");
  }
  bool holds_this(DatasetIndex const& index) const {
    return std::find(index.builds.begin(), index.builds.end(), fingerprint) != index.builds.end();
  }

  void check_output() const;
  UnitRecord gather(std::size_t unit) const;
  void accept(BuildReport const& report) const;
  void publish(std::string const& dataset, std::vector<UnitRecord> const& records) const;
  ShardEntry place(PartShard const& part, std::vector<std::int64_t> const& labels,
                   std::filesystem::path const& target) const;
};

Build::Build(BuildOptions options) : state_(std::make_unique<State>()) {
  State& s = *state_;
  s.options = std::move(options);
  BuildOptions& o = s.options;
  if (!(o.hold_out >= 0 && o.hold_out < 1))
    throw UsageError("--hold-out: a share of the captions, at least 0 and below 1");
  if (!(o.max_bad_share >= 0 && o.max_bad_share <= 1))
    throw UsageError("--max-bad-share: a share, 0 to 1");
  if (!o.classes.empty() && o.source.label.empty())
    throw UsageError("--classes needs --label, which says where the classes of a sample are");
  if (o.shard_bytes < 1 || o.shard_samples < 1)
    throw UsageError("a shard holds at least one byte and one sample");
  if (o.modalities.empty()) {
    auto const source = open_source(o.source);
    o.modalities = detect_modalities(*source, source->units(o.shard_bytes));
  }
  o.modalities = o.source.modalities = ordered_modalities(o.modalities);
  s.source = open_source(o.source);
  s.units = s.source->units(o.shard_bytes);
  s.datasets = datasets_of(o);

  std::string identity =
      fmt::format("{}\nrules={} label={} hold_out={} check={} bytes={} samples={}",
                  s.source->identity(), reading_rules, o.source.label, o.hold_out,
                  static_cast<int>(o.check), o.shard_bytes, o.shard_samples);
  for (std::string const& modality : s.options.modalities) identity += " " + modality;
  identity += fmt::format("\nside={} aspect={} caption={}..{}", o.limits.min_side,
                          o.limits.max_aspect, o.limits.min_caption, o.limits.max_caption);
  for (Condition const& condition : o.source.where) identity += "\nwhere " + condition.text();
  for (std::string const& name : o.classes) identity += "\nclass " + name;
  for (Unit const& unit : s.units)
    identity += fmt::format("\n{} {} {}", unit.input, unit.begin, unit.end);
  s.fingerprint = to_hex(hash128(std::as_bytes(std::span(identity))));
  s.work = o.out / (".build-" + s.fingerprint.substr(0, 12));
  s.check_output();
}

Build::~Build() = default;

std::vector<std::string> const& Build::modalities() const { return state_->options.modalities; }

void Build::State::check_output() const {
  for (std::string const& dataset : datasets) {
    std::filesystem::path const path = folder(dataset);
    if (!has_index(path)) {
      if (!std::filesystem::exists(work)) require_no_shards(path);
      continue;
    }
    DatasetIndex const index = read_index(path);
    if (holds_this(index)) continue;
    if (!options.append)
      throw UsageError(
          fmt::format("{} holds a dataset already: --append adds to it, or choose another --out",
                      path.string()));
    if (index.modalities != options.modalities || index.label != label() ||
        (!options.classes.empty() && index.classes != options.classes))
      throw UsageError(
          fmt::format("{}: its modalities or labels are not those of the new samples; they need a "
                      "dataset of their own",
                      path.string()));
  }
}

bool Build::finished() const {
  if (std::filesystem::exists(state_->work)) return false;  // finish() was interrupted
  return std::all_of(state_->datasets.begin(), state_->datasets.end(),
                     [&](std::string const& dataset) {
                       auto const path = state_->folder(dataset);
                       return has_index(path) && state_->holds_this(read_index(path));
                     });
}

void Build::run(int rank, int ranks, std::function<void(BuildProgress const&)> const& progress) {
  State& s = *state_;
  std::filesystem::create_directories(s.work);
  std::vector<std::size_t> mine;
  BuildProgress now;
  for (auto u = static_cast<std::size_t>(rank); u < s.units.size();
       u += static_cast<std::size_t>(ranks)) {
    mine.push_back(u);
    now.total_bytes += s.units[u].bytes;
  }
  progress(now);
  std::uint64_t finished_bytes = 0;
  for (std::size_t const u : mine) {
    if (!std::filesystem::exists(s.record_path(u))) {
      UnitBuilder builder(s.options, s.work, s.unit_name(u), [&](std::uint64_t bytes) {
        ++now.samples;
        now.bytes = finished_bytes + std::min(bytes, s.units[u].bytes);
        progress(now);
      });
      s.source->read(s.units[u], builder);
      write_record(s.record_path(u), builder.finish());
    }
    now.bytes = finished_bytes += s.units[u].bytes;
    progress(now);
  }
}

UnitRecord Build::State::gather(std::size_t unit) const {
  if (!std::filesystem::exists(record_path(unit)))
    throw DataError(fmt::format("{}: missing; the build is not complete, run it again",
                                record_path(unit).string()));
  return read_record(record_path(unit), options.modalities.size());
}

void Build::State::accept(BuildReport const& report) const {
  Index const kept = report.total_kept(), dropped = report.total_dropped();
  if (kept == 0)
    throw DataError(fmt::format("{}: no usable sample in the input{}{}", options.out.string(),
                                most_frequent(report.dropped), most_frequent(report.ignored)));
  if (too_many(dropped, kept + dropped, options.max_bad_share))
    throw DataError(fmt::format(
        "{}: {} of {} samples are bad, more than the share of {} that is accepted; no dataset was "
        "written. To accept them, run again with a larger --max-bad-share:{}",
        options.out.string(), dropped, kept + dropped, options.max_bad_share,
        most_frequent(report.dropped)));
  if (too_many(report.broken_archives.count, report.archives, options.max_bad_share))
    throw DataError(fmt::format(
        "{}: {} of {} archives are broken, more than the share of {} that is accepted; no dataset "
        "was written. Replace them, or run again with a larger --max-bad-share:\n  {}",
        options.out.string(), report.broken_archives.count, report.archives, options.max_bad_share,
        report.broken_archives.examples.front()));
}

/// Writes the labels of a part and moves it to its final name. Where that was done before an
/// interruption, the part is there already.
ShardEntry Build::State::place(PartShard const& part, std::vector<std::int64_t> const& labels,
                               std::filesystem::path const& target) const {
  std::filesystem::path const built = work / part.entry.file;
  bool const moved = !std::filesystem::exists(built);
  std::filesystem::path const& from = moved ? target : built;
  if (!std::filesystem::exists(from))
    throw DataError(fmt::format("{}: missing; remove {} and run the build again", from.string(),
                                work.string()));
  if (std::filesystem::file_size(from) != part.entry.bytes ||
      hash_outside(from, part.entry, Holes::blobs_and_label) != part.unlabelled)
    throw DataError(
        fmt::format("{}: not the shard that was written; remove {} and run the build again",
                    from.string(), work.string()));
  ShardEntry entry = part.entry;
  entry.file = target.filename().string();
  if (!labels.empty()) {
    File file = File::open_write(from);
    file.write_at(entry.label.offset, std::as_bytes(std::span(labels)));
    file.sync();
    entry.hash = hash_outside(from, entry, Holes::blobs);
  }
  if (!moved) rename_durably(from, target);
  return entry;
}

void Build::State::publish(std::string const& dataset,
                           std::vector<UnitRecord> const& records) const {
  std::filesystem::path const path = folder(dataset);
  std::filesystem::create_directories(path);
  DatasetIndex index;
  index.modalities = options.modalities;
  index.label = label();
  index.classes = options.classes;
  if (has_index(path)) index = read_index(path);
  if (holds_this(index)) return;

  // Class numbers that exist stay; new names follow, sorted. Numbers given in .cls files are the
  // user's own.
  bool const numbered = options.source.label == "cls";
  std::map<std::string, std::int64_t> numbers;
  for (std::string const& name : index.classes)
    numbers.emplace(name, static_cast<std::int64_t>(numbers.size()));
  std::set<std::string> names;
  for (UnitRecord const& record : records)
    names.insert(record.classes.begin(), record.classes.end());
  for (std::string const& name : names) {
    if (numbered)
      numbers[name] = integer_in<std::int32_t>(name);
    else if (numbers.emplace(name, static_cast<std::int64_t>(numbers.size())).second)
      index.classes.push_back(name);
  }

  for (UnitRecord const& record : records)
    for (PartShard const& part : record.shards) {
      if (part.dataset != dataset) continue;
      std::vector<std::int64_t> labels;
      for (std::int32_t const label : part.labels)
        labels.push_back(numbers.at(record.classes.at(static_cast<std::size_t>(label))));
      auto const file = shard_file(static_cast<Index>(index.shards.size()));
      index.append(place(part, labels, path / file));
    }
  index.builds.push_back(fingerprint);
  write_index(path, index);
}

BuildReport Build::finish() {
  State& s = *state_;
  BuildReport report;
  report.archives = static_cast<Index>(s.source->archives());
  report.used = s.source->notes.used;
  report.ignored = s.source->notes.left_out;
  std::vector<UnitRecord> records;
  std::set<std::string> classes;
  for (std::size_t u = 0; u < s.units.size(); ++u) {
    records.push_back(s.gather(u));
    UnitRecord const& record = records.back();
    add(report, record.report);
    classes.insert(record.classes.begin(), record.classes.end());
    for (PartShard const& part : record.shards) {
      report.kept[part.dataset] += part.entry.samples;
      ++report.shards;
    }
  }
  for (std::string const& dataset : s.datasets) report.kept.try_emplace(dataset, 0);
  report.classes =
      static_cast<Index>(s.options.classes.empty() ? classes.size() : s.options.classes.size());
  try {
    s.accept(report);
  } catch (DataError const&) {
    std::filesystem::remove_all(s.work);
    throw;
  }
  for (std::string const& dataset : s.datasets) s.publish(dataset, records);
  write_file_atomically(s.options.out / "build-report.json", report.to_json());
  std::filesystem::remove_all(s.work);
  return report;
}

}  // namespace accord::io
