#include "io/interchange/torch_file.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <set>

#include "io/interchange/bytes.hpp"
#include "io/interchange/pickle.hpp"
#include "io/interchange/unfinished_file.hpp"

namespace accord::io {
namespace {

using Kind = PickleNode::Kind;

constexpr std::uint64_t max_pickle_bytes = 64 << 20;
constexpr std::string_view ordered_dict = "collections OrderedDict",
                           rebuild_tensor = "torch._utils _rebuild_tensor_v2",
                           rebuild_parameter = "torch._utils _rebuild_parameter",
                           rebuild_other = "torch._utils _rebuild_tensor_v3";

/// What stands beside the tensors of a checkpoint that fairseq saved: configurations and numbers.
/// Nobody looks at them, so that they may be mentioned.
constexpr std::string_view passed_over[] = {
    "argparse Namespace",
    "collections Counter",
    "collections defaultdict",
    "collections deque",
    "datetime datetime",
    "datetime timedelta",
    "pathlib Path",
    "pathlib PosixPath",
    "pathlib PurePosixPath",
    "types SimpleNamespace",
    "typing Any",
    "builtins dict",
    "builtins list",
    "builtins set",
    "builtins int",
    "builtins float",
    "builtins str",
    "builtins bool",
    "builtins tuple",
    "__builtin__ dict",
    "__builtin__ list",
    "__builtin__ set",
    "__builtin__ int",
    "__builtin__ float",
    "__builtin__ str",
    "__builtin__ bool",
    "__builtin__ tuple",
    "_codecs encode",
    "numpy dtype",
    "numpy ndarray",
    "numpy.core.multiarray scalar",
    "numpy.core.multiarray _reconstruct",
    "numpy._core.multiarray scalar",
    "numpy._core.multiarray _reconstruct",
    "omegaconf.dictconfig DictConfig",
    "omegaconf.listconfig ListConfig",
    "omegaconf.base ContainerMetadata",
    "omegaconf.base Metadata",
    "omegaconf.nodes AnyNode",
    "omegaconf.nodes BooleanNode",
    "omegaconf.nodes EnumNode",
    "omegaconf.nodes FloatNode",
    "omegaconf.nodes IntegerNode",
    "omegaconf.nodes StringNode",
    "torch ComplexDoubleStorage",
    "torch ComplexFloatStorage",
    "torch Size",
    "torch device",
    "torch.torch_version TorchVersion",
    "torch float8_e4m3fn",
    "torch float8_e5m2",
    "torch uint16",
    "torch uint32",
    "torch uint64",
    "torch.storage UntypedStorage",
    "torch._utils _rebuild_tensor_v3",
};

/// Names are joined from keys: what of a small file would become long is refused.
constexpr std::size_t max_name_bytes = 1024;

/// A tensor that is there and cannot be read, for a reason that is no damage.
struct Unreadable {
  std::string why;
};

bool harmless(std::string_view global) {
  if (global == ordered_dict || global == rebuild_tensor || global == rebuild_parameter)
    return true;
  for (EncodingNames const& names : known_encodings())
    if (global.starts_with("torch ") &&
        (global.substr(6) == names.torch || global.substr(6) == names.name))
      return true;
  return std::find(std::begin(passed_over), std::end(passed_over), global) != std::end(passed_over);
}

class Reader {
 public:
  explicit Reader(File const& file) : file_(file) {
    for (ZipMember& member : read_zip_directory(file)) {
      std::string name = member.name;
      members_.emplace(std::move(name), std::move(member));
    }
    find_prefix();
    check_byte_order();
    read_pickle_member();
  }

  TorchIndex index() {
    struct Dictionary {
      PickleRef ref;
      std::string name;
    };
    std::vector<bool> seen(pickle_.size());
    std::vector<Dictionary> left = {{pickle_.root, ""}};
    seen[pickle_.root] = true;
    std::uint64_t name_bytes = 0;
    while (!left.empty()) {
      Dictionary const dictionary = std::move(left.back());
      left.pop_back();
      std::vector<Dictionary> below;
      std::size_t const before = index_.tensors.size();
      for (auto const& [key, value] : entries(dictionary)) {
        bool const tensor = is_tensor(value);
        if (!tensor && seen[value]) continue;
        std::string name =
            fmt::format("{}{}{}", dictionary.name, dictionary.name.empty() ? "" : ".", key);
        name_bytes += name.size();
        if (name.size() > max_name_bytes || name_bytes > 8 * pickle_.bytes().size())
          throw refused(fmt::format("its keys make names without end (\"{}...\", {} bytes)",
                                    name.substr(0, 60), name.size()));
        if (tensor) {
          add_tensor(std::move(name), value);
        } else {
          seen[value] = true;
          below.push_back({value, std::move(name)});
        }
      }
      if (index_.tensors.size() > before) note_dictionary(dictionary.name);
      left.insert(left.end(), below.rbegin(), below.rend());
    }
    if (index_.tensors.empty())
      throw refused(
          fmt::format("expected \"model\", \"state_dict\" or another dictionary of tensors, or "
                      "nothing but tensors; the file holds: {}",
                      keys_));
    index_.dictionaries.assign(dictionaries_.begin(), dictionaries_.end());
    for (std::string const& name : used_) index_.storages.push_back(members_.at(name));
    std::sort(index_.storages.begin(), index_.storages.end(),
              [](ZipMember const& a, ZipMember const& b) { return a.data.offset < b.data.offset; });
    return std::move(index_);
  }

