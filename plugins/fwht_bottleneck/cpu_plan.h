// How a run of a bottleneck is cut. A unit, some images or some rows of one, goes through all three steps while its
// values are in the second-level cache. Neither the cut nor the number of threads shows in the result.
#pragma once

#include <cstddef>

#include "params.h"

namespace fwht {

enum : int { kExpandStep, kDepthwiseStep, kProjectStep, kBottleneckSteps };

struct FwhtBottleneckCpuPlan {
    int64_t units;
    int32_t images;  // of a unit
    int32_t rows;    // of a unit's output
    int32_t bands;   // units that one image is cut into; 1 where a unit is whole images
    // Few units: all threads share the steps of all of them, else a thread takes a unit through its three steps.
    bool shared;
    bool expand_unscaled;  // whether all scales of the layer are 1
    bool project_unscaled;
    int64_t parts;
    int64_t items[kBottleneckSteps];  // of a unit's steps where they are shared

    // Whether the unit's values lie tile by tile, a vector of pixels of all channels together, each step's in the place
    // of the one before: no two tiles, which two threads may be at, meet in a line of the cache. Rows beyond a map are
    // in no memory then. tile_floats: how far apart tiles lie; tiles: of an image before the depthwise convolution.
    bool tiled;
    int32_t tiles;
    ptrdiff_t tile_floats;

    // Else: what expand gives has channels `stride` floats apart, `lead` in front of the first, with zeros between them
    // for the windows that reach beyond the first and the last row. The depthwise convolution's output has no such
    // margins.
    ptrdiff_t lead;
    ptrdiff_t expanded_stride;
    ptrdiff_t expanded_floats;
    ptrdiff_t filtered_stride;
    ptrdiff_t filtered_floats;

    // A thread's scratch: that of the FWHT layers, then that of the depthwise convolution (masks first), then the unit's
    // values where steps are not shared; where they are, the call has memory for those of all units.
    int64_t layer_floats;
    int64_t mask_floats;
    int64_t own_floats;
    int64_t scratch_bytes;
    int64_t shared_bytes;
};

// Whole images, or rows of one: first row and rows of the output, and those of the input that they need.
struct FwhtBottleneckUnit {
    int64_t image;
    int images;
    int row;
    int rows;
    int input_row;
    int input_rows;
};

constexpr int kSpareFloats = 32;  // that the last vector of a row may reach beyond

// check_fwht_bottleneck finds nothing wrong with the parameters.
FwhtBottleneckCpuPlan plan_fwht_bottleneck(const FwhtBottleneckParams& params, int lanes, int wide_lanes,
                                           bool expand_unscaled, bool project_unscaled);

FwhtBottleneckUnit unit_of(const FwhtBottleneckParams& params, const FwhtBottleneckCpuPlan& plan, int64_t index);

// The FWHT layers of a unit as runs of their own.
FwhtLayerParams expand_of(const FwhtBottleneckParams& params, const FwhtBottleneckUnit& unit);
FwhtLayerParams project_of(const FwhtBottleneckParams& params, const FwhtBottleneckUnit& unit);

// Where a unit's values are while it is worked on.
struct FwhtBottleneckMemory {
    void* scratch;    // the thread's
    float* expanded;  // the unit's
    float* filtered;
};

}  // namespace fwht
