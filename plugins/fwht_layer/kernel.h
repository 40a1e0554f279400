// The FWHT layer on the GPU, without TensorRT.
#pragma once

#include <cuda_runtime_api.h>

#include "check.h"

namespace fwht {

// One kernel on `stream`. cudaErrorInvalidValue where check_fwht_layer finds something wrong, else CUDA's own result.
cudaError_t launch_fwht_layer(const FwhtLayerParams& params, cudaStream_t stream);

}  // namespace fwht