 private:
  DataError refused(std::string const& what) const {
    return DataError(fmt::format("{}: {}", file_.path().string(), what));
  }

  /// All members lie below one folder, which has the name the file was saved under.
  void find_prefix() {
    constexpr std::string_view pickle_name = "/data.pkl";
    for (auto const& [name, member] : members_)
      if (name.ends_with(pickle_name) && name.find('/') == name.size() - pickle_name.size())
        prefix_ = name.substr(0, name.size() - pickle_name.size() + 1);
    if (prefix_.empty())
      throw refused("a ZIP archive without data.pkl; expected a file that torch.save wrote");
  }

  ZipMember const& member(std::string const& name) const {
    auto const found = members_.find(prefix_ + name);
    if (found == members_.end()) throw DataError(fmt::format("the archive has no {}", name));
    return found->second;
  }
  std::vector<std::byte> content(ZipMember const& member) const {
    check_crc(file_, member);
    std::vector<std::byte> bytes(member.data.bytes);
    file_.read_at(member.data.offset, bytes);
    return bytes;
  }

  void check_byte_order() const {
    if (!members_.contains(prefix_ + "byteorder")) return;  // older files; all are little-endian
    ZipMember const& order = member("byteorder");
    constexpr std::string_view little = "little";
    if (order.data.bytes != little.size() ||
        ByteReader(content(order), "").text(little.size()) != little)
      throw refused("its values are not little-endian; save it on such a machine");
  }

  void read_pickle_member() {
    ZipMember const& data = member("data.pkl");
    if (data.data.bytes > max_pickle_bytes)
      throw refused(
          fmt::format("a pickle of {} bytes; at most {} are read: the values of tensors "
                      "belong outside of it",
                      data.data.bytes, max_pickle_bytes));
    pickle_ = read_pickle(content(data), file_.path().string(), harmless);
  }

  // --- what the pickle describes

  bool calls(PickleNode const& node, std::string_view callee) const {
    return node.kind == Kind::call && pickle_[node.items[0]].text == callee;
  }
  bool is_dict(PickleRef ref) const {
    if (pickle_.kind(ref) != Kind::call) return pickle_.kind(ref) == Kind::dict;
    return calls(pickle_[ref], ordered_dict);
  }
  bool is_tensor(PickleRef ref) const {
    if (pickle_.kind(ref) != Kind::call) return false;
    PickleNode const node = pickle_[ref];
    return calls(node, rebuild_tensor) || calls(node, rebuild_parameter) ||
           calls(node, rebuild_other);
  }

  /// What is a tensor or a dictionary. Keys are texts; whole numbers are spelled, others can only
  /// stand before dictionaries.
  template <class Dictionary>
  std::vector<std::pair<std::string, PickleRef>> entries(Dictionary const& dictionary) {
    std::string const what =
        dictionary.name.empty() ? "what the file holds" : "\"" + dictionary.name + "\"";
    if (!is_dict(dictionary.ref)) throw refused(fmt::format("{} is no dictionary", what));
    PickleNode const node = pickle_[dictionary.ref];
    std::size_t const first = node.kind == Kind::call ? 2 : 0;
    if (first == 2 && (!pickle_[node.items[1]].items.empty() || node.items.size() % 2 != 0))
      throw refused(fmt::format("{} is an OrderedDict that is filled in an unknown way", what));
    std::vector<std::pair<std::string, PickleRef>> result;
    std::vector<std::string_view> tensors;
    for (std::size_t i = first; i < node.items.size(); i += 2) {
      PickleNode const key = pickle_[node.items[i]];
      PickleRef const value = node.items[i + 1];
      bool const tensor = is_tensor(value);
      if (dictionary.ref == pickle_.root && keys_.size() < 200)
        keys_ += fmt::format("{}{}", keys_.empty() ? "" : ", ", key.text.substr(0, 60));
      if (!tensor && !is_dict(value)) continue;
      if (key.kind == Kind::text || key.kind == Kind::integer)
        result.emplace_back(
            key.kind == Kind::text ? std::string(key.text) : std::to_string(key.integer), value);
      else if (tensor)
        throw refused(fmt::format("{} has a key that is no text", what));
      if (tensor && key.kind == Kind::text) tensors.push_back(key.text);
    }
    std::ranges::sort(tensors);
    if (auto const twice = std::ranges::adjacent_find(tensors); twice != tensors.end())
      throw refused(fmt::format("{} is there twice", *twice));
    return result;
  }

