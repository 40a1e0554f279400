// The two-dimensional FWHT layer on the GPU, without TensorRT.
#pragma once

#include <cuda_runtime_api.h>

#include "check.h"

namespace fwht {

// One kernel on `stream`. cudaErrorInvalidValue where check_fwht_2d finds something wrong, else CUDA's own result.
cudaError_t launch_fwht_2d(const Fwht2dParams& params, cudaStream_t stream);

}  // namespace fwht
