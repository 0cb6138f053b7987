#include "io/checkpoint/manifest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/base/error.hpp"
#include "io/file/file.hpp"
#include "io/file/json.hpp"
#include "io/file/json_integer.hpp"

namespace accord::io {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view format_name = "accord-checkpoint";
constexpr int format_version = 2;

// The text ends in these, around the 32 digits. Nothing follows, and no other spelling is accepted:
// each bit counts.
constexpr std::string_view before_hash = ",\n\"xxh3_128\": \"";
constexpr std::string_view after_hash = "\"\n}\n";

// JSON documents lie in the manifest as values, not as quoted text: a person can read them.
Json embedded(std::string const& document) {
  return document.empty() ? Json() : parse_json<Json>(document);
}
std::string document_from(Json const& value) { return value.is_null() ? "" : value.dump(); }

DType dtype_from(std::string const& name) {
  for (DType dtype : {DType::float32, DType::float64})
    if (name == name_of(dtype)) return dtype;
  throw DataError(fmt::format("element type '{}'; float32 and float64 are known", name));
}

Json to_json(Manifest const& manifest) {
  Json json;
  json["format"] = format_name;
  json["version"] = format_version;
  json["step"] = manifest.step;
  Documents const& documents = manifest.documents;
  json["run"] = embedded(to_json(documents.run));
  json["configuration"] = documents.configuration;
  json["loader"] = embedded(documents.loader);
  json["algorithms"] = embedded(documents.algorithms);
  json["tokenizer"] = documents.tokenizer;
  Json& tensors = json["tensors"] = Json::array();
  for (StoredTensor const& tensor : manifest.tensors) {
    Json shape = Json::array();
    for (int i = 0; i < tensor.info.shape.rank(); ++i) shape.push_back(tensor.info.shape[i]);
    tensors.push_back({{"kind", tensor.info.kind},
                       {"name", tensor.info.name},
                       {"shape", std::move(shape)},
                       {"dtype", name_of(tensor.info.dtype)},
                       {"file", tensor.file},
                       {"offset", tensor.offset}});
  }
  Json& files = json["files"] = Json::array();
  for (CheckpointFile const& file : manifest.files) {
    Json runs = Json::array();
    for (HashedRun const& run : file.runs)
      runs.push_back(Json::array({run.offset, run.bytes, to_hex(run.hash)}));
    files.push_back({{"name", file.name},
                     {"bytes", file.bytes},
                     {"outside", to_hex(file.outside)},
                     {"runs", std::move(runs)}});
  }
  return json;
}

Manifest from_json(Json const& json) {
  if (json.at("format").get<std::string>() != format_name)
    throw DataError("not the manifest of a checkpoint");
  int const version = json_integer<int>(json.at("version"));
  if (version < 1 || version > format_version)
    throw DataError(
        fmt::format("format version {}, this program reads 1 to {}", version, format_version));
  Manifest manifest;
  manifest.step = json_integer<Index>(json.at("step"));
  Documents& documents = manifest.documents;
  documents.run =
      version == 1 ? run_state_from_notes(json.at("run").get<std::map<std::string, std::string>>())
                   : run_state_from_json(json.at("run").dump());
  json.at("configuration").get_to(documents.configuration);
  documents.loader = document_from(json.at("loader"));
  documents.algorithms = document_from(json.at("algorithms"));
  json.at("tokenizer").get_to(documents.tokenizer);
  for (Json const& entry : json.at("tensors")) {
    StoredTensor tensor;
    entry.at("kind").get_to(tensor.info.kind);
    entry.at("name").get_to(tensor.info.name);
    for (Json const& extent : entry.at("shape"))
      tensor.info.shape.push_back(json_integer<Index>(extent));
    tensor.info.dtype = dtype_from(entry.at("dtype").get<std::string>());
    tensor.file = json_integer<int>(entry.at("file"));
    tensor.offset = json_integer<std::uint64_t>(entry.at("offset"));
    manifest.tensors.push_back(std::move(tensor));
  }
  for (Json const& entry : json.at("files")) {
    CheckpointFile file;
    entry.at("name").get_to(file.name);
    file.bytes = json_integer<std::uint64_t>(entry.at("bytes"));
    file.outside = hash128_from_hex(entry.at("outside").get<std::string>());
    for (Json const& run : entry.at("runs"))
      file.runs.push_back({json_integer<std::uint64_t>(run.at(0)),
                           json_integer<std::uint64_t>(run.at(1)),
                           hash128_from_hex(run.at(2).get<std::string>())});
    manifest.files.push_back(std::move(file));
  }
  return manifest;
}

// A manifest whose hash is right may still come from a foreign or faulty program; what follows
// relies on these.
void check_consistency(Manifest const& manifest) {
  constexpr std::uint64_t limit = 1ull << 50;
  for (CheckpointFile const& file : manifest.files) {
    if (file.name.empty() || file.name.find('/') != std::string::npos)
      throw DataError(fmt::format("file name '{}'", file.name));
    if (file.bytes > limit) throw DataError(fmt::format("{}: {} bytes", file.name, file.bytes));
    std::uint64_t end = 0;
    for (HashedRun const& run : file.runs) {
      if (run.offset < end || run.offset > file.bytes || run.bytes == 0 ||
          run.bytes > file.bytes - run.offset)
        throw DataError(fmt::format("{}: a run of {} bytes at {} in a file of {} bytes", file.name,
                                    run.bytes, run.offset, file.bytes));
      end = run.offset + run.bytes;
    }
  }
  std::set<std::string> seen;
  for (StoredTensor const& tensor : manifest.tensors) {
    std::string const path = tensor.info.path();
    if (!seen.insert(path).second) throw DataError(fmt::format("tensor {} is listed twice", path));
    if (tensor.file < 0 || tensor.file >= static_cast<int>(manifest.files.size()))
      throw DataError(
          fmt::format("tensor {} lies in file {} of {}", path, tensor.file, manifest.files.size()));
    CheckpointFile const& file = manifest.files[static_cast<std::size_t>(tensor.file)];
    std::uint64_t elements = 1;
    for (int i = 0; i < tensor.info.shape.rank(); ++i) {
      Index const extent = tensor.info.shape[i];
      if (extent < 1 || static_cast<std::uint64_t>(extent) > limit / elements)
        throw DataError(fmt::format("tensor {} has shape {}", path, to_string(tensor.info.shape)));
      elements *= static_cast<std::uint64_t>(extent);
    }
    if (tensor.offset > file.bytes || tensor.bytes() > file.bytes - tensor.offset)
      throw DataError(fmt::format("tensor {} ends beyond its file {}", path, file.name));
    auto run = std::upper_bound(
        file.runs.begin(), file.runs.end(), tensor.offset,
        [](std::uint64_t offset, HashedRun const& r) { return offset < r.offset + r.bytes; });
    std::uint64_t covered = tensor.offset;
    for (; run != file.runs.end() && run->offset <= covered; ++run)
      covered = run->offset + run->bytes;
    if (covered < tensor.offset + tensor.bytes())
      throw DataError(
          fmt::format("no hash covers byte {} of {}, tensor {}", covered, file.name, path));
  }
}

}  // namespace

