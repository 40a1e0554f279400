// The activation of a layer, and rounding to the type of its output.
#pragma once

#include "../vector_access.h"

#if !defined(__CUDACC_RTC__)
#include <cmath>
#endif

namespace fwht {

FWHT_HD float infinity() {
#if defined(__CUDA_ARCH__)
    return __int_as_float(0x7f800000);
#elif !defined(__CUDACC_RTC__)
    return HUGE_VALF;
#else
    return 0.0f;
#endif
}

// Between bounds, which are infinite where there are none. A NaN is kept.
FWHT_HD float clamp(float y, float low, float high) {
#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
    asm("max.NaN.f32 %0, %0, %1; min.NaN.f32 %0, %0, %2;" : "+f"(y) : "f"(low), "f"(high));
    return y;
#elif defined(__CUDA_ARCH__)
    asm("{.reg .pred p; setp.num.f32 p, %0, %0; @p max.f32 %0, %0, %1; @p min.f32 %0, %0, %2;}"
        : "+f"(y)
        : "f"(low), "f"(high));
    return y;
#else
    return y < low ? low : y > high ? high : y;
#endif
}

template <typename Io>
struct Activation {
    float low;
    float high;

    FWHT_HD explicit Activation(int activation)
        : low(activation == 0 ? -infinity() : 0.0f), high(activation == 6 ? 6.0f : infinity()) {}

    template <int kCount>
    FWHT_HD Pack<Io, kCount> apply(const float (&y)[kCount]) const {
        Pack<Io, kCount> pack;
        FWHT_UNROLL
        for (int i = 0; i < kCount; ++i) {
            pack.at[i] = from_float<Io>(clamp(y[i], low, high));
        }
        return pack;
    }
};

#if defined(__CUDA_ARCH__) && __CUDA_ARCH__ >= 800
// Two values of float16 with one instruction, after rounding: the bounds are float16 numbers, so the order does not matter.
template <>
struct Activation<Half> {
    unsigned low;
    unsigned high;

    __device__ __forceinline__ explicit Activation(int activation)
        : low(activation == 0 ? 0xfc00fc00u : 0u), high(activation == 6 ? 0x46004600u : 0x7c007c00u) {}

    template <int kCount>
    __device__ __forceinline__ Pack<Half, kCount> apply(const float (&y)[kCount]) const {
        union Both {
            unsigned words[(kCount + 1) / 2];
            Pack<Half, kCount> pack;
            __device__ __forceinline__ Both() {}
        };
        Both both;
        FWHT_UNROLL
        for (int i = 0; i < kCount; i += 2) {
            asm("{.reg .b32 two; cvt.rn.f16x2.f32 two, %1, %2; max.NaN.f16x2 two, two, %3; min.NaN.f16x2 %0, two, %4;}"
                : "=r"(both.words[i / 2])
                : "f"(y[i + 1 < kCount ? i + 1 : i]), "f"(y[i]), "r"(low), "r"(high));
        }
        return both.pack;
    }
};
#endif

}  // namespace fwht
