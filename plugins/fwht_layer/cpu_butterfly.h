// The Walsh-Hadamard transform across vectors in registers, natural order, without a factor. Included per instruction
// set.
#pragma once

#include "../cpu/vector.h"

namespace fwht {
namespace {

// a + b and a - b. On the multipliers, which would idle in a pass of butterflies alone, the difference rounds alike:
// processors with separate adders then make twice as many of them. Beside the thresholds the multipliers are busy.
struct OnMultipliers {
    Vector one = hidden_one();
    FWHT_INLINE Vector subtract(Vector a, Vector b) const { return subtract_fused(a, b, one); }
};

struct OnAdders {
    FWHT_INLINE Vector subtract(Vector a, Vector b) const { return a - b; }
};

template <typename Unit>
FWHT_INLINE void butterfly(Vector& a, Vector& b, const Unit& unit) {
    const Vector difference = unit.subtract(a, b);
    a = a + b;
    b = difference;
}

// The stages of strides kFrom, 2 kFrom ... kTo / 2 on `values`.
template <int kFrom, int kTo, int kRows>
struct CpuStages {
    template <typename Unit>
    static FWHT_INLINE void run(Vector (&values)[kRows], const Unit& unit) {
        repeat<kTo / 2>([&](auto i) FWHT_UNROLLED {
            constexpr int kPlace = decltype(i)::kIndex / kFrom * 2 * kFrom + decltype(i)::kIndex % kFrom;
            butterfly(values[kPlace], values[kPlace + kFrom], unit);
        });
        CpuStages<2 * kFrom, kTo, kRows>::run(values, unit);
    }
};

template <int kTo, int kRows>
struct CpuStages<kTo, kTo, kRows> {
    template <typename Unit>
    static FWHT_INLINE void run(Vector (&)[kRows], const Unit&) {}
};

// H_kLength on the first kLength values.
template <int kLength, int kRows, typename Unit>
FWHT_INLINE void transform(Vector (&values)[kRows], const Unit& unit) {
    CpuStages<1, kLength, kRows>::run(values, unit);
}

}  // namespace
}  // namespace fwht
