#include "io/interchange/pickle.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <unordered_map>
#include <utility>

#include "io/interchange/bytes.hpp"

namespace accord::io {
namespace {

using Kind = PickleNode::Kind;

constexpr std::size_t max_nodes = 4 << 20;
constexpr std::size_t max_global_bytes = 512;

/// The stack machine that the opcodes are for.
class Machine {
 public:
  Machine(std::vector<std::byte> bytes, std::string const& origin,
          bool (*harmless)(std::string_view))
      : pickle_(std::move(bytes)),
        reader_(pickle_.bytes(), origin),
        origin_(origin),
        harmless_(harmless) {}

  Pickle run() {
    if (auto const first = reader_.number<std::uint8_t>(); first != 0x80)
      throw damaged("it does not begin as a pickle of protocol 2 to 5");
    auto const protocol = reader_.number<std::uint8_t>();
    if (protocol < 2 || protocol > 5)
      throw damaged(fmt::format("pickle protocol {}; 2 to 5 are read", protocol));
    for (;;) {
      opcode_at_ = reader_.position();
      auto const opcode = static_cast<char>(reader_.number<std::uint8_t>());
      if (opcode == '.') break;
      step(opcode);
    }
    pickle_.root = pop();
    if (!stack_.empty() || !marks_.empty() || reader_.left() > 0)
      throw damaged("something is left over at its end");
    return std::move(pickle_);
  }

 private:
  DataError damaged(std::string const& what) const {
    return DataError(fmt::format("{}: {} (byte {} of the pickle)", origin_, what, opcode_at_));
  }

  // --- nodes and stack

  void push(PickleRef ref) {
    if (pickle_.size() > max_nodes) throw damaged(fmt::format("more than {} values", max_nodes));
    stack_.push_back(ref);
  }
  void add(Kind kind) { push(pickle_.add(kind)); }
  void add_integer(std::int64_t value, Kind kind = Kind::integer) {
    push(pickle_.add_integer(kind, value));
  }
  void add_text(std::uint64_t bytes) { push(pickle_.add_text(reader_.text(bytes))); }
  void add_opaque(std::uint64_t bytes) {
    reader_.skip(bytes);
    add(Kind::opaque);
  }
  void add_with(Kind kind, std::vector<PickleRef> const& items) { push(pickle_.add(kind, items)); }

  /// What a mark fences off cannot be taken from above it.
  std::size_t fence() const { return marks_.empty() ? 0 : marks_.back(); }
  PickleRef pop() {
    PickleRef const value = top();
    stack_.pop_back();
    return value;
  }
  std::vector<PickleRef> pop_last(std::size_t count) {
    if (stack_.size() - fence() < count) throw damaged("a value is taken that is not there");
    std::vector<PickleRef> items(stack_.end() - static_cast<std::ptrdiff_t>(count), stack_.end());
    stack_.resize(stack_.size() - count);
    return items;
  }
  std::vector<PickleRef> pop_to_mark() {
    if (marks_.empty()) throw damaged("a mark is taken that is not there");
    std::vector<PickleRef> items = pop_last(stack_.size() - marks_.back());
    marks_.pop_back();
    return items;
  }
  PickleRef top() const {
    if (stack_.size() <= fence()) throw damaged("a value is taken that is not there");
    return stack_.back();
  }

  // --- what opcodes do

  std::vector<PickleRef> pairs(std::vector<PickleRef> items) const {
    if (items.size() % 2 != 0) throw damaged("a key without a value");
    return items;
  }
  void append(std::vector<PickleRef> const& items, Kind container) {
    PickleRef const target = top();
    if (pickle_.kind(target) != container && pickle_.kind(target) != Kind::call)
      throw damaged("values are put into what is no container of that kind");
    pickle_.append(target, items);
  }

