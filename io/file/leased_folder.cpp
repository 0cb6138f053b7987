#include "io/file/leased_folder.hpp"

#include <fmt/format.h>

#include "io/file/output.hpp"

namespace accord::io {

LeasedFolder::Held::Held(std::filesystem::path where, std::string const& purpose)
    : folder(std::move(where)),
      made(std::filesystem::create_directories(folder)),
      lease(std::make_unique<Lease>(folder, purpose)) {}

LeasedFolder::Held::~Held() {
  inner.reset();
  lease.reset();
  std::error_code ignored;
  if (made) std::filesystem::remove(folder, ignored);  // refuses a folder that holds anything
}

LeasedFolder::LeasedFolder(std::filesystem::path const& folder,
                           std::vector<std::string> const& below, std::string const& option,
                           std::string const& purpose,
                           std::function<void(std::string const&)> const& announce) {
  require_writable_folder(folder, option);
  std::vector<std::filesystem::path> all{folder};
  for (std::string const& name : below) all.push_back(folder / name);
  std::unique_ptr<Held>* next = &outermost_;
  for (std::filesystem::path const& one : all) {
    *next = std::make_unique<Held>(one, purpose);
    if (auto const& dead = (*next)->lease->taken_from())
      announce(
          fmt::format("{}: taken over from {}, which runs no more", one.string(), to_text(*dead)));
    next = &(*next)->inner;
  }
}

}  // namespace accord::io