  /// A dictionary with tensors, and all that it lies in.
  void note_dictionary(std::string name) {
    while (!name.empty() && dictionaries_.insert(name).second) {
      // Its key may have dots of its own: then some names stand for no dictionary, and none is
      // lost.
      std::size_t const dot = name.rfind('.');
      name.resize(dot == name.npos ? 0 : dot);
    }
  }

  PickleNode argument(PickleNode const& call, std::size_t number, Kind kind) const {
    PickleNode const arguments = pickle_[call.items[1]];
    if (number >= arguments.items.size() || pickle_.kind(arguments.items[number]) != kind)
      throw Unreadable{"a tensor that is described in an unknown way"};
    return pickle_[arguments.items[number]];
  }
  std::vector<std::int64_t> integers(PickleNode const& tuple) const {
    std::vector<std::int64_t> values;
    for (PickleRef const ref : tuple.items) {
      if (pickle_.kind(ref) != Kind::integer)
        throw Unreadable{"a shape or stride that is no number"};
      values.push_back(pickle_[ref].integer);
    }
    return values;
  }

  /// The member that holds a storage, and the encoding of its elements.
  std::pair<ZipMember const*, Encoding> storage(PickleNode const& persistent) {
    PickleNode const id = pickle_[persistent.items[0]];
    std::array<Kind, 5> const kinds = {Kind::text, Kind::global, Kind::text, Kind::text,
                                       Kind::integer};
    bool known = id.kind == Kind::tuple && id.items.size() == kinds.size();
    for (std::size_t i = 0; known && i < kinds.size(); ++i)
      known = pickle_.kind(id.items[i]) == kinds[i];
    if (!known || pickle_[id.items[0]].text != "storage")
      throw Unreadable{"a storage that is described in an unknown way"};
    std::string const type(pickle_[id.items[1]].text);
    for (EncodingNames const& names : known_encodings()) {
      if (type != fmt::format("torch {}", names.torch)) continue;
      ZipMember const& data = member(fmt::format("data/{}", pickle_[id.items[2]].text));
      std::int64_t const elements = pickle_[id.items[4]].integer;
      if (elements < 0 || static_cast<std::uint64_t>(elements) != data.data.bytes / names.bytes ||
          data.data.bytes % names.bytes != 0)
        throw DataError(fmt::format("a storage of {} elements of {} in {} bytes", elements,
                                    names.name, data.data.bytes));
      return {&data, names.encoding};
    }
    throw Unreadable{fmt::format("a storage of class \"{}\"", type)};
  }

  void add_tensor(std::string name, PickleRef ref) {
    FileTensor tensor;
    tensor.name = std::move(name);
    try {
      describe(tensor, ref);
    } catch (Unreadable const& reason) {
      tensor = {std::move(tensor.name), {}, {}, 0, reason.why};
    } catch (DataError const& error) {
      throw refused(fmt::format("{}: {}", tensor.name, error.what()));
    }
    index_.tensors.push_back(std::move(tensor));
  }

  void describe(FileTensor& tensor, PickleRef ref) {
    PickleNode node = pickle_[ref];
    if (calls(node, rebuild_parameter)) node = argument(node, 0, Kind::call);
    if (calls(node, rebuild_other)) throw Unreadable{"a tensor of a type that PyTorch 1 had not"};
    if (!calls(node, rebuild_tensor)) throw Unreadable{"a parameter that is no plain tensor"};
    auto const [member, encoding] = storage(argument(node, 0, Kind::persistent));
    std::int64_t const begin = argument(node, 1, Kind::integer).integer;
    std::vector<std::int64_t> const extents = integers(argument(node, 2, Kind::tuple));
    std::vector<std::int64_t> const strides = integers(argument(node, 3, Kind::tuple));
    if (extents.size() > Shape::max_rank) throw Unreadable{too_many_dimensions(extents.size())};

    tensor.encoding = encoding;
    tensor.shape = checked_shape(extents);
    std::int64_t stride = 1;
    for (std::size_t i = extents.size(); i-- > 0;) {
      if (extents.size() != strides.size() || (extents[i] > 1 && strides[i] != stride))
        throw Unreadable{"its values are not contiguous; save it with .contiguous()"};
      stride *= std::max<std::int64_t>(extents[i], 1);
    }
    auto const elements = static_cast<std::int64_t>(member->data.bytes / size_of(encoding));
    if (begin < 0 || begin > elements || tensor.shape.size() > elements - begin)
      throw DataError(fmt::format("elements [{}, {} + {}) of a storage of {}", begin, begin,
                                  tensor.shape.size(), elements));
    tensor.offset = member->data.offset + static_cast<std::uint64_t>(begin) * size_of(encoding);
    used_.insert(member->name);
  }

