// FWHTLayer and FWHTLayerAdd as their adapter sees them; the same as contract.json. No TensorRT here.
#pragma once

#include "../tensorrt/op.h"
#include "params.h"

namespace fwht {

// The inputs. R is there with FWHTLayerAdd only.
struct FwhtLayerInput {
    enum : int { kX, kThresholds, kScale, kGain, kBias, kResidual };
};

// The values, in the order of the attributes.
struct FwhtLayerValue {
    enum : int { kOutChannels, kKeepDc, kPool, kActivation };
};

constexpr Attribute kFwhtLayerAttributes[] = {
    {"out_channels", 1, true, 0, 1, kLargestN, {}, 0},
    {"keep_dc", 1, false, 1, 0, 0, {0, 1}, 2},
    {"pool", 1, false, 1, 1, kLargestN, {}, 0},
    {"activation", 1, false, 0, 0, 0, {0, 1, 6}, 3},
};

constexpr Op kFwhtLayer = {
    "FWHTLayer", 0x4c485746, kFwhtLayerAttributes, 4, {"X", "thresholds", "scale", "gain", "bias"}, 5, kNone};

constexpr Op kFwhtLayerAdd = {"FWHTLayerAdd",
                              0x41485746,
                              kFwhtLayerAttributes,
                              4,
                              {"X", "thresholds", "scale", "gain", "bias", "R"},
                              6,
                              FwhtLayerInput::kResidual};

}  // namespace fwht
