// The middle of a layer with one soft path. Its threshold is a short chain of operations, unlike the smooth one's: a row of
// every block goes through at once, and what lies between the steps of cpu_middle.h stays in registers. Included per
// instruction set.
#pragma once

#include "cpu_middle.h"
#include "cpu_plan.h"

namespace fwht {
namespace {

// v[kPlace], v[kPlace + kStep] and so on below kRadix, summed in the tree of `fold`; v(q) makes one.
template <int kPlace, int kStep, int kRadix>
struct Folded {
    template <typename Values>
    static FWHT_INLINE Vector sum(const Values& v) {
        const Vector first = Folded<kPlace, 2 * kStep, kRadix>::sum(v);
        return first + Folded<kPlace + kStep, 2 * kStep, kRadix>::sum(v);
    }
};

template <int kPlace, int kRadix>
struct Folded<kPlace, kRadix, kRadix> {
    template <typename Values>
    static FWHT_INLINE Vector sum(const Values& v) {
        return v(Index<kPlace>());
    }
};

// From v(q), q < kRadix, to the rows of `out` blocks, kOut of them at most.
template <int kOut, int kRadix>
struct SoftWayBack {
    template <typename Values>
    static FWHT_INLINE void run(const Values& v, float* rows, ptrdiff_t distance, int out) {
        constexpr int kHalf = kOut > 8 ? kOut / 2 : kOut;
        Vector low[kHalf];
        sum_half<0>(v, low);
        if (kHalf == kOut) {
            repeat<kHalf>([&](auto r) FWHT_UNROLLED { store_if<decltype(r)::kIndex>(low[r], rows, distance, out); });
            return;
        }
        Vector high[kHalf];
        sum_half<kOut - kHalf>(v, high);
        repeat<kHalf>([&](auto r) FWHT_UNROLLED {
            store_if<decltype(r)::kIndex>(low[r] + high[r], rows, distance, out);
            store_if<kHalf + decltype(r)::kIndex>(low[r] - high[r], rows, distance, out);
        });
    }

    template <int kFirst, typename Values, int kHalf>
    static FWHT_INLINE void sum_half(const Values& v, Vector (&sums)[kHalf]) {
        repeat<kHalf>([&](auto r) FWHT_UNROLLED {
            sums[r] = Folded<kFirst + decltype(r)::kIndex, kOut, kRadix>::sum(v);
        });
        transform<kHalf>(sums, OnAdders());
    }

    template <int kBlock>
    static FWHT_INLINE void store_if(Vector value, float* rows, ptrdiff_t distance, int out) {
        if (kBlock == 0 || kBlock < out) {
            store(rows + kBlock * distance, value);
        }
    }
};

// One vector of every row; `first` is its place in the first one. kStride: blocks.stride where it is known when this is
// compiled, with tiles of kLanes pixels, else 0. Of the instructions of a row one in five is else for its 64 addresses.
template <int kRadix, int kIn, int kOut, int kStride>
void run_soft_rows(const CpuTile& tile, const CpuBlocks& blocks, float* first) {
    const FwhtLayerParams& layer = tile.layer;
    const Vector normalisation = splat(tile.normalisation);
    ptrdiff_t stride = kStride != 0 ? kStride : blocks.stride;
    ptrdiff_t distance = kStride != 0 ? kStride * kLanes + kBlockGap : blocks.distance;
    int in = blocks.in;
    bool keeps = layer.keep_dc != 0;
    constexpr int kHalf = kIn / 2;
    for (ptrdiff_t i = 0; i < stride; ++i) {
        float* const rows = first + i * (kStride != 0 ? kLanes : blocks.width);
        const float* const thresholds = layer.thresholds + i;
        const float* const scale = layer.scale + i;
        // The last stage of the way in and the last one of the way back join halves, so that one half at a time is in
        // registers, of which there may be 16.
        Vector low[kHalf];
        Vector high[kHalf];
        repeat<kHalf>([&](auto b) FWHT_UNROLLED {
            low[b] = b == 0 || b < in ? load(rows + b * distance) * normalisation : splat(0.0f);
        });
        transform<kHalf>(low, OnAdders());
        repeat<kHalf>([&](auto b) FWHT_UNROLLED {
            high[b] = b + kHalf < in ? load(rows + (b + kHalf) * distance) * normalisation : splat(0.0f);
        });
        transform<kHalf>(high, OnAdders());
        const auto v = [&](auto q) FWHT_UNROLLED {
            const Vector u = q % kIn < kHalf ? low[q % kHalf] + high[q % kHalf] : low[q % kHalf] - high[q % kHalf];
            const Vector bent = bend<true>(u * splat(scale[q * stride]), splat(thresholds[q * stride]));
            return q == 0 && keeps && i == 0 ? u : bent;
        };
        SoftWayBack<kOut, kRadix>::run(v, rows, distance, blocks.out);
    }
}

typedef void SoftRows(const CpuTile&, const CpuBlocks&, float* first);

// Below 16 coefficients nothing is to be gained by more kinds.
template <int kRadix, int kStride>
struct ChooseSoftRows {
    static SoftRows* rows(const CpuBlocks&) { return run_soft_rows<kRadix, kRadix, kRadix, kStride>; }
};

template <int kStride>
struct ChooseSoftRows<16, kStride> {
    static SoftRows* rows(const CpuBlocks& blocks) {
        return blocks.in <= 4 ? rows_from<4>(blocks.out) : rows_from<16>(blocks.out);
    }
    template <int kIn>
    static SoftRows* rows_from(int out) {
        return out <= 4   ? run_soft_rows<16, kIn, 4, kStride>
               : out <= 8 ? run_soft_rows<16, kIn, 8, kStride>
                          : run_soft_rows<16, kIn, 16, kStride>;
    }
};

template <int kRadix>
SoftRows* soft_rows_of(const CpuBlocks& blocks) {
    constexpr int kStride = kRadix == 16 ? 64 : 0;  // n = 1024, which all bottlenecks of the hybrids have
    return blocks.stride == kStride && blocks.width == kLanes ? ChooseSoftRows<kRadix, kStride>::rows(blocks)
                                                              : ChooseSoftRows<kRadix, 0>::rows(blocks);
}

template <int kRadix>
void transform_soft_middle(const CpuTile& tile, const CpuBlocks& blocks) {
    SoftRows* const run = soft_rows_of<kRadix>(blocks);
    for (int at = 0; at < blocks.width; at += kLanes) {
        run(tile, blocks, tile.rows + at);
    }
}

}  // namespace
}  // namespace fwht
