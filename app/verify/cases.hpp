#pragma once
// What each kind of reference file is checked against: one function per kind, found by the file's
// `case`.

#include "app/verify/reference.hpp"

namespace accord::app {

using Case = void (*)(Queue& queue, Reference& reference);

/// The function for a file; null when this build cannot check its kind. Its name only says the
/// kind: whatever follows, and every size, is the file's.
Case find_case(Reference const& reference);

void verify_dist_itc(Queue& queue, Reference& reference);
void verify_dist_model(Queue& queue, Reference& reference);
void verify_eval_classify(Queue& queue, Reference& reference);
void verify_eval_retrieval(Queue& queue, Reference& reference);
void verify_image_pos_interp(Queue& queue, Reference& reference);
void verify_image_relpos_interp(Queue& queue, Reference& reference);
void verify_mask_sampling(Queue& queue, Reference& reference);
void verify_model(Queue& queue, Reference& reference);
void verify_tokenizer(Queue& queue, Reference& reference);
void verify_train(Queue& queue, Reference& reference);
void verify_transform_audio(Queue& queue, Reference& reference);
void verify_transform_image(Queue& queue, Reference& reference);
void verify_unit_adapter(Queue& queue, Reference& reference);
void verify_unit_attention(Queue& queue, Reference& reference);
void verify_unit_audio_convpos(Queue& queue, Reference& reference);
void verify_unit_audio_extractor(Queue& queue, Reference& reference);
void verify_unit_buckets(Queue& queue, Reference& reference);
void verify_unit_geglu_ffn(Queue& queue, Reference& reference);
void verify_unit_image_hmlp(Queue& queue, Reference& reference);
void verify_unit_layer(Queue& queue, Reference& reference);

}  // namespace accord::app
