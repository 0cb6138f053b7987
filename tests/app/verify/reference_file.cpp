#include "tests/app/verify/reference_file.hpp"

#include "core/base/rng.hpp"
#include "io/hdf5/hdf5_writer.hpp"

namespace accord::testing {

void ReferenceFile::write(std::filesystem::path const& path) const {
  io::Hdf5Writer file(path);
  for (auto const& [name, array] : numbers_) file.write<double>(name, array.values, array.shape);
  for (auto const& [name, array] : integers_)
    file.write<std::int64_t>(name, array.values, array.shape);
  for (auto const& [name, array] : bytes_)
    file.write<std::uint8_t>(
        name, std::vector<std::uint8_t>(array.values.begin(), array.values.end()), array.shape);
  for (auto const& [name, values] : texts_) file.write_text(name, values);
  for (auto const& [object, values] : attributes_) {
    bool const group = object != "/" && !numbers_.contains(object) && !integers_.contains(object) &&
                       !bytes_.contains(object);
    if (group) file.create_group(object);
    for (auto const& [name, value] : values)
      if (auto const* text = std::get_if<std::string>(&value))
        file.attribute_text(object, name, *text);
      else if (auto const* integer = std::get_if<std::int64_t>(&value))
        file.attribute<std::int64_t>(object, name, *integer);
      else
        file.attribute<double>(object, name, std::get<double>(value));
  }
  file.close();
}

std::vector<app::Compared> verified(std::filesystem::path const& path, DType dtype,
                                    std::string const& tokenizer) {
  Queue queue(Backend::cpu);
  app::Reference reference(path, dtype, tokenizer);
  app::Case const verify = app::find_case(reference);
  if (!verify) return {};
  verify(queue, reference);
  return reference.results();
}

bool passes(std::filesystem::path const& path, DType dtype, std::string const& tokenizer) {
  std::vector<app::Compared> results;
  try {
    results = verified(path, dtype, tokenizer);
  } catch (std::exception const&) {
    return false;
  }
  return !results.empty() &&
         std::all_of(results.begin(), results.end(), [](auto const& one) { return one.pass; });
}

void ReferenceFile::expect_checked(std::filesystem::path const& path,
                                   std::vector<std::string> const& unread,
                                   std::string const& tokenizer) {
  write(path);
  for (DType dtype : {DType::float64, DType::float32}) {
    std::vector<app::Compared> const results = verified(path, dtype, tokenizer);
    EXPECT_FALSE(results.empty());
    for (app::Compared const& one : results)
      EXPECT_TRUE(one.pass) << one.name << " in " << name_of(dtype) << ": relative " << one.relative
                            << ", absolute " << one.absolute;
  }
  auto const is_result = [&](std::string const& name) {
    return (name.starts_with("outputs/") || name.starts_with("grads/")) &&
           std::none_of(unread.begin(), unread.end(),
                        [&](auto const& part) { return name.find(part) != std::string::npos; });
  };
  auto const expect_seen = [&](std::string const& name, auto& value, auto spoilt) {
    auto const right = value;
    value = spoilt;
    write(path);
    EXPECT_FALSE(passes(path, DType::float64, tokenizer)) << name << " was changed unseen";
    value = right;
  };
  for (auto& [name, array] : numbers_)
    if (is_result(name) && !array.values.empty()) {
      double& value = array.values.front();
      double largest = 0;
      for (double x : array.values) largest = std::max(largest, std::abs(x));
      expect_seen(name, value, value + 0.01 * (largest > 0 ? largest : 1));
    }
  for (Arrays<std::int64_t>* kind : {&integers_, &bytes_})
    for (auto& [name, array] : *kind)
      if (is_result(name) && !array.values.empty())
        expect_seen(name, array.values.front(), array.values.front() ^ 1);
  for (auto& [name, values] : texts_)
    if (is_result(name)) expect_seen(name, values.front(), values.front() + "1");
  for (auto& [object, values] : attributes_)
    for (auto& [name, value] : values)
      if (auto const* number = std::get_if<double>(&value);
          number && is_result(object + "/" + name))
        expect_seen(object + "/" + name, value, Attribute(*number * 1.5 + 1));
  write(path);
}

std::vector<double> random_array(Index count, std::uint32_t seed, double size) {
  Draws const draws(seed, Purpose::init);
  std::vector<double> values(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < values.size(); ++i)
    values[i] = static_cast<float>(((draws.word(i, 0, 0) >> 8) * 0x1p-23 - 1) * size);
  return values;
}

Arrays<double> random_arrays(std::map<std::string, std::vector<Index>> const& shapes,
                             std::uint32_t seed, double size) {
  Arrays<double> arrays;
  for (auto const& [name, shape] : shapes) {
    Index count = 1;
    for (Index extent : shape) count *= extent;
    arrays[name] = {shape, random_array(count, seed++, size)};
    if (name.ends_with("norm.weight") || name.ends_with("ln.weight") || name.ends_with("2.weight"))
      for (double& value : arrays[name].values) value = 1 + value / 2;
  }
  return arrays;
}

}  // namespace accord::testing
