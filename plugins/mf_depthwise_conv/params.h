// Everything one launch of the multiplication-free depthwise convolution needs; see contract.json for the meaning of
// the fields.
#pragma once

#include "../host_device.h"

namespace fwht {

struct MfDepthwiseConvParams {
    const void* x;        // (N, C, H, W) in `type` and `layout`
    const float* weight;  // (C, 1, k, k)
    const float* gain;    // (C,)
    const float* bias;    // (C,)
    void* y;              // (N, C, out_height, out_width) in `type` and `layout`; overlaps none of the others
    int64_t batch;
    int channels;
    int height;
    int width;
    int out_height;
    int out_width;
    int kernel_size;  // 3 or 5
    int stride_h;
    int stride_w;
    int pad_top;  // zeros around the image; how many lie below and to the right follows from the output's size
    int pad_left;
    int op;  // 1, 2 or 3
    int activation;
    int type;    // DataType
    int layout;  // Layout
};

}  // namespace fwht
