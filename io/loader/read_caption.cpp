#include "io/loader/read_caption.hpp"

#include <string_view>
#include <utility>

#include "core/base/check.hpp"
#include "core/base/require.hpp"

namespace accord::io {
namespace {

class CaptionReader final : public ElementReader {
 public:
  CaptionReader(Index max_tokens, std::shared_ptr<Tokenizer const> tokenizer)
      : max_tokens_(max_tokens), tokenizer_(std::move(tokenizer)) {}

  void append(std::span<std::byte const> bytes, std::uint64_t, std::byte* place,
              ModalityInput& input, DecodeScratch&) const override {
    std::string_view const caption(reinterpret_cast<char const*>(bytes.data()), bytes.size());
    append_elements(input, DType::int32, tokenizer_->encode(caption, max_tokens_), place);
  }

  std::vector<std::uint8_t> word_starts(ModalityInput const& input) const override {
    std::vector<std::uint8_t> flags;
    auto const* rows = reinterpret_cast<std::int32_t const*>(input.data.data());
    for (Index i = input.offsets.end()[-2]; i < input.offsets.back() - 1; ++i)
      flags.push_back(tokenizer_->word_start(rows[i]));
    return flags;
  }

 private:
  Index max_tokens_;
  std::shared_ptr<Tokenizer const> tokenizer_;
};

}  // namespace

std::unique_ptr<ElementReader> read_captions(ModalityConfig const& config,
                                             std::shared_ptr<Tokenizer const> tokenizer) {
  ACCORD_CHECK(tokenizer != nullptr, "no tokenizer for modality {}", config.name);
  require(tokenizer->vocabulary() <= config.vocabulary,
          "modality {}: the tokenizer has {} rows, the model's table {}: use the tokenizer that "
          "the model was made with",
          config.name, tokenizer->vocabulary(), config.vocabulary);
  return std::make_unique<CaptionReader>(config.max_tokens, std::move(tokenizer));
}

}  // namespace accord::io
