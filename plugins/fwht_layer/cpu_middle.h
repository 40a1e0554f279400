// The middle of the layer: the high bits of the transform, the threshold, and the high bits of the way back. Row k of
// every block comes in and goes out again; a few rows at a time go through three loops, each of which is short enough
// for a processor to see several of its turns at once: the chain of operations of one threshold is 40 cycles long.
// Included per instruction set.
#pragma once

#include "cpu_butterfly.h"
#include "cpu_threshold.h"
#include "cpu_tile.h"

namespace fwht {
namespace {

enum class Bend {
    kShared,  // smooth, one path, all scales are 1: tanh once for coefficients that are equal
    kSmooth,
    kSoft,
};

constexpr int kChunk = 16;  // rows of each block that go through together; what lies between fits the first-level cache

// Blocks of `stride` rows, `width` pixels each, lie `distance` floats apart; `in` of them hold values, `out` are made.
struct CpuBlocks {
    int stride;
    int width;
    ptrdiff_t distance;
    int in;
    int out;
};

// One vector of rows `k` to `k + count` of every block; `rows` is the place of the first. Between the loops row
// i of coefficient q is at values[q * kChunk + i].
struct CpuChunk {
    const CpuTile& tile;
    const CpuBlocks& blocks;
    float* rows;
    int k;
    int count;
};

// kIn distinct values, of kIn blocks at most; with fewer blocks than the radix they repeat.
template <int kIn>
void transform_high_in(const CpuChunk& chunk, Vector* values) {
    const Vector normalisation = splat(chunk.tile.normalisation);
    ptrdiff_t distance = chunk.blocks.distance;
    int in = chunk.blocks.in;
    for (int i = 0; i < chunk.count; ++i) {
        const float* const rows = chunk.rows + ptrdiff_t{i} * chunk.blocks.width;
        Vector u[kIn];
        if (in >= kIn) {
            repeat<kIn>([&](auto b) FWHT_UNROLLED { u[b] = load(rows + b * distance) * normalisation; });
        } else {
            repeat<kIn>([&](auto b) FWHT_UNROLLED {
                u[b] = b < in ? load(rows + b * distance) * normalisation : splat(0.0f);
            });
        }
        transform<kIn>(u, OnAdders());
        repeat<kIn>([&](auto b) FWHT_UNROLLED { values[b * kChunk + i] = u[b]; });
    }
}

enum class Paths { kOneUnscaled, kOne, kThree, kMany };

// v of u for one coefficient, whose threshold and scale are given; those of its further paths lie layer.n apart.
template <bool kSoft, Paths kPaths>
FWHT_INLINE Vector bend_one(Vector u, const float* threshold, const float* scale, const FwhtLayerParams& layer) {
    if (kPaths == Paths::kOneUnscaled) {
        return bend<kSoft>(u, splat(*threshold));
    }
    Vector sum = bend<kSoft>(u * splat(*scale), splat(*threshold));
    if (kPaths == Paths::kThree) {
        repeat<2>([&](auto path) FWHT_UNROLLED {
            const ptrdiff_t place = (path + 1) * ptrdiff_t{layer.n};
            sum = sum + bend<kSoft>(u * splat(scale[place]), splat(threshold[place]));
        });
        return sum;
    }
    for (int path = 1; kPaths == Paths::kMany && path < layer.paths; ++path) {
        threshold += layer.n;
        scale += layer.n;
        sum = sum + bend<kSoft>(u * splat(*scale), splat(*threshold));
    }
    return sum;
}

// From `distinct` rows of values to `radix` of them, in place: the last is made first.
template <bool kSoft, Paths kPaths>
void bend_rows(const CpuChunk& chunk, int radix, int distinct, Vector* values) {
    const FwhtLayerParams& layer = chunk.tile.layer;
    for (int q = radix - 1; q >= 0; --q) {
        const float* const thresholds = layer.thresholds + ptrdiff_t{q} * chunk.blocks.stride + chunk.k;
        const float* const scale = layer.scale + ptrdiff_t{q} * chunk.blocks.stride + chunk.k;
        const Vector* const u = values + (q & (distinct - 1)) * kChunk;
        Vector* const v = values + q * kChunk;
        for (int i = 0; i < chunk.count; ++i) {
            v[i] = bend_one<kSoft, kPaths>(u[i], thresholds + i, scale + i, layer);
        }
    }
}

void bend_rows(Bend bend, const CpuChunk& chunk, int radix, int distinct, Vector* values) {
    const bool many = chunk.tile.layer.paths > 1;
    if (bend == Bend::kShared) {
        return bend_rows<false, Paths::kOneUnscaled>(chunk, radix, distinct, values);
    }
    if (bend == Bend::kSmooth) {
        return many ? bend_rows<false, Paths::kMany>(chunk, radix, distinct, values)
                    : bend_rows<false, Paths::kOne>(chunk, radix, distinct, values);
    }
    return chunk.tile.layer.paths == 3 ? bend_rows<true, Paths::kThree>(chunk, radix, distinct, values)
                                       : bend_rows<true, Paths::kMany>(chunk, radix, distinct, values);
}

// sum over q of v[q], v[q + kOut] and so on, in a tree, into the first kOut.
template <int kFrom, int kOut, int kRadix>
FWHT_INLINE void fold(Vector (&v)[kRadix]) {
    if (kFrom > kOut) {
        repeat<kFrom / 2>([&](auto i) FWHT_UNROLLED { v[i] = v[i] + v[i + kFrom / 2]; });
        fold<(kFrom > kOut ? kFrom / 2 : kOut), kOut>(v);
    }
}

// The way back, to kOut blocks at most.
template <int kOut, int kRadix>
FWHT_INLINE void transform_back(const CpuBlocks& blocks, Vector (&v)[kRadix], float* rows) {
    fold<kRadix, kOut>(v);
    transform<kOut>(v, OnAdders());
    repeat<kOut>([&](auto r) FWHT_UNROLLED {
        if (r == 0 || r < blocks.out) {
            store(rows + r * blocks.distance, v[r]);
        }
    });
}

template <int kRadix, int kOut>
void transform_high_out(const CpuChunk& chunk, const Vector* values) {
    for (int i = 0; i < chunk.count; ++i) {
        Vector v[kRadix];
        repeat<kRadix>([&](auto q) FWHT_UNROLLED { v[q] = values[q * kChunk + i]; });
        transform_back<kOut>(chunk.blocks, v, chunk.rows + ptrdiff_t{i} * chunk.blocks.width);
    }
}

// The same from kIn distinct u and tanh(u) each; `dc` is v[0] of the layer's first row.
template <int kRadix, int kIn>
void bend_shared(const CpuChunk& chunk, Vector* values) {
    const CpuBlocks& blocks = chunk.blocks;
    const bool keeps = chunk.k == 0 && chunk.tile.layer.keep_dc != 0;
    for (int i = 0; i < chunk.count; ++i) {
        const float* const thresholds = chunk.tile.layer.thresholds + chunk.k + i;
        Vector sign[kIn];
        Vector size[kIn];
        repeat<kIn>([&](auto b) FWHT_UNROLLED {
            sign[b] = smooth_sign(values[b * kChunk + i]);
            size[b] = size_of(values[b * kChunk + i]);
        });
        Vector v[kRadix];
        repeat<kRadix>([&](auto q) FWHT_UNROLLED {
            v[q] = sign[q % kIn] * excess(size[q % kIn], splat(thresholds[q * ptrdiff_t{blocks.stride}]));
        });
        if (keeps && i == 0) {
            v[0] = values[0];
        }
        transform_back<kRadix>(blocks, v, chunk.rows + ptrdiff_t{i} * blocks.width);
    }
}

}  // namespace
}  // namespace fwht
