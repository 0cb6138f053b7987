#include "io/dataset/tar.hpp"

#include "io/file/file.hpp"
#include "tests/fuzz/checking_sink.hpp"
#include "tests/fuzz/format.hpp"
#include "tests/fuzz/memory_file.hpp"
#include "tests/io/dataset/tar_fixture.hpp"
#include "tests/io/media/arrays.hpp"

namespace accord::fuzz {

std::vector<std::string> seeds() {
  std::string const picture = io::read_file(ACCORD_TEST_IMAGES "/two_levels.png");
  return {io::TarFixture()
              .add("a.png", picture)
              .add("a.txt", "a caption")
              .add("b.png", picture)
              .add("b.json", R"({"caption": "another", "label": 3, "list": [1, [2, {}]]})")
              .end(),
          io::TarFixture()
              .add("folder/", "", '5')
              .add_pax("folder/" + std::string(150, 'p') + ".png", picture)
              .add_gnu("folder/" + std::string(150, 'p') + ".txt", "a caption")
              .add("link.png", "", '2')
              .add("c.cls", "7")
              .end(),
          io::TarFixture()
              .add("d.motion.npy", testing::npy("2, 3", std::vector<float>(6, 1.5F)))
              .add("d.npy", testing::npy("1,", {1}))
              .add("d.txt", "a walk")
              .add("e.other.npy", "")
              .end()};
}

void read(std::string const& input) {
  MemoryFile const file(input);
  read_all(*io::open_tars({file.path()},
                          {.modalities = {"image", "text", "audio", "motion"}, .label = "label"}));
}

}  // namespace accord::fuzz
