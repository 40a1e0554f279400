// The FWHT layer on the CPU, compiled once per instruction set: a tile as a whole, and a part of the tiles.
#pragma once

#include "cpu_middle.h"
#include "cpu_passes.h"
#include "cpu_plan.h"

namespace fwht {
namespace {

constexpr int kWideLanes = 32;  // pixels: two lines of the cache

typedef void Middle(const CpuTile&, int, int, ptrdiff_t, int, int);

// With few blocks of input all blocks of output are made, with all blocks of input any number: two of four cases, those
// of a layer that widens and of one that narrows. Few blocks of input are worth code of their own where they spare
// tanh.
template <int kRadix, int kBlocks, Bend kBend>
struct ChooseMiddle {
    static Middle* with_in(int in) {
        return in <= kBlocks ? transform_middle<kRadix, kBlocks, kRadix, kBend>
                             : ChooseMiddle<kRadix, 2 * kBlocks, kBend>::with_in(in);
    }
    static Middle* with_out(int out) {
        return out <= kBlocks ? transform_middle<kRadix, kRadix, kBlocks, kBend>
                              : ChooseMiddle<kRadix, 2 * kBlocks, kBend>::with_out(out);
    }
};

template <int kRadix, Bend kBend>
struct ChooseMiddle<kRadix, kRadix, kBend> {
    static Middle* with_in(int) { return transform_middle<kRadix, kRadix, kRadix, kBend>; }
    static Middle* with_out(int) { return transform_middle<kRadix, kRadix, kRadix, kBend>; }
};

template <int kRadix, Bend kBend>
Middle* middle_of(int in, int out) {
    constexpr int kFewest = kRadix < 8 ? kRadix : 1;  // nothing is to be gained with 2 or 4 coefficients
    return kBend == Bend::kSoft || 2 * in > kRadix ? ChooseMiddle<kRadix, kFewest, kBend>::with_out(out)
                                                   : ChooseMiddle<kRadix, kFewest, kBend>::with_in(in);
}

template <int kRadix>
Middle* middle_of(Bend bend, int in, int out) {
    return bend == Bend::kShared   ? middle_of<kRadix, Bend::kShared>(in, out)
           : bend == Bend::kSmooth ? middle_of<kRadix, Bend::kSmooth>(in, out)
                                   : middle_of<kRadix, Bend::kSoft>(in, out);
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
        middle_of<kRadix>(bend, in, out)(tile, kBlock, kWidth, kDistance, in, out);
        for (int block = 0; block < out; ++block) {
            transform_out<kA, kB, kWidth>(tile, block, kDistance);
        }
        if (tile.layer.pool > 1) {
            pool_rows<kWidth>(tile, kBlock, kDistance);
        }
    }
};

typedef void RunTile(const CpuTile&, Bend);

constexpr bool kManyRegisters = kRegisters >= 32;  // enough for a radix of 16 in the middle
constexpr int kMiddle = kManyRegisters ? 16 : 8;

template <int kWidth>
RunTile* large_tile_of(int n) {
    switch (n) {
        case 256: return CpuTransform<8, 8, 4, kWidth>::run;
        case 512: return CpuTransform<8, 8, 8, kWidth>::run;
        case 1024: return CpuTransform < kMiddle, 8, kManyRegisters ? 8 : 16, kWidth > ::run;
        case 2048: return CpuTransform < kMiddle, kManyRegisters ? 8 : 16, 16, kWidth > ::run;
        default: return CpuTransform < kMiddle, kManyRegisters ? 16 : 32, 16, kWidth > ::run;
    }
}

RunTile* tile_of(int n, bool wide) {
    if (wide) {
        return large_tile_of<kWideLanes>(n);
    }
    switch (n) {
        case 2: return CpuTransform<2, 1, 1, kLanes>::run;
        case 4: return CpuTransform<4, 1, 1, kLanes>::run;
        case 8: return CpuTransform<8, 1, 1, kLanes>::run;
        case 16: return CpuTransform<8, 2, 1, kLanes>::run;
        case 32: return CpuTransform<8, 4, 1, kLanes>::run;
        case 64: return CpuTransform<8, 8, 1, kLanes>::run;
        case 128: return CpuTransform<8, 4, 4, kLanes>::run;
        default: return large_tile_of<kLanes>(n);
    }
}

}  // namespace
}  // namespace fwht
