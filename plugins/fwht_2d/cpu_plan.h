// How a run of the two-dimensional FWHT layer is cut into parts that threads can do in any order.
#pragma once

#include "params.h"

namespace fwht {

// Maps that go through together, so that loops are long where maps are small; kGroupValues values, or one map.
enum : int { kGroupValues = 512 };

constexpr int group_of(int side) { return side * side < kGroupValues ? kGroupValues / (side * side) : 1; }

struct Fwht2dCpuPlan {
    int64_t maps;
    int64_t items;  // groups of maps
    int64_t parts;  // of about equally many items
    int64_t scratch_bytes;
};

// check_fwht_2d_sizes finds nothing wrong with the parameters, which are float32 in layout NCHW.
Fwht2dCpuPlan plan_fwht_2d(const Fwht2dParams& params, int lanes);

}  // namespace fwht
