// The tiles that are compiled. One list, for the launch, the register checks and the CPU tests.
//
// Columns of X(width, type, layout, rows, columns, pixels, vec): n = rows * columns. `width` is what the launch chooses by:
//   kNarrow  four warps, one pixel a thread, for small maps: a warp for each scheduler of a multiprocessor. Smaller blocks
//            would leave schedulers idle, and hold so many columns in a warp that few channels could leave out none
//   kPacked  32 KiB of shared memory to the byte, so that two blocks fit on a multiprocessor with 64 KiB (Nano, TX2)
//   kNormal  8192 values a block, 33 to 36 KiB of shared memory
//   kWide    most pixels a block, for type float16 in NCHW, whose 32-byte sectors hold 16 pixels; more than 48 KiB of
//            shared memory, which a block can have from sm_70 on
//   kPaths   for several paths, or a soft one: one tile for each n, type and layout, which every GPU can launch
//   kWindows for layers with blocks of n channels, of any paths: the tiles of kPaths again
// vec 2 needs an even H * W.
#pragma once

#include "tile.h"

namespace fwht {

enum Width : int { kNarrow = 0, kPacked = 1, kNormal = 2, kWide = 3, kPaths = 4, kWindows = 5 };

}  // namespace fwht

#define FWHT_LAYER_TILE(width, type, layout, rows, columns, pixels, vec) \
    Tile<type, layout, rows, columns, pixels, vec, width == kPacked>

#define FWHT_LAYER_NCHW_INSTANCES(X, type)     \
    X(kNormal, type, kNCHW, 2, 1, 128, 1)      \
    X(kNormal, type, kNCHW, 4, 1, 128, 1)      \
    X(kNormal, type, kNCHW, 8, 1, 128, 1)      \
    X(kNormal, type, kNCHW, 16, 1, 128, 1)     \
    X(kNormal, type, kNCHW, 8, 4, 64, 1)       \
    X(kNormal, type, kNCHW, 16, 4, 32, 1)      \
    X(kNormal, type, kNCHW, 32, 4, 32, 1)      \
    X(kNormal, type, kNCHW, 32, 8, 32, 2)      \
    X(kNormal, type, kNCHW, 32, 16, 16, 2)     \
    X(kNormal, type, kNCHW, 32, 32, 8, 1)      \
    X(kNormal, type, kNCHW, 32, 32, 8, 2)      \
    X(kPacked, type, kNCHW, 32, 32, 8, 2)      \
    X(kNormal, type, kNCHW, 64, 32, 4, 1)      \
    X(kPacked, type, kNCHW, 64, 32, 4, 1)      \
    X(kNormal, type, kNCHW, 64, 64, 2, 1)      \
    X(kNarrow, type, kNCHW, 32, 8, 16, 1)      \
    X(kNarrow, type, kNCHW, 32, 16, 8, 1)      \
    X(kNarrow, type, kNCHW, 32, 32, 4, 1)

#define FWHT_LAYER_HWC8_INSTANCES(X)           \
    X(kNormal, Half, kHWC8, 8, 1, 128, 1)      \
    X(kNormal, Half, kHWC8, 8, 2, 64, 1)       \
    X(kNormal, Half, kHWC8, 8, 4, 32, 1)       \
    X(kNormal, Half, kHWC8, 16, 4, 32, 1)      \
    X(kNormal, Half, kHWC8, 32, 4, 32, 1)      \
    X(kNormal, Half, kHWC8, 32, 8, 16, 1)      \
    X(kNormal, Half, kHWC8, 32, 16, 8, 1)      \
    X(kNormal, Half, kHWC8, 32, 32, 8, 2)      \
    X(kNormal, Half, kHWC8, 64, 32, 4, 1)      \
    X(kNormal, Half, kHWC8, 64, 64, 2, 1)      \
    X(kNarrow, Half, kHWC8, 32, 32, 4, 1)

#define FWHT_LAYER_NCHW_HALF_INSTANCES(X)      \
    FWHT_LAYER_NCHW_INSTANCES(X, Half)         \
    X(kWide, Half, kNCHW, 32, 32, 16, 2)

#define FWHT_LAYER_INSTANCES(X)                \
    FWHT_LAYER_NCHW_INSTANCES(X, float)        \
    FWHT_LAYER_NCHW_HALF_INSTANCES(X)          \
    FWHT_LAYER_HWC8_INSTANCES(X)

// The kernels of several paths and of soft ones, a list of their own, so that those of one smooth path are compiled as
// if there were no others: sharing them costs registers, and spills.
#define FWHT_LAYER_NCHW_PATHS_INSTANCES(X, type) \
    X(kPaths, type, kNCHW, 2, 1, 128, 1)       \
    X(kPaths, type, kNCHW, 4, 1, 128, 1)       \
    X(kPaths, type, kNCHW, 8, 1, 128, 1)       \
    X(kPaths, type, kNCHW, 16, 1, 128, 1)      \
    X(kPaths, type, kNCHW, 8, 4, 64, 1)        \
    X(kPaths, type, kNCHW, 16, 4, 32, 1)       \
    X(kPaths, type, kNCHW, 32, 4, 32, 1)       \
    X(kPaths, type, kNCHW, 32, 8, 16, 1)       \
    X(kPaths, type, kNCHW, 32, 16, 8, 1)       \
    X(kPaths, type, kNCHW, 32, 32, 8, 1)       \
    X(kPaths, type, kNCHW, 64, 32, 4, 1)       \
    X(kPaths, type, kNCHW, 64, 64, 2, 1)

#define FWHT_LAYER_PATHS_INSTANCES(X)          \
    FWHT_LAYER_NCHW_PATHS_INSTANCES(X, float)  \
    FWHT_LAYER_NCHW_PATHS_INSTANCES(X, Half)   \
    FWHT_LAYER_HWC8_PATHS_INSTANCES(X)

#define FWHT_LAYER_HWC8_PATHS_INSTANCES(X)     \
    X(kPaths, Half, kHWC8, 8, 1, 128, 1)       \
    X(kPaths, Half, kHWC8, 8, 2, 64, 1)        \
    X(kPaths, Half, kHWC8, 8, 4, 32, 1)        \
    X(kPaths, Half, kHWC8, 16, 4, 32, 1)       \
    X(kPaths, Half, kHWC8, 32, 4, 32, 1)       \
    X(kPaths, Half, kHWC8, 32, 8, 16, 1)       \
    X(kPaths, Half, kHWC8, 32, 16, 8, 1)       \
    X(kPaths, Half, kHWC8, 32, 32, 4, 1)       \
    X(kPaths, Half, kHWC8, 64, 32, 4, 1)       \
    X(kPaths, Half, kHWC8, 64, 64, 2, 1)
