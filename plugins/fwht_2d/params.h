// Everything one launch of the two-dimensional FWHT layer needs; see contract.json for the meaning of the fields.
#pragma once

#include "../host_device.h"

namespace fwht {

struct Fwht2dParams {
    const void* x;            // (N, C, H, W) in `type` and `layout`
    const float* thresholds;  // (paths n n,), path after path, each row by row
    const float* scale;       // (paths n n,)
    const float* gain;        // (C,)
    const float* bias;        // (C,)
    void* y;                  // (N, C, ceil(H / stride), ceil(W / stride)) like x; overlaps none of the others
    int64_t batch;
    int channels;
    int height;
    int width;
    int n;       // a power of two, 2 to 128
    int stride;  // 1, 2 or 4
    int keep_dc;
    int activation;
    int type;    // DataType
    int layout;  // Layout
    int paths;   // 1 to 8
    int soft;    // 0: the smooth threshold, 1: the soft one
};

enum : int {
    kSmallestSide = 2,
    kLargestSide = 128,
    kLargestGpuSide = 64,  // of what is transformed: n / stride
    kMost2dPaths = 8,
};

FWHT_HD int out_height_of(const Fwht2dParams& p) { return (p.height + p.stride - 1) / p.stride; }
FWHT_HD int out_width_of(const Fwht2dParams& p) { return (p.width + p.stride - 1) / p.stride; }

// The side of what is transformed: with a stride the sums over windows, of which every coefficient but those of every
// stride-th row and column would be lost in the means anyway (export/ops/fwht_2d_reference.py).
FWHT_HD int side_of(const Fwht2dParams& p) { return p.n / p.stride; }

}  // namespace fwht
