// The multiplication-free depthwise convolution on the GPU, free of TensorRT.
//
//     x (N, C, H, W), weight (C, 1, k, k), gain and bias (C,)  ->  y (N, C, out_height, out_width)
#pragma once

#include <cuda_runtime_api.h>

#include "check.h"
#include "params.h"

namespace fwht {

// One launch on `stream`. cudaErrorInvalidValue where check_mf_depthwise_conv finds something wrong, otherwise what
// the launch returned; it does not wait for the kernel.
cudaError_t launch_mf_depthwise_conv(const MfDepthwiseConvParams& params, cudaStream_t stream);

}  // namespace fwht
