// The two-dimensional FWHT layer in training on the CPU, forward and backward: what a run of it needs.
#pragma once

#include "params.h"

namespace fwht {

// The layer without gain, bias and activation, which are layers of their own in training. X, Y and their gradients have
// their channels last, as PyTorch's convolutions do best; they are float32 or bfloat16, all of one type, and what
// happens between them is float32.
struct Fwht2dTrainingParams {
    const void* x;               // (N, H, W, C), or (N, H, W, paths C) with `apart`
    const float* thresholds;     // (paths n n,), path after path, each row by row
    const float* scale;          // (paths n n,)
    void* y;                     // forward: (N, ceil(H / stride), ceil(W / stride), C); overlaps none of the others
    const void* y_gradient;      // backward: like y; null in a forward run
    void* x_gradient;            // backward: like x; overlaps none of the others
    float* thresholds_gradient;  // backward: (paths n n,)
    float* scale_gradient;       // backward: (paths n n,)
    int64_t batch;
    int channels;  // C
    int height;
    int width;
    int n;       // a power of two, 2 to 128
    int stride;  // 1, 2 or 4
    int keep_dc;
    int paths;     // 1 to 8
    int soft;      // 0: the smooth threshold, 1: the soft one
    int apart;     // 1: path p has maps of its own, the channels p C to p C + C - 1 of X; Y is the sum of the results
    int bfloat16;  // 1: X, Y and their gradients are bfloat16, rounded to the nearest, half way to even
};

// A run is cut into parts; each sums up the gradients of the weights over its own maps, and the sums are added up in the
// order of the parts: the same bits for any number of threads.
struct Fwht2dTrainingPlan {
    int distance;           // floats from one map of a tile to the next
    int blocks;             // of as many channels as a vector has lanes
    int64_t items;          // a block of an image each
    int64_t parts;          // of about equally many items
    int64_t sums;           // floats that one part sums up: gradients of the thresholds, then of the scales
    int64_t scratch_bytes;  // what one part needs, on an address divisible by 64
};

// Null where nothing is wrong, else a sentence that says what is. An empty batch is valid.
const char* check_fwht_2d_training(const Fwht2dTrainingParams& params);

Fwht2dTrainingPlan plan_fwht_2d_training(const Fwht2dTrainingParams& params, int lanes);

// Adds up what the parts of a backward run have summed, `plan.parts` times `plan.sums` floats.
void add_up_fwht_2d_gradients(const Fwht2dTrainingParams& params, const Fwht2dTrainingPlan& plan, const float* partial);

}  // namespace fwht
