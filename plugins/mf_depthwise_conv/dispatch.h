// Which kernel takes which parameters, and with how many blocks. Host code without CUDA: the CPU tests go through it.
#pragma once

#include "hwc8.h"
#include "compiled_kernels.h"
#include "nchw.h"

namespace fwht {

// One launch is `blocks` blocks in the first dimension, whose limit is 2^31 - 1. Beyond some ten thousand threads for
// each of a large GPU's 132 multiprocessors more blocks would only repeat what a block does first (HWC8: turn its
// weights over), so from there on the threads take several tasks each.
enum : int { kMfMostBlocks = 1 << 14 };

inline int64_t blocks_for(int64_t tasks, int tasks_of_a_block, int64_t most) {
    const int64_t blocks = (tasks - 1) / tasks_of_a_block + 1;
    return blocks < most ? blocks : most < 1 ? 1 : most;
}

inline int64_t nchw_blocks(const MfTasks& tasks) {
    return blocks_for(tasks.count, kMfNchwThreads, kMfMostBlocks);
}

inline int64_t hwc8_blocks(const MfDepthwiseConvParams& p, const MfTasks& tasks) {
    const int channel_blocks = MfHwc8Block::channel_blocks(p);
    return channel_blocks * blocks_for(tasks.count, kMfLanes, kMfMostBlocks / channel_blocks);
}

template <typename T>
struct MfType;
template <>
struct MfType<float> {
    static constexpr DataType kType = kFloat32;
};
template <>
struct MfType<Half> {
    static constexpr DataType kType = kFloat16;
};

// `Run` has the members nchw and hwc8 with the kernels' template parameters. Calls one of them and returns true, or
// returns false where no kernel fits: parameters that check_mf_depthwise_conv refuses.
template <typename Run>
bool dispatch_mf_depthwise_conv(const MfDepthwiseConvParams& p, const Run& run) {
    const int rows = p.stride_h == 1 ? 4 : 1;
    const int columns = p.stride_w == 1 ? 2 : 1;
    const auto is = [&p](Layout layout, DataType type, int size, int op) {
        return p.layout == layout && p.type == type && p.kernel_size == size && p.op == op;
    };
#define FWHT_MF_NCHW(T, size, op, rows_)                                     \
    if (is(kNCHW, MfType<T>::kType, size, op) && rows == rows_) {            \
        const MfTasks tasks = MfNchwTask<rows_>::number(p);                  \
        run.template nchw<T, size, op, rows_>(p, tasks, nchw_blocks(tasks)); \
        return true;                                                         \
    }
#define FWHT_MF_HWC8(T, size, op, columns_)                                  \
    if (is(kHWC8, MfType<T>::kType, size, op) && columns == columns_) {      \
        const MfTasks tasks = MfHwc8Task<columns_>::number(p);               \
        run.template hwc8<size, op, columns_>(p, tasks, hwc8_blocks(p, tasks)); \
        return true;                                                         \
    }
    FWHT_MF_NCHW_INSTANCES(FWHT_MF_NCHW)
    FWHT_MF_HWC8_INSTANCES(FWHT_MF_HWC8)
#undef FWHT_MF_NCHW
#undef FWHT_MF_HWC8
    return false;
}

}  // namespace fwht
