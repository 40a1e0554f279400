// Thresholds and scales as the values of a tile lie. Included per instruction set.
#pragma once

#include "../cpu/vector.h"

namespace fwht {
namespace {

// Path after path, of every stride-th row and column, times `factor`; as often as small maps share a vector.
template <int kSide, typename Params>
void lay_out_weights(const Params& p, const float* from, float* to, float factor) {
    constexpr int kArea = kSide * kSide;
    constexpr int kPeriod = kArea > kLanes ? kArea : kLanes;
    if (p.stride == 1 && kArea % kLanes == 0) {
        for (int i = 0; i < p.paths * kArea; i += kLanes) {
            store(to + i, load(from + i) * splat(factor));
        }
        return;
    }
    for (int path = 0; path < p.paths; ++path) {
        for (int i = 0; i < kPeriod; ++i) {
            const int row = i % kArea / kSide * p.stride;
            const int column = i % kSide * p.stride;
            to[path * kPeriod + i] = from[(path * p.n + row) * p.n + column] * factor;
        }
    }
}

}  // namespace
}  // namespace fwht
