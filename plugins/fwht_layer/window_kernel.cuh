// The kernel of layers with blocks: one read of each window, one write of Y. blockIdx.x is the tile of pixels, blockIdx.y
// the windows.
#pragma once

#include "window_steps.h"

namespace fwht {

// Blocks of a tile that a multiprocessor should hold, as Tile has it; the loop over the windows takes a few registers more.
template <typename T>
struct WindowBounds {
    static constexpr int kMostBlocks = 65536 / (T::kThreads * (T::kRegisters + 16));
    static constexpr int kBlocks = kMostBlocks < 1 ? 1 : kMostBlocks < 16 ? kMostBlocks : 16;
};

// Any number of paths, smooth or soft. What is the same for all windows (addresses, thresholds, scales) is found anew for
// each: kept from one to the next it would take more registers than there are, so the compiler is told that it may differ.
template <typename T>
__global__ void __launch_bounds__(T::kThreads, WindowBounds<T>::kBlocks)
    fwht_layer_windows_kernel(const FwhtLayerParams given) {
    extern __shared__ float4 shared[];
    FwhtLayerParams params = given;
    typename WindowSteps<T>::Carried carried;
    const int last = WindowSteps<T>::first_window(given, static_cast<int>(blockIdx.y) + 1);
    FWHT_NO_UNROLL
    for (int next = WindowSteps<T>::first_window(given, static_cast<int>(blockIdx.y)); next < last; ++next) {
        int thread = threadIdx.x;
        int window = next;
        asm volatile("" : "+r"(thread), "+r"(window), "+l"(params.pixels), "+l"(params.thresholds), "+l"(params.scale));
        WindowSteps<T> steps(params, carried, reinterpret_cast<float*>(shared), blockIdx.x, thread);
        steps.load_columns(window);
        __syncthreads();
        steps.threshold_rows();
        __syncthreads();
        steps.store_columns(window);
        if (params.pool > 1) {
            __syncthreads();
            steps.add_pools(window);
            __syncthreads();
        }
    }
}

}  // namespace fwht
