#pragma once

namespace accord::cpu {

/// Gives OpenBLAS the kernels of this processor where it does not know the model: releases older
/// than a processor fall back to its first ancestor (0.3.21 on a Sapphire Rapids to SSE3, 32
/// GFLOP/s per core in place of 150). The first call decides, the others return at once; to be made
/// before every use of BLAS. An OPENBLAS_CORETYPE in the environment is left to decide.
void use_best_blas_kernels();

}  // namespace accord::cpu
