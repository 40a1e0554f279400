// The smooth threshold, tanh(s) * max(|s| - t, 0) (arXiv 2104.07085), and the soft one, sgn(s) * max(|s| - t, 0).
#pragma once

#include "../float16.h"

#if !defined(__CUDACC_RTC__)
#include <cmath>
#endif

namespace fwht {

FWHT_HD float exponential(float x) {
#if defined(__CUDA_ARCH__)
    return __expf(x);
#elif !defined(__CUDACC_RTC__)
    return std::exp(x);
#else
    return x;
#endif
}

FWHT_HD float quotient(float a, float b) {
#if defined(__CUDA_ARCH__)
    return __fdividef(a, b);  // 0 where b is beyond 2^126, as the limit is here
#else
    return a / b;
#endif
}

// The exponential form, which overflows to the right limit and cancels near 0: absolute error of a float32 rounding.
FWHT_HD float tanh_far(float s) {
    return copysignf(1.0f - quotient(2.0f, exponential(2.0f * fabsf(s)) + 1.0f), s);
}

// tanh for a result in Io, here float32. Below 0.3 five terms of its series; the sixth is 5e-8 of the value.
template <typename Io>
FWHT_HD float smooth_sign(float s) {
    const float q = s * s;
    const float series = (((62.0f / 2835.0f * q - 17.0f / 315.0f) * q + 2.0f / 15.0f) * q - 1.0f / 3.0f) * q * s + s;
    return fabsf(s) < 0.3f ? series : tanh_far(s);
}

// float16 keeps 11 bits, which the hardware's tanh has too, in one instruction; it is there from sm_75 on.
template <>
FWHT_HD float smooth_sign<Half>(float s) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 750
    float result;
    asm("tanh.approx.f32 %0, %1;" : "=f"(result) : "f"(s));
    return result;
#else
    return tanh_far(s);
#endif
}

// A threshold may be negative: then nothing is cut. A NaN comes through, by the first factor.
template <typename Io>
FWHT_HD float smooth_threshold(float s, float threshold) {
    return smooth_sign<Io>(s) * fmaxf(fabsf(s) - threshold, 0.0f);
}

// The same with sgn(s) in place of tanh(s). Comparisons keep 0, -0 and a NaN as the first factor.
FWHT_HD float soft_threshold(float s, float threshold) {
    const float sign = s > 0.0f ? 1.0f : s < 0.0f ? -1.0f : s;
    return sign * fmaxf(fabsf(s) - threshold, 0.0f);
}

template <typename Io, bool kSoft>
FWHT_HD float threshold_of(float s, float limit) {
    return kSoft ? soft_threshold(s, limit) : smooth_threshold<Io>(s, limit);
}

}  // namespace fwht
