// The kernels of the FWHT layer: one read of X, one write of Y, everything between in registers and shared memory.
#pragma once

#include "thread_steps.h"

namespace fwht {

template <typename T, bool kPaths>
__device__ __forceinline__ void run_steps(const FwhtLayerParams& params) {
    extern __shared__ float4 shared[];
    ThreadSteps<T> steps(params, reinterpret_cast<float*>(shared), blockIdx.x, threadIdx.x);
    steps.load_columns();
    __syncthreads();
    steps.template threshold_rows<kPaths>();
    __syncthreads();
    steps.store_columns();
    if (params.pool > 1) {
        __syncthreads();
        steps.store_pooled();
    }
}

// One smooth path.
template <typename T>
__global__ void __launch_bounds__(T::kThreads, T::kBlocks) fwht_layer_kernel(const FwhtLayerParams params) {
    run_steps<T, false>(params);
}

// Any number of paths, smooth or soft.
template <typename T>
__global__ void __launch_bounds__(T::kThreads, T::kBlocks) fwht_layer_paths_kernel(const FwhtLayerParams params) {
    run_steps<T, true>(params);
}

}  // namespace fwht
