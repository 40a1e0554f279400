// Which kernel takes which parameters, and with how many blocks. Host code without CUDA: the CPU tests go through it.
#pragma once

#include "tiles.h"

namespace fwht {

template <typename T>
struct TypeOf;
template <>
struct TypeOf<float> {
    static constexpr int kType = kFloat32;
};
template <>
struct TypeOf<Half> {
    static constexpr int kType = kFloat16;
};

template <typename T>
int64_t blocks_of(const Fwht2dParams& p) {
    return (p.batch * stored_channels(p) + T::kMaps - 1) / T::kMaps;
}

// Calls run.template kernel<Tile>(blocks) with the tile for these parameters, of which check_fwht_2d finds nothing wrong.
// False where there is none.
template <typename Run>
bool dispatch_fwht_2d(const Fwht2dParams& p, const Run& run) {
#define FWHT_2D_CASE(side, type_, layout_, stride_)                                                             \
    if (side_of(p) == side && p.type == TypeOf<type_>::kType && p.layout == layout_ && p.stride == stride_) { \
        using Tile = MapTile<side, type_, layout_, stride_>;                                                  \
        run.template kernel<Tile>(blocks_of<Tile>(p));                                                        \
        return true;                                                                                          \
    }
    FWHT_2D_INSTANCES(FWHT_2D_CASE)
#undef FWHT_2D_CASE
    return false;
}

}  // namespace fwht
