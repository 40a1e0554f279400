// FWHT2D as its adapter sees it; the same as contract.json. No TensorRT here.
#pragma once

#include "../tensorrt/op.h"
#include "params.h"

namespace fwht {

struct Fwht2dInput {
    enum : int { kX, kThresholds, kScale, kGain, kBias };
};

// The values, in the order of the attributes.
struct Fwht2dValue {
    enum : int { kStride, kKeepDc, kActivation, kPaths, kSoft };
};

constexpr Attribute kFwht2dAttributes[] = {
    {"stride", 1, false, 1, 0, 0, {1, 2, 4}, 3},
    {"keep_dc", 1, false, 0, 0, 0, {0, 1}, 2},
    {"activation", 1, false, 0, 0, 0, {0, 1, 6}, 3},
    {"paths", 1, false, 1, 1, kMost2dPaths, {}, 0},
    {"soft", 1, false, 0, 0, 0, {0, 1}, 2},
};

constexpr Op kFwht2d = {
    "FWHT2D", "1", 0x32445746, kFwht2dAttributes, 5, {"X", "thresholds", "scale", "gain", "bias"}, 5, kNone};

// n of so many thresholds of a path; 0 where they are not the square of any number up to the largest.
inline int count_rows(int64_t thresholds) {
    for (int n = 1; n <= kLargestSide; ++n) {
        if (int64_t{n} * n == thresholds) {
            return n;
        }
    }
    return 0;
}

}  // namespace fwht
