// The kernels of FWHT2D: one read of X, one write of Y, everything between in registers and shared memory. Compiles under
// NVRTC.
#pragma once

#include "thread_steps.h"

namespace fwht {

template <typename T>
__global__ void __launch_bounds__(T::kThreads, T::kBlocks) fwht_2d_kernel(const Fwht2dParams params) {
    __shared__ float shared[T::kFloats];
    MapSteps<T> steps(params, shared, blockIdx.x, static_cast<int>(threadIdx.x));
    steps.load_column();
    __syncthreads();
    steps.threshold_row();
    __syncthreads();
    steps.store_column();
}

}  // namespace fwht