  File const& file_;
  std::map<std::string, ZipMember> members_;
  std::string prefix_;
  Pickle pickle_{{}};
  std::string keys_;  ///< some of the file's, for messages
  std::set<std::string> dictionaries_, used_;
  TorchIndex index_;
};

// Before 1.6 torch.save wrote a pickle of this number first.
constexpr std::array<unsigned char, 14> legacy_begin = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c,
                                                        0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19};

bool begins_with(File const& file, std::span<std::byte const> expected) {
  std::vector<std::byte> bytes(expected.size());
  if (file.size() < bytes.size()) return false;
  file.read_at(0, bytes);
  return std::equal(bytes.begin(), bytes.end(), expected.begin());
}
bool is_legacy(File const& file) {
  return begins_with(file, std::as_bytes(std::span(legacy_begin)));
}

/// The opcodes of protocol 2 that a dictionary of tensors takes.
class PickleWriter {
 public:
  PickleWriter() { bytes_.number(std::uint8_t{0x80}).number(std::uint8_t{2}); }

  PickleWriter& opcodes(std::string_view opcodes) {
    bytes_.text(opcodes);
    return *this;
  }
  PickleWriter& text(std::string_view text) {
    bytes_.text("X").number(static_cast<std::uint32_t>(text.size())).text(text);
    return *this;
  }
  PickleWriter& integer(std::int64_t value) {
    bytes_.number(std::uint8_t{0x8a}).number(std::uint8_t{8}).number(value);
    return *this;
  }
  PickleWriter& global(std::string_view module, std::string_view name) {
    bytes_.text("c").text(module).text("\n").text(name).text("\n");
    return *this;
  }
  std::span<std::byte const> bytes() const { return bytes_.bytes(); }

 private:
  ByteWriter bytes_;
};

void write_tensor(PickleWriter& pickle, FileTensor const& tensor, std::size_t number) {
  pickle.text(tensor.name).global("torch._utils", "_rebuild_tensor_v2");
  pickle.opcodes("((").text("storage").global("torch", names_of(tensor.encoding).torch);
  pickle.text(std::to_string(number)).text("cpu").integer(tensor.shape.size()).opcodes("tQ");
  pickle.integer(0).opcodes("(");
  for (int i = 0; i < tensor.shape.rank(); ++i) pickle.integer(tensor.shape[i]);
  pickle.opcodes("t(");
  Index stride = tensor.shape.size();
  for (int i = 0; i < tensor.shape.rank(); ++i) pickle.integer(stride /= tensor.shape[i]);
  pickle.opcodes("t\x89").global("collections", "OrderedDict").opcodes(")RtR");
}

}  // namespace

bool looks_like_torch(File const& file) {
  constexpr std::array<unsigned char, 4> zip = {'P', 'K', 3, 4};
  return begins_with(file, std::as_bytes(std::span(zip))) || is_legacy(file);
}

TorchIndex read_torch_index(File const& file) {
  if (is_legacy(file))
    throw DataError(fmt::format(
        "{}: written in the format of PyTorch before 1.6; load it and save it again with a newer "
        "one",
        file.path().string()));
  return Reader(file).index();
}

void write_torch(std::filesystem::path const& path, std::vector<FileTensor> const& tensors,
                 TensorValues const& values) {
  PickleWriter pickle;
  pickle.opcodes("}").text("model").opcodes("}(");
  for (std::size_t i = 0; i < tensors.size(); ++i) write_tensor(pickle, tensors[i], i);
  pickle.opcodes("us.");

  UnfinishedFile out(path);
  ZipWriter archive(out.file(), 64);
  auto const member = [&](std::string const& name, std::string_view text) {
    archive.begin("archive/" + name);
    archive.append(std::as_bytes(std::span(text)));
  };
  archive.begin("archive/data.pkl");
  archive.append(pickle.bytes());
  member("byteorder", "little");
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    archive.begin(fmt::format("archive/data/{}", i));
    stream_values(tensors[i], i, values,
                  [&](std::span<std::byte const> bytes) { archive.append(bytes); });
  }
  member("version", "3\n");
  archive.finish();
  out.publish();
}

}  // namespace accord::io
