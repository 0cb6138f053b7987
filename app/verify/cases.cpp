#include "app/verify/cases.hpp"

namespace accord::app {
namespace {

struct Entry {
  char const* prefix;  ///< of the case's name; the first that fits is taken
  Case run;
};

constexpr Entry entries[] = {
    {"model_vl", verify_model_vl},
};

}  // namespace

Case find_case(std::string const& name) {
  for (Entry const& entry : entries)
    if (name.starts_with(entry.prefix)) return entry.run;
  return nullptr;
}

}  // namespace accord::app
