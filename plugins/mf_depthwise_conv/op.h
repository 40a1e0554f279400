// MFDepthwiseConv as its adapter sees it; the same as contract.json. No TensorRT here.
#pragma once

#include <limits>

#include "../tensorrt/op.h"

namespace fwht {

struct MfDepthwiseConvInput {
    enum : int { kX, kWeight, kGain, kBias };
};

// The values, in the order of the attributes. Pads are ONNX's: top, left, bottom, right.
struct MfDepthwiseConvValue {
    enum : int { kStrideH, kStrideW, kPadTop, kPadLeft, kPadBottom, kPadRight, kGroup, kOperator, kActivation };
};

constexpr int32_t kMfLargest = std::numeric_limits<int32_t>::max();

constexpr Attribute kMfDepthwiseConvAttributes[] = {
    {"strides", 2, false, 1, 1, kMfLargest, {}, 0},
    {"pads", 4, false, 0, 0, 4, {}, 0},
    {"group", 1, true, 0, 1, kMfLargest, {}, 0},
    {"operator", 1, false, 1, 0, 0, {1, 2, 3}, 3},
    {"activation", 1, false, 0, 0, 0, {0, 1, 6}, 3},
};

constexpr Op kMfDepthwiseConv = {
    "MFDepthwiseConv", "1", 0x4344464d, kMfDepthwiseConvAttributes, 5, {"X", "W", "gain", "bias"}, 4, kNone};

}  // namespace fwht