  void global(std::string_view module, std::string_view name) {
    if (module.size() + name.size() > max_global_bytes) throw damaged("a name without end");
    std::string full = fmt::format("{} {}", module, name);
    if (auto const known = globals_.find(full); known != globals_.end()) return push(known->second);
    if (!harmless_(full))
      throw DataError(fmt::format(
          "{}: it names {}.{}, which has no place in a checkpoint of tensors; the file is refused, "
          "nothing of it was run",
          origin_, module, name));
    PickleRef const added = pickle_.add_global(full);
    globals_.emplace(std::move(full), added);
    push(added);
  }
  std::string_view line() {
    std::size_t length = 0;
    ByteReader ahead = reader_;
    while (ahead.number<char>() != '\n')
      if (++length > max_global_bytes) throw damaged("a name without end");
    std::string_view const text = reader_.text(length);
    reader_.skip(1);
    return text;
  }
  void call(PickleRef callee, PickleRef arguments) {
    if (pickle_.kind(callee) != Kind::global) throw damaged("a call of what is no global");
    if (pickle_.kind(arguments) != Kind::tuple)
      throw damaged("a call without a tuple of arguments");
    add_with(Kind::call, {callee, arguments});
  }

  /// Little-endian two's complement of any length.
  void long_integer(std::uint64_t bytes) {
    if (bytes > sizeof(std::int64_t)) return add_opaque(bytes);
    std::uint64_t value = 0;
    std::span<std::byte const> const digits = reader_.take(bytes);
    for (std::size_t i = 0; i < digits.size(); ++i)
      value |= static_cast<std::uint64_t>(digits[i]) << (8 * i);
    if (bytes > 0 && bytes < 8 && (digits.back() & std::byte{0x80}) != std::byte{0})
      value |= ~std::uint64_t{0} << (8 * bytes);
    add_integer(static_cast<std::int64_t>(value));
  }

  /// Slots are filled in their order, but by who tries something.
  void put(std::size_t slot) {
    PickleRef const value = top();
    if (slot == memo_.size())
      memo_.push_back(value);
    else if (slot < memo_.size())
      memo_[slot] = value;
    else
      scattered_memo_[slot] = value;
  }
  void get(std::size_t slot) {
    if (slot < memo_.size()) return push(memo_[slot]);
    auto const found = scattered_memo_.find(slot);
    if (found == scattered_memo_.end()) throw damaged(fmt::format("memo {} is empty", slot));
    push(found->second);
  }

  std::string_view text_at(PickleRef ref) const {
    if (pickle_.kind(ref) != Kind::text) throw damaged("a global whose name is no text");
    return pickle_[ref].text;
  }