std::string to_text(Manifest const& manifest) {
  std::string text = "{\n\"checkpoint\": {";
  try {
    Json const json = to_json(manifest);
    // One line per entry of the first level: a person can look at it, and a diff says something.
    for (auto const& [key, value] : json.items())
      text +=
          fmt::format("{}\n{}: {}", text.back() == '{' ? "" : ",", Json(key).dump(), value.dump());
  } catch (Json::exception const& error) {
    throw DataError(
        fmt::format("checkpoint: a document is not UTF-8 text, or not JSON where it has to be: {}",
                    error.what()));
  }
  text += "\n}";
  std::string const hash = to_hex(hash128(std::as_bytes(std::span(text))));
  return fmt::format("{}{}{}{}", text, before_hash, hash, after_hash);
}

Manifest manifest_from_text(std::string_view text, std::string const& origin) {
  auto const damaged = [&](std::string_view what) {
    return DataError(fmt::format("{}: {}; this checkpoint is damaged or foreign, use another one",
                                 origin, what));
  };
  std::size_t const tail = before_hash.size() + 32 + after_hash.size();
  if (text.size() < tail) throw damaged("the file is truncated");
  std::string_view const body = text.substr(0, text.size() - tail);
  if (std::string const hash = to_hex(hash128(std::as_bytes(std::span(body))));
      text.substr(body.size()) != fmt::format("{}{}{}", before_hash, hash, after_hash))
    throw damaged("its content does not match the hash at its end");
  try {
    Manifest manifest = from_json(parse_json<Json>(text).at("checkpoint"));
    check_consistency(manifest);
    return manifest;
  } catch (Json::exception const& error) {
    throw damaged(error.what());
  } catch (DataError const& error) {
    throw damaged(error.what());
  }
}

std::string read_manifest_text(std::filesystem::path const& folder) {
  return read_file(folder / manifest_name);
}

Manifest read_manifest(std::filesystem::path const& folder) {
  return manifest_from_text(read_manifest_text(folder), (folder / manifest_name).string());
}

}  // namespace accord::io
