// The windows of a layer with blocks: n channels of X each, transformed on their own, with the same thresholds and scales.
// Their results, one after the other, are what is pooled and cut (arXiv 2201.02711; export/ops/windows.py).
#pragma once

#include "params.h"

namespace fwht {

// Those that lie over X: more than C_in / n where more channels are made than read.
FWHT_HD int count_windows(const FwhtLayerParams& p) {
    return (p.out_channels > p.in_channels ? p.out_channels : p.in_channels) / p.n;
}

// The first channel that a window reads.
FWHT_HD int first_channel(const FwhtLayerParams& p, int window) {
    const int count = count_windows(p);
    return count < 2 ? 0 : static_cast<int>(int64_t{window} * (p.in_channels - p.n) / (count - 1));
}

// The windows whose results reach Y; the others are cut.
FWHT_HD int count_used_windows(const FwhtLayerParams& p) {
    return (p.out_channels * p.pool + p.n - 1) / p.n;
}

// The windows that one block of a launch takes one after the other: the fewest that end where a group of `outputs`
// channels of Y does, which lie side by side in memory.
FWHT_HD int count_windows_together(const FwhtLayerParams& p, int outputs) {
    const int group = outputs * p.pool;
    const int shared = group & -group;  // the largest power of two that divides it
    return group / (shared < p.n ? shared : p.n);
}

// Whether no pool reaches from one window into the next.
FWHT_HD bool pools_lie_inside(const FwhtLayerParams& p) {
    return p.n % p.pool == 0;
}

}  // namespace fwht
