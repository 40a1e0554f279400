// How a run of the multiplication-free depthwise convolution is cut into parts that threads can do in any order.
#pragma once

#include "params.h"

namespace fwht {

// A window's taps read from planes in which neighbouring outputs find their values side by side: the zero-padded image,
// or with strides every stride-th row and column of it, one plane for each remainder (a phase).
struct MfDepthwiseConvCpuPlan {
    int32_t phases_h;  // at most k: beyond that no tap reads
    int32_t phases_w;
    int32_t pitch;   // floats from row to row of a phase
    int32_t band;    // rows of output that are made at once, so that their planes stay in the cache
    int64_t phase;   // floats from phase to phase
    int64_t planes;  // N * C
    int64_t parts;   // of about equally many planes
    int64_t scratch_bytes;
};

// check_mf_depthwise_conv finds nothing wrong with the parameters, which are float32 in layout NCHW.
MfDepthwiseConvCpuPlan plan_mf_depthwise_conv(const MfDepthwiseConvParams& params, int lanes);

// Output vectors that are made together, and what is read beyond the last row on their account.
constexpr int kMfVectors = 2;

}  // namespace fwht
