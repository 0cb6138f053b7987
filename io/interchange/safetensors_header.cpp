#include "io/interchange/safetensors_header.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>
#include <utility>

#include "core/base/error.hpp"

namespace accord::io {
namespace {

using Json = nlohmann::json;

/// What the parser calls, value by value. An entry lies at depth 2: {name: {field: value}}.
class HeaderSax final : public nlohmann::json_sax<Json> {
 public:
  std::vector<HeaderEntry> take() {
    std::vector<std::string_view> names;
    for (HeaderEntry const& entry : entries_) names.push_back(entry.name);
    std::ranges::sort(names);
    if (auto const twice = std::ranges::adjacent_find(names); twice != names.end())
      throw DataError(fmt::format("{} is there twice", *twice));
    return std::move(entries_);
  }

  bool null() override { return other(); }
  bool boolean(bool) override { return other(); }
  bool number_integer(number_integer_t value) override { return number(value); }
  bool number_unsigned(number_unsigned_t value) override {
    constexpr auto most = static_cast<number_unsigned_t>(std::numeric_limits<std::int64_t>::max());
    if (value > most && field_ != Field::none) throw refused(fmt::format("a number of {}", value));
    return number(static_cast<std::int64_t>(value));
  }
  bool number_float(number_float_t, std::string const& text) override {
    if (field_ != Field::none) throw refused(fmt::format("a number of {}", text));
    return other();
  }
  bool string(std::string& value) override {
    if (depth_ != 2 || field_ != Field::dtype) return other();
    entries_.back().dtype = std::move(value);
    seen(Field::dtype);
    return true;
  }
  bool binary(binary_t&) override { return other(); }

  bool start_object(std::size_t) override {
    if (depth_ == 2) other();
    return deeper();
  }
  bool end_object() override {
    if (--depth_ == 1 && !metadata_ && seen_ != all_fields)
      throw refused("dtype, shape and data_offsets are expected");
    return true;
  }
  bool start_array(std::size_t) override {
    if (depth_ == 0) throw DataError("its header is not an object");
    if (depth_ == 1) other();
    if (depth_ == 2 && (field_ == Field::shape || field_ == Field::offsets)) seen(field_);
    return deeper();
  }
  bool end_array() override {
    --depth_;
    if (depth_ == 2 && field_ == Field::offsets) {
      if (offsets_.size() != 2 || offsets_[0] < 0 || offsets_[1] < offsets_[0])
        throw refused("data_offsets are no range");
      entries_.back().begin = static_cast<std::uint64_t>(offsets_[0]);
      entries_.back().end = static_cast<std::uint64_t>(offsets_[1]);
    }
    return true;
  }
  bool key(std::string& name) override {
    if (depth_ == 1) {
      metadata_ = name == "__metadata__";
      seen_ = 0;
      if (!metadata_) entries_.emplace_back().name = std::move(name);
      field_ = Field::none;
    } else if (depth_ == 2 && !metadata_) {
      field_ = name == "dtype"          ? Field::dtype
               : name == "shape"        ? Field::shape
               : name == "data_offsets" ? Field::offsets
                                        : Field::none;
      if (field_ == Field::shape) entries_.back().shape.clear();
      if (field_ == Field::offsets) offsets_.clear();
    }
    return true;
  }
  bool parse_error(std::size_t, std::string const&, Json::exception const& error) override {
    throw DataError(fmt::format("its header is not JSON: {}", error.what()));
  }

 private:
  enum class Field : std::uint8_t { none, dtype, shape, offsets };
  static constexpr unsigned all_fields = 7;

  DataError refused(std::string const& what) const {
    return DataError(fmt::format("{}: {}", entries_.empty() ? "" : entries_.back().name, what));
  }
  void seen(Field field) { seen_ |= 1u << (static_cast<unsigned>(field) - 1); }
  bool deeper() {
    if (++depth_ > 3) throw DataError("its header is nested more deeply than any");
    return true;
  }
  /// A value that belongs to no field: where one is expected, an error.
  bool other() const {
    if (depth_ == 0) throw DataError("its header is not an object");
    if (depth_ == 1 && !metadata_) throw refused("is no object");
    if (!metadata_ && field_ != Field::none) throw refused("a field of another kind than expected");
    return true;
  }
  bool number(std::int64_t value) {
    bool const in_list = depth_ == 3 && !metadata_;
    if (in_list && field_ == Field::shape)
      entries_.back().shape.push_back(value);
    else if (in_list && field_ == Field::offsets)
      offsets_.push_back(value);
    else
      return other();
    return true;
  }

  std::vector<HeaderEntry> entries_;
  std::vector<std::int64_t> offsets_;
  int depth_ = 0;
  bool metadata_ = false;
  Field field_ = Field::none;
  unsigned seen_ = 0;
};

}  // namespace

std::vector<HeaderEntry> parse_safetensors_header(std::string const& text) {
  HeaderSax sax;
  Json::sax_parse(text, &sax);
  return sax.take();
}

}  // namespace accord::io
