#pragma once

#include <memory>

#include "io/loader/elements.hpp"
#include "io/text/tokenizer.hpp"

namespace accord::io {

/// Captions: the rows of their tokens, up to `max_tokens`, and the end mark.
/// \throws UsageError for a tokenizer of more rows than the modality's `vocabulary`
std::unique_ptr<ElementReader> read_captions(ModalityConfig const& config,
                                             std::shared_ptr<Tokenizer const> tokenizer);

}  // namespace accord::io
