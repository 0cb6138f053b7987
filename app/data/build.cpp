// `accord data build`: archives, tables or folders of samples to a dataset of shards.

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <iostream>
#include <memory>
#include <optional>

#include "app/cli/launch.hpp"
#include "app/cli/progress.hpp"
#include "app/cli/text.hpp"
#include "app/config/classes.hpp"
#include "app/data/commands.hpp"
#include "core/base/queue.hpp"
#include "io/checkpoint/collective.hpp"
#include "io/dataset/build.hpp"
#include "io/file/leased_folder.hpp"
#include "parallel/comm/mpi_communicator.hpp"

namespace accord::app {
namespace {

constexpr double megabyte = 1e6;

void print_report(io::BuildOptions const& options, io::BuildReport const& report) {
  for (auto it = report.kept.rbegin(); it != report.kept.rend(); ++it)  // train before held-out
    std::cout << fmt::format("{} samples: {}\n", it->second,
                             (it->first.empty() ? options.out : options.out / it->first).string());
  for (auto const& [modality, items] : report.items)
    if (items != report.total_kept()) std::cout << fmt::format("{} items of {}\n", items, modality);
  for (auto const& [what, tally] : report.used)
    if (what != "archive" && what != "table" && what != "folder of media")
      std::cout << fmt::format("read    {:>8}  {} ({})\n", tally.count, what,
                               tally.examples.front());
  std::cout << fmt::format("{:.1f} MB in {} {}", static_cast<double>(report.bytes) / megabyte,
                           report.shards, report.shards == 1 ? "shard" : "shards");
  if (report.classes > 0) std::cout << fmt::format(", {} classes", report.classes);
  std::cout << "\n";
  for (auto const& [reason, tally] : report.dropped)
    std::cout << fmt::format("dropped {:>8}  {} ({})\n", tally.count, reason,
                             tally.examples.front());
  for (auto const& [reason, tally] : report.ignored)
    std::cout << fmt::format("ignored {:>8}  {} ({})\n", tally.count, reason,
                             tally.examples.front());
  if (report.broken_archives.count > 0)
    std::cout << fmt::format("{} of {} archives broken, what follows the damage is lost ({})\n",
                             report.broken_archives.count, report.archives,
                             report.broken_archives.examples.front());
  std::cout << fmt::format("report: {}\n", (options.out / "build-report.json").string());
}

int build(io::BuildOptions const& options, parallel::MpiEnvironment const& mpi) {
  Queue queue(Backend::cpu);
  auto const world = parallel::MpiCommunicator::world();
  bool const speaks = mpi.rank() == 0;
  std::optional<io::LeasedFolder> held;
  io::together(*world, queue, [&] {
    if (!speaks) return;
    std::vector<std::string> below = io::datasets_of(options);
    std::erase(below, "");
    held.emplace(options.out, below, "--out", "accord data build",
                 [](std::string const& text) { std::cerr << text << std::endl; });
  });
  io::Build work(options);
  bool const nothing_to_do = work.finished();
  if (!nothing_to_do) {
    std::unique_ptr<Progress> progress;
    work.run(mpi.rank(), mpi.size(), [&](io::BuildProgress const& now) {
      if (!progress)
        progress = std::make_unique<Progress>(
            std::cerr, speaks ? Progress::style_of_stderr() : Progress::Style::silent, "megabyte",
            whole_megabytes(now.total_bytes));
      progress->show(whole_megabytes(now.bytes), fmt::format("{} samples", now.samples) +
                                                     (mpi.size() > 1 ? " on this rank" : ""));
    });
  }
  world->barrier(queue);
  if (speaks && nothing_to_do)
    std::cout << fmt::format("{} holds these samples already: nothing to do\n",
                             options.out.string());
  else if (speaks)
    print_report(options, work.finish());
  world->barrier(queue);  // nobody leaves while rank 0 may still have to end the job with an error
  return 0;
}

struct CommandOptions {
  io::BuildOptions build;
  std::string check = "decode", format = "auto", classes;
  std::vector<std::string> where;
  double shard_megabytes = 256;
};

constexpr char const* about_the_input =
    "Input:\n"
    "  tar     plain or packed by gzip: KEY.jpg|png|webp|wav|flac|mp3|ogg, KEY.NAME.npy for "
    "arrays "
    "of\n"
    "          modality NAME, KEY.txt or a \"caption\" in KEY.json, KEY.cls; neighbours with one "
    "KEY are a\n"
    "          sample; KEY ends at the first dot\n"
    "  tsv     first line names the columns: image_id or uniq_id; caption or text; image, audio "
    "or the name of\n"
    "          another modality, whose cells are paths below the table's folder, or base64; rows "
    "with one id\n"
    "          are a sample with several captions or media\n"
    "  folder  any depth; KEY.png or other media as in a tar, with KEY.txt beside them, whose "
    "first line is the\n"
    "          caption, or KEY.json; none is needed without text among the modalities\n"
    "A \"caption\" in KEY.json may be a list of several. Where one modality holds arrays, "
    "KEY.npy "
    "will do.\n"
    "Endings may be in any case. Of two files of one KEY and modality KEY.NAME.npy is taken "
    "before "
    "KEY.npy,\n"
    "else the first by name.\n"
    "Whatever is left out is counted by reason in DIR/build-report.json. Under mpirun or "
    "srun the ranks share\n"
    "the work; the result is the same. An interrupted build goes on where it was when run "
    "again.";

void add_filters(CLI::App& command, CommandOptions& options) {
  command
      .add_option("--where", options.where,
                  "Keep what fulfils all of these conditions on fields of KEY.json or columns of "
                  "the table, as 'similarity >= 0.28' 'NSFW != \"NSFW\"': < <= > >= == != with a "
                  "number or a text in quotes")
      ->type_name("CONDITION");
  auto const limit = [&](char const* name, auto& value, char const* what, char const* unit) {
    command.add_option(name, value, what)->type_name(unit)->check(CLI::NonNegativeNumber);
  };
  limit("--min-side", options.build.limits.min_side,
        "Leave out pictures whose shorter side has fewer pixels", "PIXELS");
  limit("--max-aspect", options.build.limits.max_aspect,
        "Leave out pictures whose longer side is more than so many times the shorter", "RATIO");
  limit("--min-caption", options.build.limits.min_caption, "Leave out captions of fewer characters",
        "N");
  limit("--max-caption", options.build.limits.max_caption, "Leave out captions of more characters",
        "N");
}

}  // namespace

void add_data_build(CLI::App& data, Run& run) {
  auto options = std::make_shared<CommandOptions>();
  io::BuildOptions& b = options->build;
  CLI::App* command = data.add_subcommand("build",
                                          "Make a dataset from img2dataset/webdataset tars, "
                                          "tables, or a folder of media with captions");
  command
      ->add_option("--from", b.source.from,
                   "Folder of .tar, .tar.gz or .tsv files, such files, or a folder of media")
      ->type_name("PATH")
      ->required();
  command->add_option("--out", b.out, "Folder of the new dataset")->type_name("DIR")->required();
  command
      ->add_option("--format", options->format,
                   "What --from is: auto looks for .tar, then .tsv, then media")
      ->check(CLI::IsMember({"auto", "tar", "tsv", "folder"}))
      ->capture_default_str();
  command
      ->add_option(
          "--modalities", b.modalities,
          "What to keep: image, text, audio; any other name is of arrays [text, and image or "
          "audio, what the first sample has]")
      ->delimiter(',');
  add_filters(*command, *options);
  command
      ->add_option(
          "--hold-out", b.hold_out,
          "Keep this share of the captions, chosen by hash, in DIR/held-out; the rest in DIR/train")
      ->type_name("SHARE");
  command->add_flag("--append", b.append,
                    "Add to the dataset in DIR; what is there does not change");
  command
      ->add_option("--label", b.source.label,
                   "Store class labels: 'cls' for KEY.cls, else a field of KEY.json or a column of "
                   "the table; 'folder' for the name of the folder around each file")
      ->type_name("NAME");
  command
      ->add_option("--classes", options->classes,
                   "File with the name of each class in a line: a sample may then have several, "
                   "separated by commas")
      ->type_name("FILE")
      ->check(CLI::ExistingFile);
  command
      ->add_option("--media-root", b.source.media_root,
                   "Folder that paths in a table start from [the table's]")
      ->type_name("DIR");
  command
      ->add_option("--check", options->check,
                   "How media are checked: their header, or by decoding them")
      ->check(CLI::IsMember({"header", "decode"}))
      ->capture_default_str();
  command
      ->add_option("--max-bad-share", b.max_bad_share,
                   "Stop with 65 if more than this share of samples or archives is bad")
      ->capture_default_str();
  command->add_option("--shard-size", options->shard_megabytes, "Size of a shard, MB")
      ->check(CLI::Range(1e-6, 1e9))
      ->capture_default_str();
  command->add_option("--shard-samples", b.shard_samples, "Most samples in a shard")
      ->check(CLI::PositiveNumber)
      ->capture_default_str();
  command->footer(about_the_input);
  command->callback([options, &run] {
    run = [options] {
      io::BuildOptions& build_options = options->build;
      build_options.check =
          options->check == "header" ? io::MediaCheck::header : io::MediaCheck::decode;
      for (std::string const& condition : options->where)
        build_options.source.where.emplace_back(condition);
      if (!options->classes.empty()) build_options.classes = read_lines(options->classes);
      build_options.shard_bytes = static_cast<std::uint64_t>(options->shard_megabytes * megabyte);
      using Kind = io::SourceOptions::Kind;
      build_options.source.kind = options->format == "tar"      ? Kind::tar
                                  : options->format == "tsv"    ? Kind::table
                                  : options->format == "folder" ? Kind::folder
                                                                : Kind::automatic;
      return launch([&](parallel::MpiEnvironment const& mpi) { return build(build_options, mpi); });
    };
  });
}

}  // namespace accord::app
