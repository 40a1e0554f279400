// FWHTBottleneck as its adapter sees it; the same as contract.json.
#pragma once

#include <limits>

#include "../fwht_layer/op.h"

namespace fwht {

struct FwhtBottleneckInput {
    enum : int {
        kX,
        kExpandThresholds,
        kExpandScale,
        kExpandGain,
        kExpandBias,
        kWeight,
        kGain,
        kBias,
        kProjectThresholds,
        kProjectScale,
        kProjectGain,
        kProjectBias,
    };
};

// The values, in the order of the attributes.
struct FwhtBottleneckValue {
    enum : int {
        kHiddenChannels,
        kOutChannels,
        kExpandKeepDc,
        kExpandActivation,
        kExpandPaths,
        kExpandSoft,
        kStride,
        kOperator,
        kActivation,
        kProjectKeepDc,
        kProjectActivation,
        kProjectPaths,
        kProjectSoft,
        kResidual,
    };
};

constexpr Attribute kFwhtBottleneckAttributes[] = {
    {"hidden_channels", 1, true, 0, 1, kLargestN, {}, 0},
    {"out_channels", 1, true, 0, 1, kLargestN, {}, 0},
    {"expand_keep_dc", 1, false, 1, 0, 0, {0, 1}, 2},
    {"expand_activation", 1, false, 0, 0, 0, {0, 1, 6}, 3},
    {"expand_paths", 1, false, 1, 1, kMostPaths, {}, 0},
    {"expand_soft", 1, false, 0, 0, 0, {0, 1}, 2},
    {"stride", 1, false, 1, 0, 0, {1, 2}, 2},
    {"operator", 1, false, 0, 0, 0, {0, 1, 2, 3}, 4},
    {"activation", 1, false, 0, 0, 0, {0, 1, 6}, 3},
    {"project_keep_dc", 1, false, 1, 0, 0, {0, 1}, 2},
    {"project_activation", 1, false, 0, 0, 0, {0, 1, 6}, 3},
    {"project_paths", 1, false, 1, 1, kMostPaths, {}, 0},
    {"project_soft", 1, false, 0, 0, 0, {0, 1}, 2},
    {"residual", 1, false, 0, 0, 0, {0, 1}, 2},
};

constexpr Op fwht_bottleneck_op(const char* name) {
    return {name,
            "1",
            0,  // no engine holds it
            kFwhtBottleneckAttributes,
            14,
            {"X", "expand_thresholds", "expand_scale", "expand_gain", "expand_bias", "W", "gain", "bias",
             "project_thresholds", "project_scale", "project_gain", "project_bias"},
            12,
            kNone};
}

constexpr Op kFwhtBottleneck = fwht_bottleneck_op("FWHTBottleneck");

// The same with a second output: the seconds that each of the three layers took, in all threads together.
constexpr Op kFwhtBottleneckTimed = fwht_bottleneck_op("FWHTBottleneckTimed");

}  // namespace fwht
