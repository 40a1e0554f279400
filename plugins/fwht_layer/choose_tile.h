// Which of the compiled tiles a launch takes. No CUDA here.
#pragma once

#include "tiles.h"
#include "params.h"
#include "windows.h"

namespace fwht {

struct Device {
    int multiprocessors;
    int shared_bytes;     // most that a block can have
    int shared_together;  // all that the blocks of a multiprocessor have
};

struct TileFacts {
    int width;  // Width
    int type;
    int layout;
    int n;
    int vec;
    int pixels;
    int threads;
    int shared_bytes;
};

inline int64_t blocks_of(const TileFacts& tile, const FwhtLayerParams& params) {
    return (params.batch * params.pixels + tile.pixels - 1) / tile.pixels;
}

// Blocks side by side for the windows of a layer with blocks, 1 for others: the second dimension of a launch.
inline int window_blocks_of(const TileFacts& tile, const FwhtLayerParams& params) {
    const int together = tile.width == kWindows ? count_windows_together(params, tile.layout == kHWC8 ? 8 : 1) : 1;
    return tile.width == kWindows ? (count_used_windows(params) + together - 1) / together : 1;
}

// Whether the kernel of this tile computes these parameters on this device.
inline bool fits(const TileFacts& tile, const FwhtLayerParams& params, const Device& device) {
    const bool pairs = tile.layout == kHWC8 || params.pixels % tile.vec == 0;
    const bool paths = params.block == 0 && (params.paths > 1 || params.soft != 0);
    const bool windows = params.block != 0;
    return (tile.width == kPaths) == paths && (tile.width == kWindows) == windows && tile.type == params.type && tile.layout == params.layout && tile.n == params.n && pairs &&
           tile.shared_bytes <= device.shared_bytes;
}

// Whether the tile has blocks enough for every multiprocessor, the wide one twice as many, since two or three of its
// blocks are at work on each at once.
inline bool fills(const TileFacts& tile, const FwhtLayerParams& params, const Device& device) {
    return blocks_of(tile, params) >= static_cast<int64_t>(device.multiprocessors) * (tile.width == kWide ? 2 : 1);
}

// Larger is better: the widest tile that fills the device, the narrow one if none does; two pixels a thread before one.
inline int rank(const TileFacts& tile, const FwhtLayerParams& params, const Device& device) {
    const bool one_block = 2 * tile.shared_bytes > device.shared_together;
    const int width = tile.width == kPacked || tile.width == kNormal ? (one_block ? kPacked : kNormal) : tile.width;
    const int plain = tile.width == kPacked ? 0 : 1;  // where both give two blocks, the one that needs fewer registers
    const int order = tile.width == kNarrow || fills(tile, params, device) ? width : -width;
    return 4 * order + 2 * (tile.vec > 1 ? 1 : 0) + plain;
}

// The index of the tile to launch, -1 if none fits.
template <int kCount>
int choose_tile(const TileFacts (&tiles)[kCount], const FwhtLayerParams& params, const Device& device) {
    int best = -1;
    for (int i = 0; i < kCount; ++i) {
        if (fits(tiles[i], params, device) &&
            (best < 0 || rank(tiles[i], params, device) > rank(tiles[best], params, device))) {
            best = i;
        }
    }
    return best;
}

template <typename T>
constexpr TileFacts facts_of(int width) {
    return {width,      sizeof(typename T::Io) == 4 ? kFloat32 : kFloat16,
            T::kLayout, T::kN,
            T::kVec,    T::kPixels,
            T::kThreads, T::kSharedBytes};
}

#define FWHT_TILE_FACTS(width, ...) facts_of<FWHT_LAYER_TILE(width, __VA_ARGS__)>(width),

#define FWHT_WINDOWS_FACTS(width, ...) facts_of<FWHT_LAYER_TILE(width, __VA_ARGS__)>(kWindows),

static const TileFacts kTiles[] = {FWHT_LAYER_INSTANCES(FWHT_TILE_FACTS)
                                       FWHT_LAYER_PATHS_INSTANCES(FWHT_TILE_FACTS)
                                           FWHT_LAYER_PATHS_INSTANCES(FWHT_WINDOWS_FACTS)};

}  // namespace fwht
