// The smooth threshold, tanh(s) * max(|s| - t, 0) (arXiv 2104.07085), and the soft one, sgn(s) * max(|s| - t, 0).
#pragma once

#include "../float16.h"

#if !defined(__CUDACC_RTC__)
#include <cmath>
#endif

namespace fwht {

FWHT_HD float power_of_2(float x) {
#if defined(__CUDA_ARCH__)
    float result;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
#elif !defined(__CUDACC_RTC__)
    return std::exp2(x);
#else
    return x;
#endif
}

FWHT_HD float reciprocal(float x) {
#if defined(__CUDA_ARCH__)
    float result;  // 0 where x is beyond 2^126, as the limit is here
    asm("rcp.approx.ftz.f32 %0, %1;" : "=f"(result) : "f"(x));
    return result;
#else
    return 1.0f / x;
#endif
}

// What the threshold functions give for one: a half where tanh is made of exponentials, which saves a doubling of each
// value. Whoever scales the result next divides by it.
template <typename Io>
FWHT_HD constexpr float unit() {
    return 0.5f;
}

// tanh(s) / 2 as 1 / 2 - 1 / (exp(2 s) + 1), which overflows to the right limits on both sides and cancels near 0:
// absolute error of a float32 rounding.
FWHT_HD float half_tanh_far(float s) {
    const float log2_e = 1.44269504f;
    return 0.5f - reciprocal(power_of_2(2.0f * log2_e * s) + 1.0f);
}

// unit times tanh for a result in Io, here float32. Below 0.3 s (1 + q p(q)) / 2 with q = s^2 and a polynomial p of the
// least largest error (by Remez' exchange), 1.2e-8 of the value, less than a float32's rounding.
template <typename Io>
FWHT_HD float smooth_sign(float s) {
    const float q = s * s;
    const float near = (((-0.02518615315f * q + 0.0665745435f) * q - 0.1666653155f) * q + 0.5f) * s;
    return fabsf(s) < 0.3f ? near : half_tanh_far(s);
}

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 750
// float16 keeps 11 bits, which the hardware's tanh has too, in one instruction; it is there from sm_75 on.
template <>
FWHT_HD constexpr float unit<Half>() {
    return 1.0f;
}

template <>
FWHT_HD float smooth_sign<Half>(float s) {
    float result;
    asm("tanh.approx.f32 %0, %1;" : "=f"(result) : "f"(s));
    return result;
}
#else
template <>
FWHT_HD float smooth_sign<Half>(float s) {
    return half_tanh_far(s);
}
#endif

// max(|s| - t, 0). A threshold may be negative: then nothing is cut.
FWHT_HD float shrink(float s, float threshold) {
    return fmaxf(fabsf(s) - threshold, 0.0f);
}

// unit times sgn(s), by comparisons, which keep 0, -0 and a NaN.
template <typename Io>
FWHT_HD float sign(float s) {
    return s > 0.0f ? unit<Io>() : s < 0.0f ? -unit<Io>() : s;
}

// A NaN comes through, by the first factor.
template <typename Io, bool kSoft>
FWHT_HD float threshold_of(float s, float limit) {
    return (kSoft ? sign<Io>(s) : smooth_sign<Io>(s)) * shrink(s, limit);
}

}  // namespace fwht
