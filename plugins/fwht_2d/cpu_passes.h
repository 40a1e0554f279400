// The transform of maps that lie one after the other. That of rows and that of columns together are the transform of the
// whole map as one row of side * side values, so its low bits are lanes of a vector. Included per instruction set.
#pragma once

#include "../cpu/vector.h"
#include "../fwht_layer/cpu_butterfly.h"

namespace fwht {
namespace {

constexpr int kBlockVectors = 8;  // that a pass holds in registers

constexpr int log_of(int power) { return power < 2 ? 0 : 1 + log_of(power / 2); }

// Of a butterfly between lanes: 1 in lane i where its bit is 0, else -1.
constexpr float kLaneSigns[4][16] = {{1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1, 1, -1},
                                     {1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1, 1, 1, -1, -1},
                                     {1, 1, 1, 1, -1, -1, -1, -1, 1, 1, 1, 1, -1, -1, -1, -1},
                                     {1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1, -1}};

// The butterflies of the kStages lowest bits, which the lanes of one vector are.
template <int kStages>
struct LaneStages {
    Vector signs[kStages > 0 ? kStages : 1];

    FWHT_INLINE LaneStages() {
        repeat<kStages>([&](auto i) FWHT_UNROLLED { signs[i] = load(kLaneSigns[i]); });
    }

    FWHT_INLINE Vector run(Vector a) const {
        repeat<kStages>([&](auto i) FWHT_UNROLLED {
            constexpr int kDistance = 1 << decltype(i)::kIndex;
            a = multiply_add(a, signs[i], swap_lanes(a, Index<kDistance>()));
        });
        return a;
    }
};

// What becomes of a vector at the end of the low pass: nothing, on the way in.
struct AsItIs {
    FWHT_INLINE Vector of(Vector y) const { return y; }
};

// gain y + bias and the activation, for one map. A NaN comes through, since it is the second operand.
struct MapEnd {
    Vector gain, bias;
    int activation;

    // The factor of the transforms, a power of two, is in the gain without a rounding.
    FWHT_INLINE MapEnd(float its_gain, float its_bias, float factor, int its_activation)
        : gain(splat(its_gain * factor)), bias(splat(its_bias)), activation(its_activation) {}

    FWHT_INLINE Vector of(Vector y) const {
        y = multiply_add(y, gain, bias);
        if (activation != 0) {
            y = upper(splat(0.0f), y);
        }
        return activation == 6 ? lower(splat(6.0f), y) : y;
    }

    // The same for `count` values of a map that is less than a vector.
    FWHT_INLINE void finish(float* values, int count) const {
        float whole[kLanes] = {};
        for (int i = 0; i < count; ++i) {
            whole[i] = values[i];
        }
        store(whole, of(load(whole)));
        for (int i = 0; i < count; ++i) {
            values[i] = whole[i];
        }
    }
};

// The low bits, from one place to another or to the same: kStages of lanes and those of blocks of kBlock vectors.
template <int kBlock, int kStages, typename End>
FWHT_INLINE void run_low_pass(const float* from, float* to, ptrdiff_t vectors, const End& end) {
    const LaneStages<kStages> lanes;
    const OnMultipliers unit;
    for (ptrdiff_t at = 0; at < vectors; at += kBlock) {
        Vector values[kBlock];
        repeat<kBlock>([&](auto i) FWHT_UNROLLED { values[i] = lanes.run(load(from + (at + i) * kLanes)); });
        transform<kBlock>(values, unit);
        repeat<kBlock>([&](auto i) FWHT_UNROLLED { store(to + (at + i) * kLanes, end.of(values[i])); });
    }
}

// The bits from vectors kDistance apart up to those of a map of kVectors, a few at a time, in place.
template <int kDistance, int kVectors>
struct HighPasses {
    static constexpr int kRest = kVectors / kDistance;
    static constexpr int kRadix = kRest == 16 ? 4 : kRest < 8 ? kRest : 8;  // 4 and 4 rather than 8 and 2

    static FWHT_INLINE void run(float* tile, ptrdiff_t vectors) {
        const OnMultipliers unit;
        for (ptrdiff_t base = 0; base < vectors; base += kRadix * kDistance) {
            for (ptrdiff_t at = base; at < base + kDistance; ++at) {
                Vector values[kRadix];
                repeat<kRadix>(
                    [&](auto i) FWHT_UNROLLED { values[i] = load(tile + (at + i * kDistance) * kLanes); });
                transform<kRadix>(values, unit);
                repeat<kRadix>(
                    [&](auto i) FWHT_UNROLLED { store(tile + (at + i * kDistance) * kLanes, values[i]); });
            }
        }
        HighPasses<kDistance * kRadix, kVectors>::run(tile, vectors);
    }
};

template <int kVectors>
struct HighPasses<kVectors, kVectors> {
    static FWHT_INLINE void run(float*, ptrdiff_t) {}
};

}  // namespace
}  // namespace fwht
