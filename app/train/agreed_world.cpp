#include "app/train/agreed_world.hpp"

#include <fmt/format.h>

#include <sstream>
#include <vector>

#include "app/cli/build_info.hpp"
#include "parallel/comm/agreement.hpp"
#include "parallel/comm/checked_communicator.hpp"
#include "parallel/comm/mpi_communicator.hpp"

namespace accord::app {

std::unique_ptr<parallel::GroupCommunicator> agreed_world(Queue& queue, Config const& config,
                                                          io::Tokenizer const& tokenizer) {
  std::unique_ptr<parallel::GroupCommunicator> world = parallel::MpiCommunicator::world();
  std::vector<parallel::AgreementItem> items{{"the program", build_description()},
                                             {"the program's file", binary_hash()}};
  std::istringstream text(to_toml(config));
  std::string section;
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with('[')) section = line;
    items.push_back({"the configuration", fmt::format("{} {}", section, line)});
  }
  items.push_back({"the tokenizer", tokenizer.hash()});
  parallel::require_agreement(queue, *world, items);
  if (config.parallel.check_collectives)
    world = std::make_unique<parallel::CheckedCommunicator>(std::move(world), "world");
  return world;
}

}  // namespace accord::app
