// How a run of the FWHT layer is cut into parts that threads can do in any order. A pixel's arithmetic is the same
// wherever it lands, so neither the cut nor the number of threads shows in the result.
#pragma once

#include "params.h"

namespace fwht {

struct FwhtLayerCpuPlan {
    int32_t width;          // pixels of a tile
    int32_t wide;           // whether that is the wide tile of the instruction set
    int64_t tiles;          // the pixels of all images, one after the other, cut into tiles
    int64_t parts;          // of about equally many tiles
    int64_t scratch_bytes;  // what one part needs, on an address divisible by 64
    bool unscaled;          // whether all scales are 1
};

// The gap behind each block of rows: without it the rows of the middle stage, a power of two apart, would all fall into
// one set of the cache.
constexpr int kBlockGap = 16;  // floats
constexpr int kMostBlocks = 16;

// Parts beyond which the counting costs more than it evens out.
constexpr int64_t kMostParts = 64;

// Rows of a tile's pixels that lie beside the coefficients: X, R and Y where they are gathered.
inline int64_t gathered_rows(const FwhtLayerParams& p) { return p.in_channels + 2 * int64_t{p.out_channels}; }

// Whether all scales are 1; whoever runs a layer many times asks once.
bool is_unscaled(const float* scale, int64_t count);

// The parameters are float32 in layout NCHW, and check_fwht_layer_sizes finds nothing wrong with them.
FwhtLayerCpuPlan plan_fwht_layer(const FwhtLayerParams& params, int lanes, int wide_lanes, bool unscaled);
FwhtLayerCpuPlan plan_fwht_layer(const FwhtLayerParams& params, int lanes, int wide_lanes);

}  // namespace fwht
