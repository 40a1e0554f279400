// The two thresholds, lane by lane. Included per instruction set.
#pragma once

#include "../cpu/vector.h"

namespace fwht {
namespace {

// tanh of a size s as s p(s^2) / q(s^2), s held at kFar. The approximation errs by 0.6 u (u = 2^-24) and the roundings add
// to it: at most 4 u with fused multiply-adds, 6 u without, over all float32 (tests/plugins/test_cpu_threshold.py); the
// tolerance grants 8. A NaN comes through.
FWHT_INLINE Vector smooth_size(Vector size) {
    constexpr float kFar = 8.8f;
    const Vector x = lower(splat(kFar), size);
    const Vector z = x * x;
    Vector p = multiply_add(splat(0.0173105244f), z, splat(26.3357677f));
    p = multiply_add(p, z, splat(4431.52979f));
    p = multiply_add(p, z, splat(169054.031f));
    p = multiply_add(p, z, splat(1262159.25f));
    Vector q = z + splat(417.9039f);
    q = multiply_add(q, z, splat(32735.0996f));
    q = multiply_add(q, z, splat(589773.625f));
    q = multiply_add(q, z, splat(1262159.25f));
    return x * p / q;
}

// tanh(s).
FWHT_INLINE Vector smooth_sign(Vector s) { return with_sign_of(smooth_size(size_of(s)), s); }

// max(|s| - threshold, 0).
FWHT_INLINE Vector excess(Vector size, Vector threshold) { return upper(splat(0.0f), size - threshold); }

template <bool kSoft>
FWHT_INLINE Vector bend(Vector s, Vector threshold) {
    const Vector size = size_of(s);
    const Vector rest = excess(size, threshold);
    // The sign comes last and by logic, since the multipliers are what all of this waits for. sgn(0) = 0 matters where
    // the threshold is negative.
    return kSoft ? with_sign_or_zero(size, rest, s) : with_sign_of(smooth_size(size) * rest, s);
}

// sgn(s), or tanh(s) for the smooth threshold.
template <bool kSoft>
FWHT_INLINE Vector bend_sign(Vector s) {
    return kSoft ? with_sign_or_zero(size_of(s), splat(1.0f), s) : smooth_sign(s);
}

// What differentiates v = t max(|s| - T, 0), t = bend_sign(s): at |s| = T and s = 0 both are 0, as PyTorch has them.
template <bool kSoft>
struct Derivatives {
    Vector open;   // -dv/dT: t where |s| > T, else 0
    Vector slope;  // dv/ds

    FWHT_INLINE Derivatives(Vector s, Vector t, Vector threshold) {
        const Vector rest = excess(size_of(s), threshold);
        open = where_not_zero(rest, t);
        slope = kSoft ? size_of(open) : multiply_add(splat(1.0f) - t * t, rest, size_of(open));
    }
};

}  // namespace
}  // namespace fwht
