// How a run of the multiplication-free depthwise convolution is cut into parts that threads can do in any order.
#pragma once

#include "params.h"

namespace fwht {

// As many channels of an image as a vector has lanes go through together, a lane each: pixel by pixel beside each other
// in a zero-padded map, so that a window is whole vectors, whatever the strides and however small the map.
struct MfDepthwiseConvCpuPlan {
    int32_t step_h;   // from window to window in the padded map: the strides, at most k, since what lies between
    int32_t step_w;   // windows is left out
    int64_t pitch;    // pixels from row to row of the padded map
    int32_t band;     // rows of output that are made at once, so that their inputs stay in the cache
    int32_t rows;     // of the padded map that they need
    int64_t outputs;  // of a band, a multiple of kMfOutputs
    int64_t items;    // the images of one group of channels, then those of the next
    int64_t parts;    // of about equally many items
    int64_t scratch_bytes;
};

// check_mf_depthwise_conv finds nothing wrong with the parameters, which are float32 in layout NCHW.
MfDepthwiseConvCpuPlan plan_mf_depthwise_conv(const MfDepthwiseConvParams& params, int lanes);

// Outputs that are made together; the rest of the last ones are made and dropped.
constexpr int kMfOutputs = 4;

}  // namespace fwht
