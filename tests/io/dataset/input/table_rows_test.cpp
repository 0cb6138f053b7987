#include "io/dataset/input/table_rows.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/base/text.hpp"
#include "io/dataset/input/table_index.hpp"
#include "tests/support/temporary_folder.hpp"

namespace accord::io {
namespace {

using ::testing::ElementsAre;

class TableRowsTest : public TemporaryFolder {
 protected:
  File file(std::string const& table) const {
    write_file(folder_ / "t.tsv", table);
    return File::open_read(folder_ / "t.tsv");
  }
  /// Fields between bars.
  std::vector<std::string> rows(std::string const& table, std::size_t columns) const {
    File const open = file(table);
    TableRows reader(open, 0, columns);
    std::vector<std::string_view> fields;
    std::vector<std::string> out;
    while (reader.next(fields)) out.push_back(joined(fields, "|"));
    EXPECT_EQ(reader.position(), open.size());
    return out;
  }
};

TEST_F(TableRowsTest, CutAtTabsTheLastFieldTakesTheRest) {
  EXPECT_THAT(rows("a\tb\tc\td\ne\tf\n\ng\th\ti\r\nj", 3),
              ElementsAre("a|b|c\td", "e|f", "", "g|h|i", "j"));
  EXPECT_THAT(rows("", 3), ElementsAre());
  EXPECT_THAT(rows("\xEF\xBB\xBF"
                   "a\tb",
                   any_number),
              ElementsAre("a|b"));
}

TEST_F(TableRowsTest, QuotesAreTakenAwayWhereTheyAreWellFormed) {
  EXPECT_THAT(rows("\"a\"\t\"b\"\"c\"\n\"\"\t\"x\ty\"\r\n", 2), ElementsAre("a|b\"c", "|x\ty"));
  EXPECT_THAT(rows("a\t\"b\"c\nd\t\"e\n", 2), ElementsAre("a|\"b\"c", "d|\"e"));
  EXPECT_THAT(rows("a\t\"b\nc\"\nd\te\n", 2), ElementsAre("a|b\nc", "d|e"));
  EXPECT_THAT(rows("\"a", 2), ElementsAre("\"a"));
  EXPECT_THAT(rows("\"", 2), ElementsAre("\""));
}

// A lone quote, and one at the end of a row further down: what lies between is no text.
TEST_F(TableRowsTest, AQuoteSwallowsNoRows) {
  EXPECT_THAT(rows("1\tx\t\"open\n2\ty\tmiddle\n3\tz\tan inch\"\n", 3),
              ElementsAre("1|x|\"open", "2|y|middle", "3|z|an inch\""));
}

TEST_F(TableRowsTest, RowsMayBeLongerThanWhatIsReadAtOnce) {
  std::string const large(3 << 20, 'x');
  EXPECT_THAT(rows("a\t" + large + "\nb\t\"" + large + "\n\"\nc\td", 2),
              ElementsAre("a|" + large, "b|" + large + "\n", "c|d"));
}

TEST_F(TableRowsTest, TheIndexKnowsRunsOfOneId) {
  File const open = file("k\tv\na\t1\na\t2\nb\t3\n\na\t4\n\t5\n\t6\nb\t7\na\t8");
  TableIndex const index = index_table(open, 4, 2, 0);
  EXPECT_EQ(index.others, (std::unordered_map<std::uint64_t, std::vector<std::uint64_t>>{
                              {4, {17, 31}}, {12, {27}}}));
  EXPECT_EQ(index.later, (std::unordered_set<std::uint64_t>{17, 27, 31}));
  EXPECT_EQ(index.start_before(4), 4u);
  EXPECT_EQ(index.start_before(30), 4u);
}

}  // namespace
}  // namespace accord::io
