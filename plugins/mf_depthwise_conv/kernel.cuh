// The two kernels; what their threads do is in nchw.h and hwc8.h, which the CPU tests call in loops over blocks and
// threads. Compiles under NVRTC. Without the second bound ptxas aims at more blocks than the registers last for, and
// spills a few of them.
#pragma once

#include "hwc8.h"
#include "nchw.h"

namespace fwht {

template <typename T, int kSize, int kOperator, int kRows>
__global__ void __launch_bounds__(kMfNchwThreads, kMfNchwBlocks) mf_depthwise_conv_nchw(MfDepthwiseConvParams params, MfTasks tasks) {
    const int64_t first = static_cast<int64_t>(blockIdx.x) * kMfNchwThreads + threadIdx.x;
    const int64_t threads = static_cast<int64_t>(gridDim.x) * kMfNchwThreads;
    run_nchw_thread<T, kSize, kOperator, kRows>(params, tasks, first, threads);
}

template <int kSize, int kOperator, int kColumns>
__global__ void __launch_bounds__(kMfHwc8Threads, kMfHwc8Blocks) mf_depthwise_conv_hwc8(MfDepthwiseConvParams params, MfTasks tasks) {
    __shared__ MfHwc8Shared<kSize> shared;
    const int thread = static_cast<int>(threadIdx.x);
    const MfHwc8Block own(params, tasks, static_cast<int>(blockIdx.x));
    fill_shared(params, own.first_channel, thread, shared);
    __syncthreads();
    run_hwc8_thread<kSize, kOperator, kColumns>(params, tasks, shared, own, static_cast<int>(gridDim.x), thread);
}

}  // namespace fwht
