// Which of the compiled tiles a launch takes. No CUDA here.
#pragma once

#include "instances.h"
#include "params.h"

namespace fwht {

struct Device {
    int multiprocessors;
    int shared_bytes;  // most that a block can have
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

// Whether the kernel of this tile computes these parameters on this device.
inline bool fits(const TileFacts& tile, const FwhtLayerParams& params, const Device& device) {
    const bool pairs = tile.layout == kHWC8 || params.pixels % tile.vec == 0;
    return tile.type == params.type && tile.layout == params.layout && tile.n == params.n && pairs &&
           tile.shared_bytes <= device.shared_bytes;
}

// Larger is better. Wide and normal tiles need enough blocks to give every multiprocessor work, the wide one twice,
// since only two or three of its blocks fit on one; failing that the narrow one has more of them.
inline int rank(const TileFacts& tile, const FwhtLayerParams& params, const Device& device) {
    const int64_t wanted = static_cast<int64_t>(device.multiprocessors) * tile.width;  // kNarrow 0, kNormal 1, kWide 2
    const bool filled = blocks_of(tile, params) >= wanted;
    return (filled ? 8 + 2 * tile.width : 4 - 2 * tile.width) + (tile.vec > 1 ? 1 : 0);
}

// The index of the tile to launch, -1 if none fits.
template <int kCount>
int choose(const TileFacts (&tiles)[kCount], const FwhtLayerParams& params, const Device& device) {
    int best = -1;
    for (int i = 0; i < kCount; ++i) {
        if (fits(tiles[i], params, device) &&
            (best < 0 || rank(tiles[i], params, device) > rank(tiles[best], params, device))) {
            best = i;
        }
    }
    return best;
}

#define FWHT_TILE_FACTS(width, type, layout, rows, columns, pixels, vec)                                       \
    {width, sizeof(type) == 4 ? kFloat32 : kFloat16, layout, rows * columns, vec, pixels,                      \
     Tile<type, layout, rows, columns, pixels, vec>::kThreads, Tile<type, layout, rows, columns, pixels, vec>::kSharedBytes},

static const TileFacts kTiles[] = {FWHT_LAYER_INSTANCES(FWHT_TILE_FACTS)};

}  // namespace fwht
