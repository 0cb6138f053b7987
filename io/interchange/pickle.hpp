#pragma once
// What a Python pickle describes, as inert data. A pickle is a program; here it is read as a
// description of calls that somebody could make, and nobody makes them: no name is looked up,
// nothing is imported, nothing is run. (Python's pickletools, protocols 2 to 5.)

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace accord::io {

/// Number of a node in Pickle::nodes. Nodes refer to each other by number, so what is shared is
/// held once, and a cycle or a chain of a million lists is no trouble to walk away from.
using PickleRef = std::uint32_t;

struct PickleNode {
  enum class Kind : std::uint8_t {
    none,
    boolean,     ///< integer: 0 or 1
    integer,     ///< integer
    real,        ///< real
    text,        ///< text
    opaque,      ///< bytes, and integers of more than 64 bits: there, and not kept
    list,        ///< items; sets too
    tuple,       ///< items
    dict,        ///< items: key, value, key, value ...
    global,      ///< text: "module name", a class or function that is only named
    call,        ///< items: what would be called (a global), its arguments (a tuple), then what
                 ///< would be put in, as in a list or a dict
    persistent,  ///< items: one, the identification of something outside of the pickle
  } kind = Kind::none;
  std::int64_t integer = 0;
  double real = 0;
  std::string text;
  std::vector<PickleRef> items;
};

struct Pickle {
  std::vector<PickleNode> nodes;
  PickleRef root = 0;

  PickleNode const& operator[](PickleRef ref) const { return nodes[ref]; }
};

/// \param origin names the bytes in messages
/// \param harmless says whether a global "module name" may be mentioned
/// \throws DataError naming the global that may not, or the byte where the pickle is damaged, too
/// large, or of another protocol
Pickle read_pickle(std::span<std::byte const> bytes, std::string const& origin,
                   bool (*harmless)(std::string_view global));

}  // namespace accord::io
