#include "io/text/caption_source.hpp"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/shard/shard_writer.hpp"
#include "tests/support/temporary_folder.hpp"

using namespace accord;
using namespace accord::io;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

std::vector<std::string> all_of(CaptionSource const& next) {
  std::vector<std::string> captions;
  for (std::string caption; next(caption);) captions.push_back(caption);
  return captions;
}

class CaptionsFrom : public TemporaryFolder {
 protected:
  /// A dataset with one shard per list; each sample holds its captions split at '|' and a picture.
  void write_dataset(std::vector<std::vector<std::string>> const& shards,
                     std::string const& modality = "text") {
    DatasetIndex index;
    index.modalities = {"image", modality};
    std::string const picture = "not looked at";
    for (auto const& samples : shards) {
      std::string const name = shard_file(static_cast<Index>(index.shards.size()));
      ShardWriter writer(folder_ / name, index.modalities, LabelKind::none, "test");
      for (std::string const& captions : samples) {
        NewSample sample;
        sample.key = fmt::format("k{}", writer.samples());
        sample.items = {{std::as_bytes(std::span(picture))}, {}};
        for (std::size_t begin = 0; begin <= captions.size();) {
          std::size_t const end = std::min(captions.find('|', begin), captions.size());
          sample.items[1].push_back(std::as_bytes(std::span(captions).subspan(begin, end - begin)));
          begin = end + 1;
        }
        writer.add(sample);
      }
      index.append(writer.finish());
    }
    write_index(folder_, index);
  }

  std::string message(std::filesystem::path const& path) const {
    try {
      captions_from(path);
    } catch (DataError const& error) {
      return error.what();
    }
    return "no DataError";
  }
};

TEST_F(CaptionsFrom, AFileMayBeginWithAByteOrderMark) {
  write_file(folder_ / "captions.txt", "\xEF\xBB\xBFone\r\n\ntwo");
  EXPECT_THAT(all_of(captions_from(folder_ / "captions.txt")), ElementsAre("one", "", "two"));
  write_file(folder_ / "captions.txt", std::string("\xFF\xFEo\0\n\0", 6));
  EXPECT_THROW(all_of(captions_from(folder_ / "captions.txt")), DataError);
}

}  // namespace

TEST_F(CaptionsFrom, ReadsTheLinesOfATextFile) {
  write_file_atomically(folder_ / "captions.txt", "one\r\n\ntwo  words\nlast");
  EXPECT_THAT(all_of(captions_from(folder_ / "captions.txt")),
              ElementsAre("one", "", "two  words", "last"));
}

TEST_F(CaptionsFrom, ReadsEveryTextOfADataset) {
  write_dataset({{"a dog", "a cat|cat|"}, {"caf\xc3\xa9"}});
  EXPECT_THAT(all_of(captions_from(folder_)),
              ElementsAre("a dog", "a cat", "cat", "", "caf\xc3\xa9"));
}

TEST_F(CaptionsFrom, SaysWhatCannotBeReadAsCaptions) {
  EXPECT_THAT(message(folder_ / "absent.txt"), HasSubstr("absent.txt: cannot be read as captions"));
  EXPECT_THAT(message(folder_), HasSubstr("or a dataset with index.json"));
  write_dataset({{"x"}}, "audio");
  EXPECT_THAT(message(folder_), HasSubstr("no modality \"text\""));
}
