// Everything one launch of the FWHT layer needs; see contract.json for the meaning of the fields.
#pragma once

#include "../host_device.h"

namespace fwht {

struct FwhtLayerParams {
    const void* x;            // (N, in_channels, H, W) in `type` and `layout`
    const float* thresholds;  // (paths n,), path after path
    const float* scale;       // (paths n,)
    const float* gain;        // (out_channels,)
    const float* bias;        // (out_channels,)
    const void* residual;     // (N, out_channels, H, W) like y, or null
    void* y;                  // (N, out_channels, H, W) in `type` and `layout`; overlaps none of the others
    int64_t batch;
    int64_t pixels;  // H * W
    int in_channels;
    int out_channels;
    int n;  // a power of two, 2 to 4096
    int pool;
    int keep_dc;
    int activation;
    int type;    // DataType
    int layout;  // Layout
    int paths;   // 1 to 8
    int soft;    // 0: the smooth threshold, 1: the soft one
    int block;   // 0: one transform over all channels; n: one for each window of n channels (windows.h)
};

enum : int {
    kSmallestN = 2,
    kLargestN = 4096,
    kMostPaths = 8,
    kMostBlockChannels = 65536,  // of X, where there are blocks
    kSmallestHwc8N = 8,  // a vector of 8 channels is one thread's
};

}  // namespace fwht
