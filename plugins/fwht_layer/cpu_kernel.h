// The FWHT layer on the CPU, compiled once per instruction set: a tile as a whole, and a part of the tiles.
#pragma once

#include "cpu_middle.h"
#include "cpu_passes.h"
#include "cpu_soft_middle.h"

namespace fwht {
namespace {

constexpr int kWideLanes = 32;  // pixels: two lines of the cache

typedef void ChunkStep(const CpuChunk&, Vector* values);

// The steps for the least power of two of blocks, kBlocks or more, that holds `count`.
template <int kRadix, int kBlocks>
struct ChooseSteps {
    using More = ChooseSteps<kRadix, 2 * kBlocks>;
    static ChunkStep* high_in(int count) {
        return count <= kBlocks ? transform_high_in<kBlocks> : More::high_in(count);
    }
    static ChunkStep* shared(int count) {
        return count <= kBlocks ? bend_shared<kRadix, kBlocks> : More::shared(count);
    }
    static void high_out(int count, const CpuChunk& chunk, const Vector* values) {
        return count <= kBlocks ? transform_high_out<kRadix, kBlocks>(chunk, values)
                                : More::high_out(count, chunk, values);
    }
};

template <int kRadix>
struct ChooseSteps<kRadix, kRadix> {
    static ChunkStep* high_in(int) { return transform_high_in<kRadix>; }
    static ChunkStep* shared(int) { return nullptr; }  // all values differ
    static void high_out(int, const CpuChunk& chunk, const Vector* values) {
        transform_high_out<kRadix, kRadix>(chunk, values);
    }
};

template <int kRadix>
void transform_middle(const CpuTile& tile, Bend bend, const CpuBlocks& blocks) {
    using Steps = ChooseSteps<kRadix, kRadix < 8 ? kRadix : 1>;  // nothing is to be gained with 2 or 4 coefficients
    ChunkStep* const high_in = Steps::high_in(blocks.in);
    ChunkStep* const shared = bend == Bend::kShared ? Steps::shared(blocks.in) : nullptr;
    if (bend == Bend::kSoft && tile.layer.paths == 1) {
        return transform_soft_middle<kRadix>(tile, blocks);
    }
    int distinct = kRadix;
    while (kRadix >= 8 && distinct / 2 >= blocks.in) {
        distinct /= 2;
    }
    Vector values[kRadix * kChunk];
    for (int k = 0; k < blocks.stride; k += kChunk) {
        const int count = blocks.stride - k < kChunk ? blocks.stride - k : kChunk;
        for (int at = 0; at < blocks.width; at += kLanes) {
            const CpuChunk chunk{tile, blocks, tile.rows + ptrdiff_t{k} * blocks.width + at, k, count};
            high_in(chunk, values);
            if (shared != nullptr) {
                shared(chunk, values);
                continue;
            }
            const Vector dc = values[0];
            bend_rows(bend, chunk, kRadix, distinct, values);
            if (k == 0 && tile.layer.keep_dc != 0) {
                values[0] = dc;
            }
            Steps::high_out(blocks.out, chunk, values);
        }
    }
}

// n = kRadix * kA * kB; kRadix is the radix of the middle, kA * kB the length of a block.
template <int kRadix, int kA, int kB, int kWidth>
struct CpuTransform {
    static constexpr int kBlock = kA * kB;
    static constexpr ptrdiff_t kDistance = kBlock * kWidth + kBlockGap;

    static void run(const CpuTile& tile, Bend bend) {
        const int used = tile.layer.out_channels * tile.layer.pool;
        const int in = (tile.layer.in_channels + kBlock - 1) / kBlock;
        const int out = (used + kBlock - 1) / kBlock;
        for (int block = 0; block < in; ++block) {
            transform_in<kA, kB, kWidth>(tile, block, kDistance);
        }
        transform_middle<kRadix>(tile, bend, {kBlock, kWidth, kDistance, in, out});
        for (int block = 0; block < out; ++block) {
            transform_out<kA, kB, kWidth>(tile, block, kDistance);
        }
        if (tile.layer.pool > 1) {
            pool_rows<kWidth>(tile, kBlock, kDistance);
        }
    }
};

// The radix of the middle for n, as below: the same for every instruction set, 16 registers or 32.
int radix_of(int n) { return n < 8 ? n : n < 1024 ? 8 : 16; }

// Tile<radix, A, B, width>::run for n = radix * A * B from 32 on, those that come as wide tiles, too.
template <template <int, int, int, int> class Tile, int kWidth>
auto large_tile_of(int n) -> decltype(&Tile<8, 8, 4, kWidth>::run) {
    switch (n) {
        case 32: return Tile<8, 4, 1, kWidth>::run;
        case 64: return Tile<8, 8, 1, kWidth>::run;
        case 128: return Tile<8, 4, 4, kWidth>::run;
        case 256: return Tile<8, 8, 4, kWidth>::run;
        case 512: return Tile<8, 8, 8, kWidth>::run;
        case 1024: return Tile<16, 8, 8, kWidth>::run;
        case 2048: return Tile<16, 8, 16, kWidth>::run;
        default: return Tile<16, 16, 16, kWidth>::run;
    }
}

template <template <int, int, int, int> class Tile>
auto tile_of(int n) -> decltype(&Tile<8, 8, 4, kLanes>::run) {
    switch (n) {
        case 2: return Tile<2, 1, 1, kLanes>::run;
        case 4: return Tile<4, 1, 1, kLanes>::run;
        case 8: return Tile<8, 1, 1, kLanes>::run;
        case 16: return Tile<8, 2, 1, kLanes>::run;
        default: return large_tile_of<Tile, kLanes>(n);
    }
}

}  // namespace
}  // namespace fwht
