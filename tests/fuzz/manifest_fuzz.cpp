#include "io/checkpoint/manifest.hpp"

#include "core/base/error.hpp"
#include "tests/fuzz/format.hpp"
#include "tests/io/checkpoint/sample_checkpoint.hpp"

namespace accord::fuzz {
namespace {

// to_text ends in its hash, which nothing but the right text would pass: the input is the text
// before it, and is sealed here.
constexpr char const* before_hash = ",\n\"xxh3_128\": \"";

}  // namespace

std::vector<std::string> seeds() {
  io::Manifest manifest;
  manifest.step = 7;
  manifest.documents = io::sample_documents(7);
  manifest.documents.algorithms = R"({"gemm":[1,2,3]})";
  manifest.tensors = {{{"weight", "a.b", Shape{3, 4}, DType::float32}, 0, 2048},
                      {{"exp_avg", "a.b", Shape{}, DType::float64}, 0, 2096}};
  manifest.files = {{"data-0000.h5", 4096, {1, 2}, {{2048, 16, {3, 4}}, {2064, 40, {5, 6}}}},
                    {"index.h5", 512, {5, 6}, {}}};
  std::string const text = io::to_text(manifest);
  return {text.substr(0, text.rfind(before_hash))};
}

void read(std::string const& input) {
  std::string const sealed =
      input + before_hash + io::to_hex(io::hash128(std::as_bytes(std::span(input)))) + "\"\n}\n";
  io::to_text(io::manifest_from_text(sealed, "input"));
}

}  // namespace accord::fuzz