  void step(char opcode) {
    switch (opcode) {
      case '(':  // MARK
        return marks_.push_back(static_cast<std::uint32_t>(stack_.size()));
      case '0':  // POP
        pop();
        return;
      case '1':  // POP_MARK
        pop_to_mark();
        return;
      case '2':  // DUP
        return push(top());
      case 'N':  // NONE
        add(Kind::none);
        return;
      case '\x88':  // NEWTRUE
        return add_integer(1, Kind::boolean);
      case '\x89':  // NEWFALSE
        return add_integer(0, Kind::boolean);
      case 'J':  // BININT
        return add_integer(reader_.number<std::int32_t>());
      case 'K':  // BININT1
        return add_integer(reader_.number<std::uint8_t>());
      case 'M':  // BININT2
        return add_integer(reader_.number<std::uint16_t>());
      case '\x8a':  // LONG1
        return long_integer(reader_.number<std::uint8_t>());
      case '\x8b':  // LONG4
        return long_integer(reader_.number<std::uint32_t>());
      case 'G': {  // BINFLOAT, big-endian
        std::uint64_t bits = 0;
        for (std::byte const byte : reader_.take(8))
          bits = bits << 8 | static_cast<std::uint64_t>(byte);
        return push(pickle_.add_real(std::bit_cast<double>(bits)));
      }
      case 'X':  // BINUNICODE
      case 'T':  // BINSTRING
        return add_text(reader_.number<std::uint32_t>());
      case '\x8c':  // SHORT_BINUNICODE
      case 'U':     // SHORT_BINSTRING
        return add_text(reader_.number<std::uint8_t>());
      case '\x8d':  // BINUNICODE8
        return add_text(reader_.number<std::uint64_t>());
      case 'B':  // BINBYTES
        return add_opaque(reader_.number<std::uint32_t>());
      case 'C':  // SHORT_BINBYTES
        return add_opaque(reader_.number<std::uint8_t>());
      case '\x8e':  // BINBYTES8
      case '\x96':  // BYTEARRAY8
        return add_opaque(reader_.number<std::uint64_t>());
      case ']':     // EMPTY_LIST
      case '\x8f':  // EMPTY_SET
        add(Kind::list);
        return;
      case ')':  // EMPTY_TUPLE
        add(Kind::tuple);
        return;
      case '}':  // EMPTY_DICT
        add(Kind::dict);
        return;
      case 'l':  // LIST
        return add_with(Kind::list, pop_to_mark());
      case 't':     // TUPLE
      case '\x91':  // FROZENSET
        return add_with(Kind::tuple, pop_to_mark());
      case '\x85':  // TUPLE1 .. TUPLE3
      case '\x86':
      case '\x87':
        return add_with(Kind::tuple, pop_last(static_cast<unsigned char>(opcode) - 0x84u));
      case 'd':  // DICT
        return add_with(Kind::dict, pairs(pop_to_mark()));
      case 'a':  // APPEND
        return append(pop_last(1), Kind::list);
      case 's':  // SETITEM
        return append(pop_last(2), Kind::dict);
      case 'e':     // APPENDS
      case '\x90':  // ADDITEMS
        return append(pop_to_mark(), Kind::list);
      case 'u':  // SETITEMS
        return append(pairs(pop_to_mark()), Kind::dict);
      case 'c': {  // GLOBAL
        std::string_view const module = line();
        return global(module, line());
      }
      case '\x93': {  // STACK_GLOBAL
        PickleRef const name = pop(), module = pop();
        return global(text_at(module), text_at(name));
      }
      case 'R':       // REDUCE
      case '\x81': {  // NEWOBJ
        PickleRef const arguments = pop();
        return call(pop(), arguments);
      }
      case '\x92': {  // NEWOBJ_EX: the keywords only matter to who makes the call
        pop();
        PickleRef const arguments = pop();
        return call(pop(), arguments);
      }
      case 'b':  // BUILD: a state, which only matters to an object that somebody made
        pop();
        if (pickle_.kind(top()) != Kind::call) throw damaged("a state for what is no object");
        return;
      case 'Q':  // BINPERSID
        return add_with(Kind::persistent, pop_last(1));
      case 'q':  // BINPUT
        return put(reader_.number<std::uint8_t>());
      case 'r':  // LONG_BINPUT
        return put(reader_.number<std::uint32_t>());
      case '\x94':  // MEMOIZE
        return put(memo_.size() + scattered_memo_.size());
      case 'h':  // BINGET
        return get(reader_.number<std::uint8_t>());
      case 'j':  // LONG_BINGET
        return get(reader_.number<std::uint32_t>());
      case '\x95':  // FRAME: how the bytes were buffered
        if (reader_.number<std::uint64_t>() > reader_.left()) throw damaged("a frame without end");
        return;
      default:
        throw damaged(fmt::format("opcode {:#04x} has no place in a checkpoint",
                                  static_cast<unsigned char>(opcode)));
    }
  }

  Pickle pickle_;
  ByteReader reader_;
  std::string const& origin_;
  bool (*harmless_)(std::string_view);
  std::size_t opcode_at_ = 0;
  std::vector<PickleRef> stack_;
  std::vector<std::uint32_t> marks_;
  std::vector<PickleRef> memo_;
  std::unordered_map<std::size_t, PickleRef> scattered_memo_;
  std::map<std::string, PickleRef> globals_;
};

}  // namespace

Pickle read_pickle(std::vector<std::byte> bytes, std::string const& origin,
                   bool (*harmless)(std::string_view global)) {
  return Machine(std::move(bytes), origin, harmless).run();
}

}  // namespace accord::io
