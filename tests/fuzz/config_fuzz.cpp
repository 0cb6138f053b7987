#include "app/config/config.hpp"
#include "io/file/file.hpp"
#include "tests/fuzz/format.hpp"

namespace accord::fuzz {

std::vector<std::string> seeds() {
  std::vector<std::string> texts;
  for (auto const& entry : std::filesystem::directory_iterator(ACCORD_CONFIGS))
    if (entry.path().extension() == ".toml") texts.push_back(io::read_file(entry.path()));
  return texts;
}

void read(std::string const& input) {
  std::string const resolved = app::to_toml(app::parse_config(input, "input"));
  if (app::to_toml(app::parse_config(resolved, "resolved")) != resolved)
    throw Error("the resolved configuration reads back as another one");
}

}  // namespace accord::fuzz
