// The Walsh-Hadamard transform across vectors in registers, natural order, without a factor. Included per instruction
// set.
#pragma once

#include "../cpu/vector.h"

namespace fwht {
namespace {

// a + b and a - b. The difference runs on the multipliers, which would idle: processors with separate adders then make
// twice as many butterflies, and the rounding is the same.
FWHT_INLINE void butterfly(Vector& a, Vector& b, Vector one) {
    const Vector difference = subtract_fused(a, b, one);
    a = a + b;
    b = difference;
}

// The stages of strides kFrom, 2 kFrom ... kTo / 2 on `values`.
template <int kFrom, int kTo, int kRows>
struct CpuStages {
    static FWHT_INLINE void run(Vector (&values)[kRows], Vector one) {
        repeat<kTo / 2>([&](auto i) FWHT_UNROLLED {
            constexpr int kPlace = decltype(i)::kIndex / kFrom * 2 * kFrom + decltype(i)::kIndex % kFrom;
            butterfly(values[kPlace], values[kPlace + kFrom], one);
        });
        CpuStages<2 * kFrom, kTo, kRows>::run(values, one);
    }
};

template <int kTo, int kRows>
struct CpuStages<kTo, kTo, kRows> {
    static FWHT_INLINE void run(Vector (&)[kRows], Vector) {}
};

// H_kLength on the first kLength values.
template <int kLength, int kRows>
FWHT_INLINE void transform(Vector (&values)[kRows], Vector one) {
    CpuStages<1, kLength, kRows>::run(values, one);
}

}  // namespace
}  // namespace fwht
