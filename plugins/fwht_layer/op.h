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
    enum : int { kOutChannels, kKeepDc, kPool, kActivation, kPaths, kSoft, kBlock };
};

constexpr Attribute kFwhtLayerAttributes[] = {
    {"out_channels", 1, true, 0, 1, kLargestN, {}, 0},
    {"keep_dc", 1, false, 1, 0, 0, {0, 1}, 2},
    {"pool", 1, false, 1, 1, kLargestN, {}, 0},
    {"activation", 1, false, 0, 0, 0, {0, 1, 6}, 3},
    {"paths", 1, false, 1, 1, kMostPaths, {}, 0},
    {"soft", 1, false, 0, 0, 0, {0, 1}, 2},
    {"block", 1, false, 0, 0, kLargestN, {}, 0},
};

enum : int { kFwhtLayerAttributesOf1 = 4, kFwhtLayerAttributesOf2 = 6, kFwhtLayerAttributesOf3 = 7 };

constexpr Op kFwhtLayer = {"FWHTLayer",
                           "1",
                           0x4c485746,
                           kFwhtLayerAttributes,
                           kFwhtLayerAttributesOf1,
                           {"X", "thresholds", "scale", "gain", "bias"},
                           5,
                           kNone};

constexpr Op kFwhtLayerAdd = {"FWHTLayerAdd",
                              "1",
                              0x41485746,
                              kFwhtLayerAttributes,
                              kFwhtLayerAttributesOf1,
                              {"X", "thresholds", "scale", "gain", "bias", "R"},
                              6,
                              FwhtLayerInput::kResidual};

// A later version of an op: the same with more attributes.
constexpr Op later_version(const Op& op, const char* version, uint32_t tag, int attribute_count) {
    return {op.name,
            version,
            tag,
            op.attributes,
            attribute_count,
            {op.inputs[0], op.inputs[1], op.inputs[2], op.inputs[3], op.inputs[4], op.inputs[5]},
            op.input_count,
            op.residual};
}

constexpr Op kFwhtLayer2 = later_version(kFwhtLayer, "2", 0x32485746, kFwhtLayerAttributesOf2);
constexpr Op kFwhtLayerAdd2 = later_version(kFwhtLayerAdd, "2", 0x42485746, kFwhtLayerAttributesOf2);
constexpr Op kFwhtLayer3 = later_version(kFwhtLayer, "3", 0x33485746, kFwhtLayerAttributesOf3);
constexpr Op kFwhtLayerAdd3 = later_version(kFwhtLayerAdd, "3", 0x43485746, kFwhtLayerAttributesOf3);

}  // namespace fwht
