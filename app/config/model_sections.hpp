#pragma once
// The sections of the configuration that say what the model is and learns.

#include "app/config/schema.hpp"

namespace accord::app {

Section model_section();      ///< [model]: the encoder, and what is of the whole
Section decoder_section();    ///< [model.decoder]
Section modality_section();   ///< [[modality]]
Section objective_section();  ///< [[objective]]

}  // namespace accord::app
