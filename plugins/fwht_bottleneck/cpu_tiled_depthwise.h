// The 3x3 depthwise convolution where the values of a map lie tile by tile, a tile being a vector that is one, two
// or four whole rows: in place, and without memory for the rows beyond the map. Included per instruction set.
#pragma once

#include "cpu_channel_window.h"
#include "cpu_plan.h"

namespace fwht {
namespace {

// From row to row of a vector of several.
template <int kRows>
struct Pitch {
    static constexpr int kFloats = kRows == 1 ? 1 : kLanes / kRows;
};

template <int kOperator, bool kSigned>
class CpuTiledDepthwise {
  public:
    CpuTiledDepthwise(const FwhtBottleneckParams& p, const FwhtBottleneckCpuPlan& plan, const ColumnMasks& masks)
        : p_(p), plan_(plan), masks_(masks) {
        for (int i = 0; i < kLanes; ++i) {
            set_bits(masks.not_first + i, i % p.width != 0);
            set_bits(masks.not_last + i, (i + 1) % p.width != 0);
        }
    }

    // Planes from `begin` on, below `end`: channels of the unit's images, one after the other.
    void run(int64_t begin, int64_t end, float* values) const {
        (this->*choose())(begin, end, values);
    }

  private:
    typedef WindowTaps<kOperator, kSigned> Taps;
    typedef void (CpuTiledDepthwise::*FilterPlanes)(int64_t begin, int64_t end, float* values) const;

    FilterPlanes choose() const {
        if (p_.stride == 2) {
            return &CpuTiledDepthwise::filter_every_second_row;
        }
        switch (kLanes / p_.width) {
            case 1: return &CpuTiledDepthwise::filter<1, Taps::kRowVectors>;
            case 2: return &CpuTiledDepthwise::filter<2, 2>;
            default: return &CpuTiledDepthwise::filter<4, 1>;
        }
    }

    // body(window, x) for each plane, x being its vector in the first tile.
    template <typename Body>
    FWHT_INLINE void for_each(int64_t begin, int64_t end, float* values, Body body) const {
        const ChannelWeights weights(p_);
        const ColumnMasks masks = masks_;
        const int64_t channels = p_.expand.out_channels;
        const ptrdiff_t image = plan_.tiles * plan_.tile_floats;
        for (int64_t plane = begin; plane < end;) {
            float* const first = values + plane / channels * image;
            const int64_t behind = (plane / channels + 1) * channels;
            const int64_t stop = behind < end ? behind : end;
            for (int64_t channel = plane % channels; plane < stop; ++plane, ++channel) {
                body(ChannelWindow<Taps>(weights, masks, channel), first + channel * kLanes);
            }
        }
    }

    template <int kRows, int kVectors>
    void filter(int64_t begin, int64_t end, float* values) const {
        ptrdiff_t distance = plan_.tile_floats;
        int tiles = plan_.tiles;
        for_each(begin, end, values, [&](const ChannelWindow<Taps>& window, float* x) FWHT_UNROLLED {
            Vector above = splat(0.0f);
            int tile = 0;
            for (; tile + kVectors <= tiles; tile += kVectors) {
                filter_tiles<kRows, kVectors>(window, x + tile * distance, tile + kVectors == tiles, above);
            }
            for (; tile < tiles; ++tile) {
                filter_tiles<kRows, 1>(window, x + tile * distance, tile + 1 == tiles, above);
            }
        });
    }

    // Neighbouring tiles. above: what was in the tile before them, or zeros; afterwards what was in the last of these.
    template <int kRows, int kVectors>
    FWHT_INLINE void filter_tiles(const ChannelWindow<Taps>& window, float* x, bool last, Vector& above) const {
        ptrdiff_t distance = plan_.tile_floats;
        const Vector below = last ? splat(0.0f) : load(x + kVectors * distance);
        const auto vector = [&](auto at) FWHT_UNROLLED {  // from 0, the one above, to kVectors + 1
            return at == 0 ? above : at == kVectors + 1 ? below : load(x + (at - 1) * distance);
        };
        const auto row = [&](auto place) FWHT_UNROLLED {
            constexpr int kPlace = decltype(place)::kIndex;
            constexpr int kVector = kPlace / kRows;  // that the row begins in or before
            switch (kRows == 1 ? 1 : kPlace % kRows) {
                case 0: return slide<kLanes - Pitch<kRows>::kFloats>(vector(Index<kVector>()), vector(Index<kVector + 1>()));
                case 1: return vector(Index<kRows == 1 ? kPlace : kVector + 1>());
                default: return slide<Pitch<kRows>::kFloats>(vector(Index<kVector + 1>()), vector(Index<kVector + 2>()));
            }
        };
        Vector outputs[kVectors];
        window.template filter_rows<kRows>(row, 0, 0, outputs);
        above = load(x + (kVectors - 1) * distance);
        repeat<kVectors>([&](auto i) FWHT_UNROLLED { store(x + i * distance, outputs[i]); });
    }

    // Four rows of input give two rows, one vector, of output. Vectors that no output is put into are written, too, for
    // the reason that take_over gives.
    void filter_every_second_row(int64_t begin, int64_t end, float* values) const {
        ptrdiff_t distance = plan_.tile_floats;
        int outs = plan_.tiles / 4;
        for_each(begin, end, values, [&](const ChannelWindow<Taps>& window, float* x) FWHT_UNROLLED {
            Vector above = splat(0.0f);
            for (int out = 0; out < outs; ++out) {
                float* const first = x + 4 * out * distance;
                const auto row = [&](auto place) FWHT_UNROLLED {
                    return place == 0 ? above : load(first + (place - 1) * distance);
                };
                Vector outputs[2];
                window.template filter_rows<2>(row, 0, 0, outputs);
                above = load(first + 3 * distance);
                repeat<4>([&](auto i) FWHT_UNROLLED { store(first + i * distance, splat(0.0f)); });
                store(x + out * distance, even_lanes(outputs[0], outputs[1]));
            }
        });
    }

    static void set_bits(float* to, bool ones) {
        const uint32_t bits = ones ? 0xffffffffu : 0u;
        __builtin_memcpy(to, &bits, sizeof(bits));
    }

    const FwhtBottleneckParams& p_;
    const FwhtBottleneckCpuPlan& plan_;
    const ColumnMasks masks_;
};

}  // namespace
}  // namespace fwht
