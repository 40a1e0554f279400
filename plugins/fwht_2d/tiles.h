// How one block cuts its part of the tensor, and which kernels are compiled: kMaps maps, kSide threads of each.
//
// In the first and last step a thread holds a column of its map, so that neighbouring threads read neighbouring pixels; in
// between it holds a row. One exchange through shared memory lies between, each way.
#pragma once

#include "../float16.h"
#include "params.h"

namespace fwht {

template <int kSide_, typename Io_, Layout kLayout_, int kStride_>
struct MapTile {
    using Io = Io_;
    static constexpr int kSide = kSide_;  // of what is transformed, n / stride
    static constexpr Layout kLayout = kLayout_;
    static constexpr int kStride = kStride_;

    // In HWC8 neighbouring threads have neighbouring channels, that is maps: more of them, so that a read of a pixel is
    // longer.
    static constexpr int kThreads = kSide == 64 ? (kLayout == kNCHW ? 64 : 128) : kLayout == kHWC8 && kSide == 32 ? 256 : 128;
    static constexpr int kMaps = kThreads / kSide;

    // Shared memory has 32 banks of 4 bytes. A gap behind each row moves the next one on, so that threads that read
    // neighbouring rows meet in no bank; in HWC8 the maps lie side by side.
    static constexpr int kPitch = kSide + 1;
    static constexpr int kSlots = kSide * kPitch;
    static constexpr int kFloats = kSide == 1 ? 1 : kSlots * kMaps;

    // Blocks that a multiprocessor of 65,536 registers should hold, which is what bounds a thread's registers. With these
    // nothing is spilled from sm_53 to sm_110.
    static constexpr bool kFrugal = kSide < 32 || kThreads > 128 || (kStride > 1 && kSide == 64);
    static constexpr int kRegisters = 2 * kSide + (kFrugal ? 64 : 96);
    static constexpr int kMostBlocks = 65536 / (kThreads * kRegisters);
    static constexpr int kBlocks = kMostBlocks < 1 ? 1 : kMostBlocks;

    static FWHT_HD constexpr int map_of(int thread) { return kLayout == kNCHW ? thread / kSide : thread % kMaps; }
    static FWHT_HD constexpr int line_of(int thread) { return kLayout == kNCHW ? thread % kSide : thread / kMaps; }

    static FWHT_HD constexpr int slot(int map, int row, int column) {
        return kLayout == kNCHW ? map * kSlots + row * kPitch + column : (row * kPitch + column) * kMaps + map;
    }
};

// Channels of a pixel in memory.
FWHT_HD int64_t stored_channels(const Fwht2dParams& p) {
    return p.layout == kHWC8 ? (int64_t{p.channels} + 7) / 8 * 8 : p.channels;
}

}  // namespace fwht

// Columns of X(side, type, layout, stride): n = side * stride is from 2 to 128, the side at most 64.
#define FWHT_2D_STRIDES(X, side, type, layout) \
    X(side, type, layout, 1)                   \
    X(side, type, layout, 2)                   \
    X(side, type, layout, 4)

#define FWHT_2D_SIDES(X, type, layout)   \
    X(1, type, layout, 2)                \
    X(1, type, layout, 4)                \
    FWHT_2D_STRIDES(X, 2, type, layout)  \
    FWHT_2D_STRIDES(X, 4, type, layout)  \
    FWHT_2D_STRIDES(X, 8, type, layout)  \
    FWHT_2D_STRIDES(X, 16, type, layout) \
    FWHT_2D_STRIDES(X, 32, type, layout) \
    X(64, type, layout, 1)               \
    X(64, type, layout, 2)

#define FWHT_2D_INSTANCES(X)        \
    FWHT_2D_SIDES(X, float, kNCHW)  \
    FWHT_2D_SIDES(X, Half, kNCHW)   \
    FWHT_2D_SIDES(X, Half, kHWC8)
