// The backward pass of the FWHT layer on the CPU: what a run of it needs.
#pragma once

#include "params.h"

namespace fwht {

// Of the layer without gain, bias, residual and activation, which are layers of their own in training.
struct FwhtLayerGradientsParams {
    FwhtLayerParams layer;       // as in the forward run; gain, bias, residual, activation and y are not read
    const float* y_gradient;     // (N, out_channels, H, W) in the layout of X
    float* x_gradient;           // like x; overlaps none of the others
    float* thresholds_gradient;  // (paths n,), path after path
    float* scale_gradient;       // (paths n,), or null where it is not wanted
};

// A run is cut into parts as a forward run is; each sums up the gradients of the weights over its own pixels, and the
// sums are added up in the order of the parts: the same bits for any number of threads.
struct FwhtLayerGradientsPlan {
    int32_t width;          // pixels of a tile
    int64_t tiles;          // the pixels of all images, one after the other, cut into tiles
    int64_t parts;          // of about equally many tiles
    int64_t scratch_bytes;  // what one part needs, on an address divisible by 64
    bool shared;            // smooth, one path, all scales are 1: tanh once for coefficients that are equal
    int64_t sums;           // floats that one part sums up: gradients of the thresholds, then of the scales
};

FwhtLayerGradientsPlan plan_fwht_layer_gradients(const FwhtLayerGradientsParams& params, int lanes);

// Adds up what the parts have summed, `plan.parts` times `plan.sums` floats.
void add_up_gradients(const FwhtLayerGradientsParams& params, const FwhtLayerGradientsPlan& plan, const float* partial);

}  // namespace fwht
