#pragma once
// What a Python pickle describes, as inert data. A pickle is a program; here it is read as a
// description of calls that somebody could make, and nobody makes them: no name is looked up,
// nothing is imported, nothing is run. (Python's pickletools, protocols 2 to 5.)

#include <cstdint>
#include <deque>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace accord::io {

/// Number of a node of a Pickle. Nodes refer to each other by number, so what is shared is held
/// once, and a cycle or a chain of a million lists is no trouble to walk away from.
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
  std::string_view text;  ///< lives as long as the Pickle
  std::vector<PickleRef> items;
};

/// Holds at most some 32 times as many bytes as the pickle has, whatever is in it: a node takes 16,
/// a reference 4, and texts are those of the pickle.
class Pickle {
 public:
  using Kind = PickleNode::Kind;

  /// \param bytes where texts are
  explicit Pickle(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}

  std::span<std::byte const> bytes() const { return bytes_; }
  PickleRef root = 0;

  std::size_t size() const { return nodes_.size(); }
  Kind kind(PickleRef ref) const { return nodes_[ref].kind; }
  PickleNode operator[](PickleRef ref) const;

  /// Each adds a node and returns its number.
  PickleRef add(Kind kind, std::span<PickleRef const> items = {});
  PickleRef add_integer(Kind kind, std::int64_t value);
  PickleRef add_real(double value);
  PickleRef add_text(std::string_view of_bytes);
  PickleRef add_global(std::string name);
  /// Puts items behind those that a node has.
  void append(PickleRef ref, std::span<PickleRef const> items);

 private:
  struct Node {
    Kind kind = Kind::none;
    std::uint32_t size = 0;   ///< of a text; of what has items: its last further run, from 1
    std::uint64_t value = 0;  ///< bits of a number, place of a text or global; of what has items:
                              ///< begin and count of its first run
  };
  struct Items {
    std::uint32_t begin = 0, count = 0, before = 0;  ///< a run of refs_; the one before it, from 1
  };
  static Items first_run(Node const& node);
  PickleRef add_node(Node const& node);

  std::vector<std::byte> bytes_;
  // In pieces: what grows by being copied holds three times as much for a moment.
  std::deque<Node> nodes_;
  std::deque<Items> runs_;
  std::deque<PickleRef> refs_;
  std::vector<std::string> globals_;
};

/// \param origin names the bytes in messages
/// \param harmless says whether a global "module name" may be mentioned
/// \throws DataError naming the global that may not, or the byte where the pickle is damaged, too
/// large, or of another protocol
Pickle read_pickle(std::vector<std::byte> bytes, std::string const& origin,
                   bool (*harmless)(std::string_view global));

}  // namespace accord::io
