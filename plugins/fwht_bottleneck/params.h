// Everything one run of a bottleneck needs: an FWHT layer that expands, a 3x3 depthwise convolution with a padding of
// 1, an FWHT layer that projects. See contract.json for the meaning of the fields.
#pragma once

#include "../fwht_layer/params.h"

namespace fwht {

struct FwhtBottleneckParams {
    FwhtLayerParams expand;   // x is the bottleneck's; y is not used, nor are batch and pixels
    FwhtLayerParams project;  // y is the bottleneck's, its in_channels are expand's out_channels; x is not used
    const float* weight;      // (C, 1, 3, 3) of the depthwise convolution, C = expand.out_channels
    const float* gain;        // (C,)
    const float* bias;        // (C,)
    int64_t batch;
    int height;
    int width;
    int stride;      // 1 or 2, both ways
    int op;          // 0: an ordinary convolution; 1, 2, 3: the operator of MFDepthwiseConv
    int activation;  // of the depthwise convolution
    int residual;    // whether x is added to what project gives, before its activation
};

inline int bottleneck_out_size(int size, int stride) { return (size - 1) / stride + 1; }

}  // namespace fwht
